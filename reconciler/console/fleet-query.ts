/** What the address of the fleet table says: filter, order, page; and the addresses beside it. Pure. */
import { z } from "zod";
import { phases } from "../../infra/config.ts";
import { fleetSorts, type FleetCursor, type FleetSort, type FleetTableFilter } from "../db/fleet-table.ts";
import { verdicts } from "../health/decide.ts";
import { instanceStatuses } from "../web/order-view.ts";

export type FleetQuery = FleetTableFilter & {
  sort: FleetSort;
  descending: boolean;
  after?: FleetCursor | undefined;
  before?: FleetCursor | undefined;
};

/** What somebody typed into the address is passed over, not refused. */
const optional = <Schema extends z.ZodType>(schema: Schema) => schema.optional().catch(undefined);
const word = z.string().trim().min(1).max(100);
const cursorSchema = z.tuple([z.string().max(200), z.string().max(64)]);

const cursor = optional(z.string().max(500)).transform(decodeCursor);

/** For `validate`, which looks into the cursors too: they are decoded here. */
export const fleetQuerySchema = z
  .object({
    q: optional(word),
    status: optional(z.enum(instanceStatuses)),
    phase: optional(z.enum(phases)),
    plan: optional(word),
    cell: optional(word),
    health: optional(z.enum(verdicts)),
    sort: z.enum(fleetSorts).catch("status"),
    order: z.enum(["up", "down"]).catch("up"),
    after: cursor,
    before: cursor,
  })
  .transform(({ q, order, ...rest }): FleetQuery => ({ ...rest, search: q, descending: order === "down" }));

/** The table's address with some of it changed. A page is left when what it is a page of changes. */
export function toFleetPath(query: FleetQuery, changes: Partial<FleetQuery> = {}): string {
  const next = { ...query, after: undefined, before: undefined, ...changes };
  const parts: [string, string | undefined][] = [
    ["q", next.search],
    ["status", next.status],
    ["phase", next.phase],
    ["plan", next.plan],
    ["cell", next.cell],
    ["health", next.health],
    ["sort", next.sort === "status" ? undefined : next.sort],
    ["order", next.descending ? "down" : undefined],
    ["after", next.after && encodeCursor(next.after)],
    ["before", next.before && encodeCursor(next.before)],
  ];
  const search = new URLSearchParams();
  for (const [name, value] of parts) if (value !== undefined) search.set(name, value);
  return search.size === 0 ? "/console" : `/console?${search.toString()}`;
}

/** A second look at the same column turns it round. */
export function toSortPath(query: FleetQuery, sort: FleetSort): string {
  return toFleetPath(query, { sort, descending: query.sort === sort && !query.descending });
}

function encodeCursor({ value, id }: FleetCursor): string {
  return Buffer.from(JSON.stringify([value, id])).toString("base64url");
}

function decodeCursor(text: string | undefined): FleetCursor | undefined {
  if (text === undefined) return undefined;
  try {
    const [value, id] = cursorSchema.parse(JSON.parse(Buffer.from(text, "base64url").toString()));
    return { value, id };
  } catch {
    return undefined;
  }
}
