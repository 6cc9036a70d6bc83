/** Cells under /api/v1/cells: how full they are, who serves them, and whether they take new instances. */
import { Hono } from "hono";
import { z } from "zod";
import { cellNameSchema } from "../../infra/config.ts";
import { cellStack } from "../../components/naming.ts";
import type { CellAnswer, CellsAnswer } from "../operators/cells.ts";
import { noCell } from "../operators/problems.ts";
import { applyQuery, type OperationsDeps } from "./operations.ts";
import { validate } from "./validate.ts";

export type CellDeps = {
  operations: Pick<OperationsDeps, "list" | "lastId">;
  readCells(): Promise<CellsAnswer>;
  /** @throws not_found */
  drainCell(input: { cell: string; drained: boolean; actor: string }): Promise<void>;
  /** @throws not_found, input_invalid */
  applyCell(input: { cell: string; refresh: boolean; actor: string }): Promise<void>;
};

const cellParam = z.object({ cell: cellNameSchema });

export function createCellRoutes(deps: CellDeps, actor: string) {
  async function mustFind(name: string): Promise<CellAnswer> {
    const cell = (await deps.readCells()).cells.find((one) => one.name === name);
    if (!cell) throw noCell(name);
    return cell;
  }

  return new Hono()
    .get("/", async (c) => c.json(await deps.readCells()))
    .get("/:cell", validate("param", cellParam), async (c) => {
      const { cell } = c.req.valid("param");
      return c.json({
        cell: await mustFind(cell),
        operations: await deps.operations.list(cellStack(cell), 20),
      });
    })
    .post("/:cell/apply", validate("param", cellParam), validate("query", applyQuery), async (c) => {
      const { cell } = c.req.valid("param");
      const after = await deps.operations.lastId();
      await deps.applyCell({ cell, refresh: c.req.valid("query").refresh === "true", actor });
      return c.json({ after }, 202);
    })
    .put("/:cell/drained", validate("param", cellParam), async (c) => {
      const { cell } = c.req.valid("param");
      await deps.drainCell({ cell, drained: true, actor });
      return c.json({ cell, drained: true });
    })
    .delete("/:cell/drained", validate("param", cellParam), async (c) => {
      const { cell } = c.req.valid("param");
      await deps.drainCell({ cell, drained: false, actor });
      return c.json({ cell, drained: false });
    });
}
