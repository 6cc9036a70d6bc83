/** Cells under /api/v1/cells: how full they are, who serves them, and whether they take new instances. */
import { Hono } from "hono";
import { z } from "zod";
import { cellNameSchema } from "../../infra/config.ts";
import { cellStack } from "../../components/naming.ts";
import type { CellAnswer, CellsAnswer } from "../operators/cells.ts";
import { noCell } from "../operators/problems.ts";
import { access, type OperatorEnv } from "./access.ts";
import * as answers from "./answers.ts";
import { applyQuery, type OperationReader } from "./operations.ts";
import { validate } from "./validate.ts";

export type CellDeps = {
  operations: Pick<OperationReader, "list" | "lastId" | "isIdle">;
  readCells(): Promise<CellsAnswer>;
  /** @throws not_found */
  drainCell(input: { cell: string; drained: boolean; actor: string }): Promise<void>;
  /** @throws not_found, input_invalid */
  applyCell(input: { cell: string; refresh: boolean; actor: string }): Promise<void>;
};

const cellParam = z.object({ cell: cellNameSchema });
const drained = z.object({ cell: z.string(), drained: z.boolean() });

export function createCellRoutes(deps: CellDeps) {
  async function mustFind(name: string): Promise<CellAnswer> {
    const cell = (await deps.readCells()).cells.find((one) => one.name === name);
    if (!cell) throw noCell(name);
    return cell;
  }

  return new Hono<OperatorEnv>()
    .get(
      "/",
      access({
        scope: "read",
        summary: "Every cell: how full it is, and who works on it",
        status: 200,
        answer: z.object({ cells: z.array(answers.cell), waiting: z.number() }),
      }),
      async (c) => c.json(await deps.readCells()),
    )
    .get(
      "/:cell",
      access({
        scope: "read",
        summary: "One cell with its last operations, and whether an order about it is still to be done",
        status: 200,
        answer: z.object({
          idle: answers.idle,
          cell: answers.cell,
          operations: z.array(answers.operation),
        }),
      }),
      validate("param", cellParam),
      async (c) => {
        const { cell: name } = c.req.valid("param");
        // First: what a job that has ended left behind is in all that is read after this.
        const idle = await deps.operations.isIdle(cellStack(name));
        const cell = await mustFind(name);
        return c.json({ idle, cell, operations: await deps.operations.list(cellStack(name), 20) });
      },
    )
    .post(
      "/:cell/apply",
      access({ scope: "operate", summary: "Converge a cell now", status: 202, answer: answers.follow }),
      validate("param", cellParam),
      validate("query", applyQuery),
      async (c) => {
        const { cell } = c.req.valid("param");
        const after = await deps.operations.lastId();
        const refresh = c.req.valid("query").refresh === "true";
        await deps.applyCell({ cell, refresh, actor: c.get("operator").name });
        return c.json({ after }, 202);
      },
    )
    .put(
      "/:cell/drained",
      access({ scope: "operate", summary: "Place no new instances in a cell", status: 200, answer: drained }),
      validate("param", cellParam),
      async (c) => {
        const { cell } = c.req.valid("param");
        await deps.drainCell({ cell, drained: true, actor: c.get("operator").name });
        return c.json({ cell, drained: true });
      },
    )
    .delete(
      "/:cell/drained",
      access({
        scope: "operate",
        summary: "Let a cell take new instances again",
        status: 200,
        answer: drained,
      }),
      validate("param", cellParam),
      async (c) => {
        const { cell } = c.req.valid("param");
        await deps.drainCell({ cell, drained: false, actor: c.get("operator").name });
        return c.json({ cell, drained: false });
      },
    );
}
