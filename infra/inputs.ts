/** What the program runs on: read from our rows, the stack's file and the environment, the same way by both drivers. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import postgres from "postgres";
import type { Sql } from "postgres";
import { parseCellStack } from "../components/naming.ts";
import { findToken, tokenVariable, type TokenCloud } from "./accounts.ts";
import {
  cellSecretsSchema,
  cellSettingsSchema,
  instanceSecretsSchema,
  locationSchema,
  overrideSchema,
  phases,
  type CellSecrets,
  type CellSettings,
  type InstanceSecrets,
  type Location,
  type Override,
  type Phase,
} from "./config.ts";
import { planSchema, type Plan } from "./plans.ts";
import { cellOutputsSchema, type CellOutputs } from "./outputs.ts";
import type { ProposedInputs } from "./runner-protocol.ts";
import { open, sealContext } from "./seal.ts";
import { parseCellSettings, parseOverride, parsePlans } from "./stack-file.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export type Credentials = { hcloudToken: string; cloudflareToken: string };

export type CellInputs = {
  kind: "cell";
  name: string;
  settings: CellSettings;
  secrets: CellSecrets;
  credentials: Credentials;
  generation: number;
  /** An update of it succeeded once, so its stack should exist. */
  converged: boolean;
  pollInterval: string;
};

export type InstanceInputs = {
  kind: "instance";
  id: string;
  slug: string;
  phase: Phase;
  plan: Plan;
  override: Override;
  /** Chosen by the reconciler; an override beats it. */
  placement: { serverType: string; location: Location };
  privateIp: string;
  /** It was ready once, and not archived since: its server holds a customer's data. */
  established: boolean;
  /** Snapshot that a new server is made from instead of the cell's image: it comes back from the archive. */
  snapshotId: string | null;
  cell: { name: string; settings: CellSettings; outputs: CellOutputs; sshPrivateKey: string };
  secrets: InstanceSecrets;
  credentials: Credentials;
  generation: number;
  /** An update of it succeeded once, so its stack should exist. */
  converged: boolean;
  pollInterval: string;
};

export type ProgramInputs = CellInputs | InstanceInputs;

/**
 * Where plans, overrides and cell settings come from. `rows`: what the service decided, for a worker, which may have an old
 * `stacks/` or none. `files`: what a person has in front of them, so that a preview shows an edit before it is merged.
 */
export type Truth = "rows" | "files";

export type InputSources = {
  truth: Truth;
  sql: Sql;
  masterKey: string;
  stacksDir: string;
  environment: Environment;
};

export class InputsError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "InputsError";
  }
}

/** Opens the database for one reading. @throws InputsError naming the variable that is missing. */
export async function loadInputs(
  environment: Environment,
  stack: string,
  truth: Truth,
): Promise<ProgramInputs> {
  const url = need(environment, "DATABASE_URL");
  const masterKey = need(environment, "CLAWFLEET_MASTER_KEY");
  const connection = { application_name: "clawfleet-inputs" };
  const sql = postgres(url, { max: 1, connect_timeout: 10, onnotice: () => undefined, connection });
  try {
    const stacksDir = environment["CLAWFLEET_STACKS_DIR"] ?? "stacks";
    return await readInputs({ truth, sql, masterKey, stacksDir, environment }, stack);
  } finally {
    await sql.end({ timeout: 5 });
  }
}

/** What would be applied if somebody decided it. @throws InputsError for a cell, whose settings nobody proposes this way. */
export function withProposal(inputs: ProgramInputs, proposal: ProposedInputs): ProgramInputs {
  if (inputs.kind === "cell") throw new InputsError(`${inputs.name} is a cell: there is no preview of it`);
  return { ...inputs, ...proposal };
}

/** @throws InputsError when there is no such instance or cell, StackFileError when its file is wrong. */
export async function readInputs(sources: InputSources, stack: string): Promise<ProgramInputs> {
  const cell = parseCellStack(stack);
  return cell === undefined ? await readInstanceInputs(sources, stack) : await readCellInputs(sources, cell);
}

async function readCellInputs(sources: InputSources, name: string): Promise<CellInputs> {
  const [row] = await sources.sql<
    { settings: unknown; secrets: Uint8Array; generation: string; converged: boolean }[]
  >`
    select settings, secrets, generation, observed_generation > 0 as converged from clawfleet.cells where name = ${name}`;
  if (!row)
    throw new InputsError(
      `there is no cell ${name}: the service knows it once stacks/Pulumi.cell.${name}.yaml exists`,
    );
  const text = await readStackFile(sources, `Pulumi.cell.${name}.yaml`);
  const settings =
    text === undefined ? cellSettingsSchema.parse(row.settings) : parseCellSettings(text.content, text.file);
  return {
    kind: "cell",
    name,
    settings,
    secrets: cellSecretsSchema.parse(open(sources.masterKey, row.secrets, sealContext.cell(name))),
    credentials: readCredentials(sources.environment, settings.account),
    generation: Number(row.generation),
    converged: row.converged,
    pollInterval: readPollInterval(sources.environment),
  };
}

