/** Configuration from the environment. Every mistake is reported at once; no default is a secret. */
import { z } from "zod";
import type { CarrierSettings } from "./messages/carriers.ts";
import {
  listMessageProblems,
  listMessageSecrets,
  messageVariables,
  toCarrierSettings,
} from "./messages/settings.ts";

const seconds = (fallback: number, min: number, max: number) =>
  z.coerce.number().min(min).max(max).default(fallback);

const environmentSchema = z.object({
  /** Without it an embedded PostgreSQL keeps its data in CLAWFLEET_DATA_DIR. */
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }).optional(),
  CLAWFLEET_DATA_DIR: z.string().min(1).default(".clawfleet/data"),
  CLAWFLEET_STACKS_DIR: z.string().min(1).default("stacks"),
  /** 32 bytes as hex: seals customers' secrets and, derived, the states of the stacks. */
  CLAWFLEET_MASTER_KEY: z
    .string()
    .regex(/^[0-9a-f]{64}$/, "64 hex digits; make one with: openssl rand -hex 32"),
  CLAWFLEET_ADMIN_KEY: z.string().min(32, "at least 32 characters; make one with: openssl rand -hex 32"),
  /** Address under which customers reach the sign-up page. */
  CLAWFLEET_PUBLIC_URL: z.url({ protocol: /^https?$/ }),
  CLAWFLEET_LISTEN: z
    .string()
    .regex(/^[^:\s]+:\d{1,5}$/, "host:port")
    .default("127.0.0.1:8080"),
  CLAWFLEET_WORKERS: z.coerce.number().int().min(1).max(64).default(2),
  CLAWFLEET_SWEEP_SECONDS: seconds(3600, 1, 86_400),
  CLAWFLEET_CONVERGE_DEADLINE_SECONDS: seconds(1800, 10, 14_400),
  /** Wait after a first failure of an instance; it doubles, up to ten minutes. */
  CLAWFLEET_RETRY_SECONDS: seconds(5, 0.1, 600),
  CLAWFLEET_DELETE_CAP_COUNT: z.coerce.number().int().min(0).default(10),
  CLAWFLEET_DELETE_CAP_SHARE: z.coerce.number().min(0).max(1).default(0.05),
  STRIPE_SECRET_KEY: z.string().regex(/^(sk|rk)_(test|live)_\w+$/, "a Stripe secret or restricted key"),
  /** Several, separated by commas, while a secret is being rotated. */
  STRIPE_WEBHOOK_SECRET: z
    .string()
    .transform((value) => value.split(",").map((secret) => secret.trim()))
    .pipe(z.array(z.string().startsWith("whsec_", "starts with whsec_")).min(1)),
  STRIPE_API_URL: z.url().default("https://api.stripe.com"),
  HCLOUD_ENDPOINT: z.url().default("https://api.hetzner.cloud/v1"),
  CLOUDFLARE_BASE_URL: z.url().default("https://api.cloudflare.com/client/v4"),
  ...messageVariables,
  LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "fatal"]).default("info"),
});

/** HCLOUD_TOKEN or HCLOUD_TOKEN_<ACCOUNT>; the same for Cloudflare. */
const tokenRules = [
  {
    name: /^HCLOUD_TOKEN(_[A-Z0-9]+)?$/,
    value: /^[A-Za-z0-9]{64}$/,
    hint: "a Hetzner Cloud token: exactly 64 letters and digits",
  },
  { name: /^CLOUDFLARE_API_TOKEN(_[A-Z0-9]+)?$/, value: /^[\w-]{20,}$/, hint: "a Cloudflare API token" },
] as const;

export type AccountTokens = { hcloudToken: string; cloudflareToken: string };

