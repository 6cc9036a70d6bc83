/** Where the states of the stacks are and what seals them, from the same few variables for every driver. Pure. */
import { derivePassphrase } from "./seal.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The engine's driver opens up to 2 x GOMAXPROCS connections a process and takes no setting of its own for it (source:
 * pulumi/pkg v3.259.0 backend/diy/postgres/bucket.go), so that the number of processors is what bounds them.
 */
const engineProcessors = 1;

/** Most connections to PostgreSQL of one run: its engine processes come one after the other. */
export const engineConnections = 2 * engineProcessors;

/** Shown in pg_stat_activity. */
export const engineConnectionName = "clawfleet-engine";

/**
 * PULUMI_BACKEND_URL: the one that is set, else the database. PULUMI_CONFIG_PASSPHRASE: the one that is set, else derived from
 * CLAWFLEET_MASTER_KEY. What cannot be told is absent. GOMAXPROCS bounds the engine's connections; one that is set stands.
 * @throws RangeError for a master key that is none.
 */
export function backendEnvironment(environment: Environment): Record<string, string> {
  const { PULUMI_BACKEND_URL, DATABASE_URL, PULUMI_CONFIG_PASSPHRASE, CLAWFLEET_MASTER_KEY } = environment;
  const bounds = {
    GOMAXPROCS: environment["GOMAXPROCS"] ?? String(engineProcessors),
    PGAPPNAME: environment["PGAPPNAME"] ?? engineConnectionName,
  };
  const backend = PULUMI_BACKEND_URL ?? (DATABASE_URL === undefined ? undefined : withoutTls(DATABASE_URL));
  const passphrase =
    PULUMI_CONFIG_PASSPHRASE ??
    (CLAWFLEET_MASTER_KEY === undefined ? undefined : derivePassphrase(CLAWFLEET_MASTER_KEY));
  return {
    ...(backend === undefined ? {} : { PULUMI_BACKEND_URL: backend }),
    ...(passphrase === undefined ? {} : { PULUMI_CONFIG_PASSPHRASE: passphrase }),
    ...bounds,
  };
}

/** Pulumi's driver insists on TLS unless told otherwise; a server on this machine has none. */
function withoutTls(databaseUrl: string): string {
  const url = new URL(databaseUrl);
  const local = url.hostname === "127.0.0.1" || url.hostname === "localhost";
  if (local && !url.searchParams.has("sslmode")) url.searchParams.set("sslmode", "disable");
  return url.href;
}