type InstanceRow = {
  id: string;
  slug: string;
  phase: string;
  plan: string;
  serverType: string;
  location: string;
  override: unknown;
  planSettings: unknown;
  privateIp: string | null;
  secrets: Uint8Array;
  generation: string;
  cell: string;
  settings: unknown;
  outputs: unknown;
  established: boolean;
  snapshotId: string | null;
  converged: boolean;
  cellSecrets: Uint8Array;
};

async function readInstanceInputs(sources: InputSources, slug: string): Promise<InstanceInputs> {
  const [row] = await sources.sql<InstanceRow[]>`
    select i.id, i.slug, i.phase, i.plan, i.server_type as "serverType", i.location, host(i.private_ip) as "privateIp",
      i.override, i.plan_settings as "planSettings", i.secrets, i.generation, i.cell, c.settings, c.outputs, c.secrets as "cellSecrets",
      i.ready_at is not null and i.observed_phase is distinct from 'archived' as established,
      i.snapshot_id as "snapshotId", i.observed_generation > 0 as converged
    from clawfleet.instances i join clawfleet.cells c on c.name = i.cell
    where i.slug = ${slug} and i.status <> 'gone'`;
  if (!row) throw new InputsError(`there is no instance named ${slug}, or it has no cell yet`);
  if (row.privateIp === null) throw new InputsError(`${slug} has no private address yet`);
  const outputs = cellOutputsSchema.safeParse(row.outputs);
  if (!outputs.success) throw new InputsError(`the cell ${row.cell} of ${slug} is not up yet`);

  const settings = cellSettingsSchema.parse(row.settings);
  const { override, plan } = await readChoices(sources, row);
  const cellSecrets = cellSecretsSchema.parse(
    open(sources.masterKey, row.cellSecrets, sealContext.cell(row.cell)),
  );
  return {
    kind: "instance",
    id: row.id,
    slug: row.slug,
    phase: parsePhase(row.phase),
    plan,
    override,
    placement: { serverType: row.serverType, location: locationSchema.parse(row.location) },
    privateIp: row.privateIp,
    established: row.established,
    snapshotId: row.snapshotId,
    cell: { name: row.cell, settings, outputs: outputs.data, sshPrivateKey: cellSecrets.sshPrivateKey },
    secrets: instanceSecretsSchema.parse(open(sources.masterKey, row.secrets, sealContext.instance(row.id))),
    credentials: readCredentials(sources.environment, settings.account),
    generation: Number(row.generation),
    converged: row.converged,
    pollInterval: readPollInterval(sources.environment),
  };
}

async function readChoices(
  sources: InputSources,
  row: InstanceRow,
): Promise<{ override: Override; plan: Plan }> {
  // Rows from before plans were kept in them are brought up to date by the next sweep.
  if (sources.truth === "rows" && row.planSettings !== null) {
    return { override: overrideSchema.parse(row.override), plan: planSchema.parse(row.planSettings) };
  }
  const files = { ...sources, truth: "files" } as const;
  const text = await readStackFile(files, `Pulumi.${row.slug}.yaml`);
  const override = text === undefined ? {} : parseOverride(text.content, text.file);
  return { override, plan: await readPlan(files, override.plan ?? row.plan, row.slug) };
}

async function readPlan(sources: InputSources, planId: string, slug: string): Promise<Plan> {
  const text = await readStackFile(sources, "plans.yaml");
  if (!text) throw new InputsError(`there is no ${join(sources.stacksDir, "plans.yaml")}`);
  const plans = parsePlans(text.content, text.file);
  const plan = plans[planId];
  if (plan) return plan;
  throw new InputsError(
    `${slug} has the plan ${planId}, and ${text.file} has only ${Object.keys(plans).join(", ")}`,
  );
}

/** undefined when there is no such file (a person may have written none), or when rows decide. */
async function readStackFile(
  { truth, stacksDir }: InputSources,
  name: string,
): Promise<{ file: string; content: string } | undefined> {
  if (truth === "rows") return undefined;
  const file = join(stacksDir, name);
  try {
    return { file, content: await readFile(file, "utf8") };
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** @throws InputsError when this environment has no token of the account's own. */
export function readCredentials(environment: Environment, account: string): Credentials {
  const find = (cloud: TokenCloud): string => {
    const token = findToken(environment, cloud, account);
    if (token !== undefined) return token;
    throw new InputsError(`${tokenVariable(cloud, account)} is not set (docs/operations.md, section 4)`);
  };
  return { hcloudToken: find("hetzner"), cloudflareToken: find("cloudflare") };
}

/** A Go duration: how often the Hetzner provider asks for a running action. */
function readPollInterval(environment: Environment): string {
  return environment["CLAWFLEET_POLL_INTERVAL"] ?? "1s";
}

function parsePhase(text: string): Phase {
  const phase = phases.find((candidate) => candidate === text);
  if (phase === undefined) throw new InputsError(`unknown phase ${text}`);
  return phase;
}

function need(environment: Environment, name: string): string {
  const value = environment[name];
  if (value === undefined || value === "")
    throw new InputsError(`${name} is not set (docs/operations.md, section 2)`);
  return value;
}
