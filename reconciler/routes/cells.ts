/** Cells under /api/v1/cells: how full they are, who serves them, and whether they take new instances. */
import { Hono } from "hono";
import { z } from "zod";
import { cellNameSchema } from "../../infra/config.ts";
import type { CellsAnswer } from "../operators/cells.ts";
import { access, type OperatorEnv } from "./access.ts";
import * as answers from "./answers.ts";
import { validate } from "./validate.ts";

export type CellDeps = {
  readCells(): Promise<CellsAnswer>;
  /** @throws not_found */
  drainCell(input: { cell: string; drained: boolean; actor: string }): Promise<void>;
};

const cellParam = z.object({ cell: cellNameSchema });
const drained = z.object({ cell: z.string(), drained: z.boolean() });

export function createCellRoutes(deps: CellDeps) {
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