export type Config = {
  /** undefined: embedded PostgreSQL in `dataDir`. */
  databaseUrl: string | undefined;
  dataDir: string;
  stacksDir: string;
  masterKey: string;
  adminKey: string;
  publicUrl: string;
  listen: { hostname: string; port: number };
  workers: number;
  sweepIntervalMs: number;
  convergeDeadlineMs: number;
  retryFirstMs: number;
  deleteCap: { count: number; share: number };
  stripe: { secretKey: string; webhookSecrets: string[]; apiUrl: string };
  hetznerUrl: string;
  cloudflareUrl: string;
  /** By account name, `default` for the tokens without suffix. */
  accounts: Record<string, AccountTokens>;
  messages: CarrierSettings;
  logLevel: string;
  /** What runners and the Pulumi CLI get of our environment. */
  engineEnvironment: Record<string, string>;
  /** Every value that must never be seen in a log, an event or an answer. */
  secretValues: string[];
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

/** @throws ConfigError that lists every mistake. */
export function parseConfig(environment: Environment): Config {
  const present = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ""));
  const parsed = environmentSchema.safeParse(present);
  const problems = parsed.success ? [] : parsed.error.issues.map(describeIssue);
  const accounts = readAccounts(present, problems);
  problems.push(...listMessageProblems(present));
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems);
  const env = parsed.data;
  const [hostname, port] = splitListen(env.CLAWFLEET_LISTEN);
  const messages = toCarrierSettings(env);
  return {
    databaseUrl: env.DATABASE_URL,
    dataDir: env.CLAWFLEET_DATA_DIR,
    stacksDir: env.CLAWFLEET_STACKS_DIR,
    masterKey: env.CLAWFLEET_MASTER_KEY,
    adminKey: env.CLAWFLEET_ADMIN_KEY,
    publicUrl: env.CLAWFLEET_PUBLIC_URL.replace(/\/$/, ""),
    listen: { hostname, port },
    workers: env.CLAWFLEET_WORKERS,
    sweepIntervalMs: env.CLAWFLEET_SWEEP_SECONDS * 1000,
    retryFirstMs: env.CLAWFLEET_RETRY_SECONDS * 1000,
    convergeDeadlineMs: env.CLAWFLEET_CONVERGE_DEADLINE_SECONDS * 1000,
    deleteCap: { count: env.CLAWFLEET_DELETE_CAP_COUNT, share: env.CLAWFLEET_DELETE_CAP_SHARE },
    stripe: {
      secretKey: env.STRIPE_SECRET_KEY,
      webhookSecrets: env.STRIPE_WEBHOOK_SECRET,
      apiUrl: env.STRIPE_API_URL,
    },
    hetznerUrl: env.HCLOUD_ENDPOINT.replace(/\/$/, ""),
    cloudflareUrl: env.CLOUDFLARE_BASE_URL.replace(/\/$/, ""),
    accounts,
    messages,
    logLevel: env.LOG_LEVEL,
    engineEnvironment: pickEngineEnvironment(present),
    secretValues: [...listSecretValues(env, accounts), ...listMessageSecrets(messages)],
  };
}

function describeIssue(issue: z.core.$ZodIssue): string {
  const name = issue.path.join(".");
  const missing = issue.code === "invalid_type" && issue.input === undefined;
  return missing ? `${name} is missing` : `${name}: ${issue.message}`;
}

function readAccounts(environment: Environment, problems: string[]): Record<string, AccountTokens> {
  const tokens = new Map<string, string>();
  for (const [name, value] of Object.entries(environment)) {
    const rule = tokenRules.find((candidate) => candidate.name.test(name));
    if (!rule || value === undefined) continue;
    if (rule.value.test(value)) tokens.set(name, value);
    else problems.push(`${name}: ${rule.hint}`);
  }
  for (const name of ["HCLOUD_TOKEN", "CLOUDFLARE_API_TOKEN"]) {
    if (environment[name] === undefined) problems.push(`${name} is missing`);
  }
  const accounts: Record<string, AccountTokens> = {};
  const suffixes = new Set(
    [...tokens.keys()].map((name) => /(?:HCLOUD_TOKEN|CLOUDFLARE_API_TOKEN)(.*)$/.exec(name)?.[1] ?? ""),
  );
  for (const suffix of suffixes) {
    const hcloudToken = tokens.get(`HCLOUD_TOKEN${suffix}`) ?? tokens.get("HCLOUD_TOKEN");
    const cloudflareToken = tokens.get(`CLOUDFLARE_API_TOKEN${suffix}`) ?? tokens.get("CLOUDFLARE_API_TOKEN");
    if (!hcloudToken || !cloudflareToken) continue;
    accounts[suffix === "" ? "default" : suffix.slice(1).toLowerCase()] = { hcloudToken, cloudflareToken };
  }
  return accounts;
}

const engineVariable =
  /^(PULUMI_|HCLOUD_|CLOUDFLARE_|CLAWFLEET_|DATABASE_URL$|PATH$|HOME$|TMPDIR$|XDG_|SSL_CERT_|NODE_EXTRA_CA_CERTS$|HTTPS?_PROXY$|NO_PROXY$)/;
/** Ours alone: no child needs it. */
const withheld = new Set(["CLAWFLEET_ADMIN_KEY"]);

function pickEngineEnvironment(environment: Environment): Record<string, string> {
  const picked: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && engineVariable.test(name) && !withheld.has(name)) picked[name] = value;
  }
  return picked;
}

function listSecretValues(
  env: z.output<typeof environmentSchema>,
  accounts: Record<string, AccountTokens>,
): string[] {
  return [
    env.CLAWFLEET_MASTER_KEY,
    env.CLAWFLEET_ADMIN_KEY,
    env.STRIPE_SECRET_KEY,
    ...env.STRIPE_WEBHOOK_SECRET,
    ...Object.values(accounts).flatMap((account) => [account.hcloudToken, account.cloudflareToken]),
  ];
}

function splitListen(listen: string): [string, number] {
  const at = listen.lastIndexOf(":");
  return [listen.slice(0, at), Number(listen.slice(at + 1))];
}
