/** Where Pulumi's PostgreSQL backend keeps its rows. */

/** Begins every key; the database's name is part of it (pulumi: backend/diy/backend.go). */
export function stateRoot(databaseUrl: string): string {
  return `${new URL(databaseUrl).pathname.slice(1)}/.pulumi`;
}
