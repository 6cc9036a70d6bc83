/** What a search of the fleet finds: the same in the console and in `fleet list`. */
import type { Sql } from "postgres";

/** Of `i`: part of the name, the e-mail address or the id. Capitals make no difference: names and ids have none. */
export function matchesSearch(sql: Sql, search: string | undefined) {
  if (search === undefined) return sql`true`;
  const pattern = `%${search.toLowerCase().replaceAll(/[\\%_]/g, "\\$&")}%`;
  return sql`(i.slug like ${pattern} or lower(i.email) like ${pattern} or i.id like ${pattern})`;
}
