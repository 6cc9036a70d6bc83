/** The fleet as a table. */
import { Hono } from "hono";
import type { Sql } from "postgres";
import { countFleetTable, listFleetChoices, readFleetTable } from "../db/fleet-table.ts";
import { validate } from "../routes/validate.ts";
import { FleetPage } from "./fleet-page.tsx";
import { fleetQuerySchema } from "./fleet-query.ts";
import type { ConsoleEnv } from "./guard.ts";

const pageLength = 50;

export function createFleetRoutes({ sql }: { sql: Sql }) {
  return new Hono<ConsoleEnv>().get("/", validate("query", fleetQuerySchema), async (c) => {
    const query = c.req.valid("query");
    const [page, counts, choices] = await Promise.all([
      readFleetTable(sql, { ...query, limit: pageLength }),
      countFleetTable(sql, query),
      listFleetChoices(sql),
    ]);
    return await c.html(
      <FleetPage viewer={c.get("viewer")} query={query} page={page} counts={counts} choices={choices} />,
    );
  });
}
