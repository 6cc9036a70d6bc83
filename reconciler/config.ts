/** Configuration from the environment. Every mistake is reported at once; no default is a secret. */
import { z } from "zod";
import { paddleVariables, toPaddleSettings, type PaddleSettings } from "./billing/paddle-settings.ts";
import { readAccounts, type AccountTokens } from "./account-tokens.ts";
import type { Role } from "./db/connections.ts";
import { exchangeVariables, type Rates } from "./money/exchange.ts";
import { driftVariables, toDriftSettings, type DriftSettings } from "./drift/settings.ts";
import { listTracingSecrets, toTracing, tracingVariables, type TracingSettings } from "./tracing-settings.ts";
import { gitopsSecrets, gitopsVariables, toGitopsSettings, type GitopsSettings } from "./gitops/settings.ts";
import type { CarrierSettings } from "./messages/carriers.ts";
import {
  listMessageProblems,
  listMessageSecrets,
  messageVariables,
  toCarrierSettings,
} from "./messages/settings.ts";

const seconds = (fallback: number, min: number, max: number) =>
  z.coerce.number().min(min).max(max).default(fallback);

const listenSchema = z.string().regex(/^[^:\s]+:\d{1,5}$/, "host:port");

/** What a process needs that runs converges and nothing else. */
const workSchema = z.object({
  /** Without it `start` has an embedded PostgreSQL that keeps its data in CLAWFLEET_DATA_DIR. */
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }).optional(),
  /** 32 bytes as hex: seals customers' secrets and, derived, the states of the stacks. */
  CLAWFLEET_MASTER_KEY: z
    .string()
    .regex(/^[0-9a-f]{64}$/, "64 hex digits; make one with: openssl rand -hex 32"),
  /** A process with `work` listens only where it is told to. */
  CLAWFLEET_LISTEN: listenSchema.optional(),
  /** Bearer key of /metrics; without it whoever reaches the address may read them. */
  CLAWFLEET_METRICS_KEY: z.string().min(32, "at least 32 characters").optional(),
  CLAWFLEET_WORKERS: z.coerce.number().int().min(1).max(64).default(2),
  CLAWFLEET_CONVERGE_DEADLINE_SECONDS: seconds(1800, 10, 14_400),
  /** How long a stop waits for runs before it interrupts them and hands their jobs back. */
  CLAWFLEET_DRAIN_SECONDS: seconds(600, 0, 14_400),
  /** Wait after a first failure of an instance; it doubles, up to ten minutes. */
  CLAWFLEET_RETRY_SECONDS: seconds(5, 0.1, 600),
  ...driftVariables,
  /** How often each running instance is read: a minute, unless a test has no time. */
  CLAWFLEET_PROBE_SECONDS: seconds(60, 1, 3600),
  /** Machines that are read at once. */
  CLAWFLEET_PROBE_CONCURRENCY: z.coerce.number().int().min(1).max(2000).default(200),
  HCLOUD_ENDPOINT: z.url().default("https://api.hetzner.cloud/v1"),
  CLOUDFLARE_BASE_URL: z.url().default("https://api.cloudflare.com/client/v4"),
  LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "fatal"]).default("info"),
  ...tracingVariables,
});

/** What HTTP, billing and the clocks need beside that. */
const serveSchema = workSchema.extend({
  CLAWFLEET_DATA_DIR: z.string().min(1).default(".clawfleet/data"),
  CLAWFLEET_STACKS_DIR: z.string().min(1).default("stacks"),
  CLAWFLEET_LISTEN: listenSchema.default("127.0.0.1:8080"),
  CLAWFLEET_ADMIN_KEY: z.string().min(32, "at least 32 characters; make one with: openssl rand -hex 32"),
  /** Address under which customers reach the sign-up page. */
  CLAWFLEET_PUBLIC_URL: z.url({ protocol: /^https?$/ }),
  CLAWFLEET_SWEEP_SECONDS: seconds(3600, 1, 86_400),
  CLAWFLEET_DELETE_CAP_COUNT: z.coerce.number().int().min(0).default(10),
  CLAWFLEET_DELETE_CAP_SHARE: z.coerce.number().min(0).max(1).default(0.05),
  STRIPE_SECRET_KEY: z.string().regex(/^(sk|rk)_(test|live)_\w+$/, "a Stripe secret or restricted key"),
  /** Several, separated by commas, while a secret is being rotated. */
  STRIPE_WEBHOOK_SECRET: z
    .string()
    .transform((value) => value.split(",").map((secret) => secret.trim()))
    .pipe(z.array(z.string().startsWith("whsec_", "starts with whsec_")).min(1)),
  /** Stripe Tax reckons tax at the checkout; it must be set up in the account. */
  STRIPE_AUTOMATIC_TAX: z.enum(["true", "false"]).default("false"),
  STRIPE_API_URL: z.url().default("https://api.stripe.com"),
  ...exchangeVariables,
  ...gitopsVariables,
  ...paddleVariables,
  ...messageVariables,
});

