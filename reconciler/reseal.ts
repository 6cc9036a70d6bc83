/** A new master key: every secret in the rows is opened with the old one and sealed with the new one, all or none. */
import type { Sql, TransactionSql } from "postgres";
import { z } from "zod";
import { derivePassphrase, open, seal, sealContext } from "../infra/seal.ts";
import { ConfigError, type Environment } from "./config.ts";
import { openDatabase, startDatabase } from "./db/database.ts";
import { ClawfleetError } from "./errors.ts";

const masterKeySchema = z
  .string()
  .regex(/^[0-9a-f]{64}$/, "64 hex digits; make one with: openssl rand -hex 32");
const environmentSchema = z
  .object({
    CLAWFLEET_MASTER_KEY: masterKeySchema,
    CLAWFLEET_NEXT_MASTER_KEY: masterKeySchema,
    DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }).optional(),
    CLAWFLEET_DATA_DIR: z.string().min(1).default(".clawfleet/data"),
    PULUMI_CONFIG_PASSPHRASE: z.string().optional(),
  })
  .refine((env) => env.CLAWFLEET_MASTER_KEY !== env.CLAWFLEET_NEXT_MASTER_KEY, "both keys are the same");

/**
 * Rows anew, states as they are. Returns what is to be set from now on.
 * @throws ConfigError, and as `reseal`
 */
export async function resealDatabase(environment: Environment): Promise<string[]> {
  const parsed = environmentSchema.safeParse(environment);
  if (!parsed.success)
    throw new ConfigError(
      parsed.error.issues.map(({ path, message }) => [path.join("."), message].filter(Boolean).join(": ")),
    );
  const env = parsed.data;
  const database = await startDatabase({ url: env.DATABASE_URL, dataDir: env.CLAWFLEET_DATA_DIR });
  const sql = openDatabase(database.url, { max: 1, name: "clawfleet-reseal" });
  try {
    const keys = { from: env.CLAWFLEET_MASTER_KEY, to: env.CLAWFLEET_NEXT_MASTER_KEY };
    const { instances, cells } = await reseal(sql, keys);
    const passphrase = env.PULUMI_CONFIG_PASSPHRASE ?? derivePassphrase(keys.from);
    return [
      `sealed anew: ${instances} instances, ${cells} cells`,
      "everywhere from now on: CLAWFLEET_MASTER_KEY is what CLAWFLEET_NEXT_MASTER_KEY was",
      `the states keep their passphrase: PULUMI_CONFIG_PASSPHRASE=${passphrase}`,
    ];
  } finally {
    await sql.end({ timeout: 5 });
    await database.stop();
  }
}

export type Resealed = { instances: number; cells: number };

/** @throws ClawfleetError conflict while a process of the service is connected; Error when the old key is not the one that sealed */
export async function reseal(sql: Sql, keys: { from: string; to: string }): Promise<Resealed> {
  return await sql.begin(async (tx) => {
    await refuseCompany(tx);
    await tx`lock table clawfleet.instances, clawfleet.cells in exclusive mode`;
    // Links live for ten minutes; whoever waits for one asks again.
    await tx`delete from clawfleet.sign_ins`;
    return {
      instances: await resealInstances(tx, keys),
      cells: await resealCells(tx, keys),
    };
  });
}

/** They would go on with the old key, and seal with it what nobody opens any more. */
async function refuseCompany(tx: TransactionSql): Promise<void> {
  const others = await tx<{ name: string }[]>`
    select distinct application_name as name from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and application_name like 'clawfleet-%'
      and application_name <> 'clawfleet-reseal'
    order by 1`;
  if (others.length === 0) return;
  throw new ClawfleetError({
    code: "conflict",
    message: `the service is running: ${others.map(({ name }) => name).join(", ")}`,
    remedy: "stop every start, serve and work first, and start them with the new key afterwards",
    retry: { kind: "permanent" },
  });
}

const again = ({ from, to }: { from: string; to: string }, sealed: Uint8Array, context: string) =>
  seal(to, open(from, sealed, context), context);

async function resealInstances(tx: TransactionSql, keys: { from: string; to: string }): Promise<number> {
  const rows = await tx<{ id: string; secrets: Uint8Array }[]>`
    select id, secrets from clawfleet.instances where length(secrets) > 0`;
  for (const { id, secrets } of rows) {
    const sealed = again(keys, secrets, sealContext.instance(id));
    await tx`update clawfleet.instances set secrets = ${sealed} where id = ${id}`;
  }
  return rows.length;
}

async function resealCells(tx: TransactionSql, keys: { from: string; to: string }): Promise<number> {
  const rows = await tx<{ name: string; secrets: Uint8Array }[]>`
    select name, secrets from clawfleet.cells where length(secrets) > 0`;
  for (const { name, secrets } of rows) {
    const sealed = again(keys, secrets, sealContext.cell(name));
    await tx`update clawfleet.cells set secrets = ${sealed} where name = ${name}`;
  }
  return rows.length;
}
