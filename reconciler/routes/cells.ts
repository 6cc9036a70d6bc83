/** Cells under /api/v1/cells: how full they are, who serves them, and whether they take new instances. */
import { Hono } from "hono";
import { z } from "zod";
import { cellNameSchema } from "../../infra/config.ts";
import type { CellsAnswer } from "../operators/cells.ts";
import { validate } from "./validate.ts";

export type CellDeps = {
  readCells(): Promise<CellsAnswer>;
  /** @throws not_found */
  drainCell(input: { cell: string; drained: boolean; actor: string }): Promise<void>;
};

const cellParam = z.object({ cell: cellNameSchema });

export function createCellRoutes(deps: CellDeps, actor: string) {
  return new Hono()
    .get("/", async (c) => c.json(await deps.readCells()))
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