export type Address = { hostname: string; port: number };

/** Of every role. */
export type WorkConfig = {
  /** undefined: embedded PostgreSQL, with `start` only. */
  databaseUrl: string | undefined;
  masterKey: string;
  listen: Address | undefined;
  /** Converges at once in this process. */
  /** Of /metrics; undefined: anybody's who reaches it. */
  metricsKey: string | undefined;
  workers: number;
  convergeDeadlineMs: number;
  drainMs: number;
  retryFirstMs: number;
  drift: DriftSettings;
  probe: { intervalMs: number; concurrency: number };
  hetznerUrl: string;
  cloudflareUrl: string;
  /** By account name, `default` for the tokens without suffix. Empty where nothing is done in the clouds. */
  accounts: Record<string, AccountTokens>;
  /** undefined: spans are collected by nobody. */
  tracing: TracingSettings | undefined;
  logLevel: string;
  /** What runners and the Pulumi CLI get of our environment. */
  engineEnvironment: Record<string, string>;
  /** Every value that must never be seen in a log, an event or an answer. */
  secretValues: string[];
};

/** Of `start` and `serve`. */
export type Config = WorkConfig & {
  listen: Address;
  dataDir: string;
  stacksDir: string;
  adminKey: string;
  publicUrl: string;
  sweepIntervalMs: number;
  deleteCap: { count: number; share: number };
  stripe: { secretKey: string; webhookSecrets: string[]; apiUrl: string; automaticTax: boolean };
  /** undefined: nothing is sold or read at Paddle. */
  paddle: PaddleSettings | undefined;
  messages: CarrierSettings;
  exchangeRates: Rates;
  /** undefined: `stacks/` is the folder. */
  gitops: GitopsSettings | undefined;
};

export type Environment = Readonly<Record<string, string | undefined>>;

export class ConfigError extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(
      `configuration is not usable:\n${problems.map((problem) => `  - ${problem}`).join("\n")}\nSee docs/operations.md for every variable.`,
    );
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/** For `start` and `serve`. @throws ConfigError that lists every mistake. */
export function parseConfig(environment: Environment, role: "start" | "serve" = "start"): Config {
  let paddle: PaddleSettings | undefined;
  let gitops: GitopsSettings | undefined;
  const { env, present, accounts } = check(serveSchema, environment, role, (parsed, problems) => {
    problems.push(...listMessageProblems(environment));
    paddle = toPaddleSettings(parsed, problems);
    gitops = toGitopsSettings(parsed, problems);
  });
  const messages = toCarrierSettings(env);
  return {
    ...toWorkConfig(env, present, accounts),
    listen: toAddress(env.CLAWFLEET_LISTEN),
    dataDir: env.CLAWFLEET_DATA_DIR,
    stacksDir: env.CLAWFLEET_STACKS_DIR,
    adminKey: env.CLAWFLEET_ADMIN_KEY,
    publicUrl: env.CLAWFLEET_PUBLIC_URL.replace(/\/$/, ""),
    sweepIntervalMs: env.CLAWFLEET_SWEEP_SECONDS * 1000,
    deleteCap: { count: env.CLAWFLEET_DELETE_CAP_COUNT, share: env.CLAWFLEET_DELETE_CAP_SHARE },
    stripe: {
      secretKey: env.STRIPE_SECRET_KEY,
      webhookSecrets: env.STRIPE_WEBHOOK_SECRET,
      apiUrl: env.STRIPE_API_URL,
      automaticTax: env.STRIPE_AUTOMATIC_TAX === "true",
    },
    paddle,
    messages,
    exchangeRates: env.CLAWFLEET_EXCHANGE_RATES,
    gitops,
    secretValues: listSecrets(env, accounts, [
      ...(gitops?.github ? [gitops.github.privateKey, gitops.github.webhookSecret] : []),
      env.CLAWFLEET_ADMIN_KEY,
      env.STRIPE_SECRET_KEY,
      ...env.STRIPE_WEBHOOK_SECRET,
      ...(paddle === undefined ? [] : [paddle.apiKey, ...paddle.webhookSecrets]),
      ...listMessageSecrets(messages),
    ]),
  };
}

