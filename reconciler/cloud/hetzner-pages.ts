/** Hetzner's lists, from the first page to the last. A list that is cut off is an error: what it leaves out would look lost. */
import { z } from "zod";
import { ClawfleetError } from "../errors.ts";
import type { CloudHttp } from "./http.ts";

/** Most that Hetzner gives at once. */
const perPage = "50";
/** 100,000 objects of a kind: whoever has more has more accounts. */
const maxPages = 2000;

/**
 * Every object of a kind (`servers`, `ssh_keys`) that the filter lets through, each as `item` reads it. By pages: what is deleted
 * meanwhile moves the rest up, so that one who was on the next page may be missed. @throws ClawfleetError
 */
export async function listObjects<Item>(
  http: CloudHttp,
  kind: string,
  item: z.ZodType<Item>,
  filter: Readonly<Record<string, string>> = {},
): Promise<Item[]> {
  const schema = pageSchema(kind, item);
  const found: Item[] = [];
  let next: number | null = 1;
  for (let count = 0; count < maxPages && next !== null; count += 1) {
    const query = new URLSearchParams({ ...filter, per_page: perPage, page: String(next) });
    const page = await http.readList(`/${kind}?${query.toString()}`, schema);
    found.push(...page.items);
    next = page.next;
  }
  if (next === null) return found;
  throw new ClawfleetError({
    code: "cloud_unavailable",
    message: `hetzner: GET /${kind}: the list has no end`,
    retry: { kind: "blocked", by: "hetzner" },
    remedy: "look at HCLOUD_ENDPOINT and at Hetzner's status page",
  });
}

/** Source: Hetzner Cloud API, "Pagination". */
const metaSchema = z.object({ pagination: z.object({ next_page: z.number().nullable() }) });

function pageSchema<Item>(kind: string, item: z.ZodType<Item>) {
  return z
    .looseObject({ meta: metaSchema })
    .transform(({ meta, ...lists }) => ({ items: lists[kind], next: meta.pagination.next_page }))
    .pipe(z.object({ items: z.array(item), next: z.number().nullable() }));
}