/** For `work`, which needs neither billing nor the operators' key. @throws ConfigError that lists every mistake. */
export function parseWorkConfig(environment: Environment): WorkConfig {
  const { env, present, accounts } = check(workSchema, environment, "work");
  return toWorkConfig(env, present, accounts);
}

function check<Schema extends z.ZodType>(
  schema: Schema,
  environment: Environment,
  role: Role,
  listMore: (parsed: z.output<Schema>, problems: string[]) => void = () => undefined,
) {
  const present = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ""));
  const parsed = schema.safeParse(present);
  const problems = parsed.success ? [] : parsed.error.issues.map(describeIssue);
  if (role !== "start" && present["DATABASE_URL"] === undefined) {
    problems.push(
      `DATABASE_URL is missing: every process with \`${role}\` shares one PostgreSQL; the embedded one is for \`start\` alone`,
    );
  }
  const accounts = readAccounts(present, problems, role);
  if (parsed.success) listMore(parsed.data, problems);
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems);
  return { env: parsed.data, present, accounts };
}

type WorkEnvironment = z.output<typeof workSchema>;

function toWorkConfig(
  env: WorkEnvironment,
  present: Environment,
  accounts: Record<string, AccountTokens>,
): WorkConfig {
  return {
    databaseUrl: env.DATABASE_URL,
    masterKey: env.CLAWFLEET_MASTER_KEY,
    listen: env.CLAWFLEET_LISTEN === undefined ? undefined : toAddress(env.CLAWFLEET_LISTEN),
    metricsKey: env.CLAWFLEET_METRICS_KEY,
    workers: env.CLAWFLEET_WORKERS,
    convergeDeadlineMs: env.CLAWFLEET_CONVERGE_DEADLINE_SECONDS * 1000,
    drainMs: env.CLAWFLEET_DRAIN_SECONDS * 1000,
    retryFirstMs: env.CLAWFLEET_RETRY_SECONDS * 1000,
    drift: toDriftSettings(env),
    probe: {
      intervalMs: env.CLAWFLEET_PROBE_SECONDS * 1000,
      concurrency: env.CLAWFLEET_PROBE_CONCURRENCY,
    },
    hetznerUrl: env.HCLOUD_ENDPOINT.replace(/\/$/, ""),
    cloudflareUrl: env.CLOUDFLARE_BASE_URL.replace(/\/$/, ""),
    accounts,
    tracing: toTracing(env),
    logLevel: env.LOG_LEVEL,
    engineEnvironment: pickEngineEnvironment(present),
    secretValues: listSecrets(env, accounts, []),
  };
}

function describeIssue(issue: z.core.$ZodIssue): string {
  const name = issue.path.join(".");
  const missing = issue.code === "invalid_type" && issue.input === undefined;
  return missing ? `${name} is missing` : `${name}: ${issue.message}`;
}

const engineVariable =
  /^(PULUMI_|HCLOUD_|CLOUDFLARE_|CLAWFLEET_|DATABASE_URL$|PATH$|HOME$|TMPDIR$|XDG_|SSL_CERT_|NODE_EXTRA_CA_CERTS$|HTTPS?_PROXY$|NO_PROXY$)/;
/** Ours alone: no child needs it. */
const withheld = new Set<string>(["CLAWFLEET_ADMIN_KEY", "CLAWFLEET_METRICS_KEY", ...gitopsSecrets]);

function pickEngineEnvironment(environment: Environment): Record<string, string> {
  const picked: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && engineVariable.test(name) && !withheld.has(name)) picked[name] = value;
  }
  return picked;
}

function listSecrets(
  env: WorkEnvironment,
  accounts: Record<string, AccountTokens>,
  others: readonly string[],
): string[] {
  const tokens = Object.values(accounts).flatMap((given) => [given.hcloudToken, given.cloudflareToken]);
  const metricsKey = env.CLAWFLEET_METRICS_KEY === undefined ? [] : [env.CLAWFLEET_METRICS_KEY];
  return [env.CLAWFLEET_MASTER_KEY, ...metricsKey, ...others, ...tokens, ...listTracingSecrets(env)];
}

function toAddress(listen: string): Address {
  const at = listen.lastIndexOf(":");
  return { hostname: listen.slice(0, at), port: Number(listen.slice(at + 1)) };
}
