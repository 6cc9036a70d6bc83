/** The whole sandbox in one process: clouds, billing, providers, machines, edge, and the environment that leads there. */
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { findEngine } from "../../infra/engine/install.ts";
import { withEngine } from "../../infra/engine/environment.ts";
import { readPins } from "../../infra/engine/pins.ts";
import { findMissingPlugins } from "../../infra/engine/plugins.ts";
import { createTools } from "../../infra/engine/tools.ts";
import { parsePlans } from "../../infra/stack-file.ts";
import {
  defaultToken as cloudflareToken,
  startCloudflare,
  type Cloudflare,
  type CloudflareOptions,
} from "./cloudflare/cloudflare.ts";
import { startAlertCatcher, type AlertCatcher } from "./alerts/alerts.ts";
import { startEdge, type Edge, type EdgeOptions } from "./edge/edge.ts";
import {
  defaultToken as hetznerToken,
  startHetzner,
  type Hetzner,
  type HetznerOptions,
} from "./hetzner/hetzner.ts";
import type { ExchangeCheck } from "./kit/simulator.ts";
import { machinePorts, type MachineDriver } from "./machines/driver.ts";
import { createMachines, type Machines } from "./machines/machines.ts";
import { startMailCatcher, type MailCatcher } from "./mail/mail.ts";
import { startPaddle, type PaddleSimulator } from "./paddle/paddle.ts";
import { startProviders, type Providers, type ProvidersOptions } from "./providers/providers.ts";
import { startStripe, type StripeSimulator } from "./stripe/stripe.ts";

export type SandboxOptions = {
  /** Where the reconciler will listen; webhooks go there. */
  servicePort: number;
  /** Of a PostgreSQL; absent: the reconciler starts its own. */
  databaseUrl?: string;
  /** False: servers are rows only, and remote commands find nobody. Default true. */
  machines?: boolean;
  /** Machines of another make than the real ones, such as `light-machines/`. Closed with the sandbox. */
  driver?: MachineDriver;
  /** Starts the provider servers elsewhere than in this process. Closed with the sandbox. */
  providers?: (options: ProvidersOptions) => Promise<Providers>;
  hetzner?: Pick<HetznerOptions, "speed" | "rateLimit" | "addressBase">;
  cloudflare?: Pick<CloudflareOptions, "rateLimit">;
  /** How origins are asked. Default: the light machines' port, without a certificate. */
  origins?: Pick<EdgeOptions, "originPort" | "client" | "localAddress">;
  stacksDir?: string;
  /** DNS zones beside the sandbox's own. */
  moreZones?: string[];
  /** Compared with the official document, in tests. */
  checks?: { hetzner?: ExchangeCheck; stripe?: ExchangeCheck; cloudflare?: ExchangeCheck };
  /** Factor on the providers' own waits between tries. Default 0.1. */
  timeScale?: number;
};

export type Sandbox = {
  /** Everything that the reconciler, `fleet` and `npm run pulumi` need. */
  env: Record<string, string>;
  serviceUrl: string;
  hetzner: Hetzner;
  cloudflare: Cloudflare;
  stripe: StripeSimulator;
  paddle: PaddleSimulator;
  providers: Providers | undefined;
  machines: Machines | undefined;
  edge: Edge;
  /** Customers' mails. */
  mail: MailCatcher;
  /** What operators are told. */
  alerts: AlertCatcher;
  close(): Promise<void>;
};

export const sandboxStacks = fileURLToPath(new URL("./stacks", import.meta.url));
export const sandboxZone = "claws.example";
const languageHost = fileURLToPath(new URL("./language-host", import.meta.url));
/** Cents by plan; the sandbox's own price list. */
const prices: Record<string, number> = { starter: 2900, pro: 5900, lifetime: 49_900 };

/** `PROVIDERS=official` in the environment: the plugins found in PULUMI_HOME or on PATH instead of the stand-ins. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const official = process.env["PROVIDERS"] === "official";
  const missing = official ? findMissingPlugins(process.env, readPins()) : [];
  if (missing.length > 0) {
    const where = "in PULUMI_HOME (default ~/.pulumi) or on PATH";
    throw new Error(`PROVIDERS=official, but there is no plugin ${missing.join(", ")} ${where}`);
  }
  const home = await mkdtemp(join(tmpdir(), "clawfleet-sandbox-"));
  const machines =
    options.machines === false || options.driver !== undefined ? undefined : await createMachines();
  const driver = options.driver ?? machines;
  const hetzner = await startHetzner({
    ...(driver ? { machines: driver } : {}),
    ...options.hetzner,
    ...(options.checks?.hetzner ? { check: options.checks.hetzner } : {}),
  });
  const cloudflare = await startCloudflare({
    ...options.cloudflare,
    zones: [sandboxZone, ...(options.moreZones ?? [])].map((name) => ({ name })),
    check: options.checks?.cloudflare,
  });
  const stripe = await startStripe({ check: options.checks?.stripe });
  const edge = await startEdge({
    lookUp: (name) => cloudflare.recordsNamed(name),
    originCaRoot: cloudflare.originCaRoot,
    ...(options.origins ?? { originPort: machinePorts.https }),
  });
  const [mail, alerts] = await Promise.all([startMailCatcher(), startAlertCatcher()]);
  const providers = official
    ? undefined
    : await (options.providers ?? startProviders)({
        hcloudEndpoint: hetzner.url,
        cloudflareBaseUrl: cloudflare.url,
        timeScale: options.timeScale ?? 0.1,
      });
  const stacksDir = options.stacksDir ?? sandboxStacks;
  const serviceUrl = `http://127.0.0.1:${options.servicePort}`;
  const paddle = await startPaddle({ successUrl: `${serviceUrl}/back/{back}` });
  await seedPrices(stripe, paddle, stacksDir);
  const webhookSecret = stripe.addEndpoint(`${serviceUrl}/webhooks/stripe`);
  const masterKey = randomBytes(32).toString("hex");
  const env = {
    ...(await engineEnvironment(official, home)),
    ...(providers ? { PULUMI_DEBUG_PROVIDERS: providers.debugProviders } : {}),
    ...(options.databaseUrl === undefined ? {} : { DATABASE_URL: options.databaseUrl }),
    CLAWFLEET_MASTER_KEY: masterKey,
    CLAWFLEET_ADMIN_KEY: randomBytes(24).toString("hex"),
    CLAWFLEET_PUBLIC_URL: serviceUrl,
    CLAWFLEET_URL: serviceUrl,
    CLAWFLEET_LISTEN: `127.0.0.1:${options.servicePort}`,
    CLAWFLEET_STACKS_DIR: stacksDir,
    CLAWFLEET_SWEEP_SECONDS: "2",
    CLAWFLEET_RETRY_SECONDS: "1",
    // Tests and the demo say themselves when somebody looks.
    CLAWFLEET_DRIFT_SECONDS: "0",
    CLAWFLEET_DELETE_CAP_SHARE: "1",
    CLAWFLEET_POLL_INTERVAL: "100ms",
    HCLOUD_TOKEN: hetznerToken,
    HCLOUD_ENDPOINT: hetzner.url,
    CLOUDFLARE_API_TOKEN: cloudflareToken,
    CLOUDFLARE_BASE_URL: cloudflare.url,
    STRIPE_SECRET_KEY: stripe.key,
    STRIPE_WEBHOOK_SECRET: webhookSecret,
    STRIPE_API_URL: stripe.origin,
    PADDLE_API_KEY: paddle.key,
    PADDLE_WEBHOOK_SECRET: paddle.addDestination(`${serviceUrl}/webhooks/paddle`),
    PADDLE_API_URL: paddle.origin,
    PADDLE_CHECKOUT_URL: paddle.checkoutUrl,
    SMTP_URL: mail.smtpUrl,
    MAIL_FROM: `Claws <hello@${sandboxZone}>`,
    ALERT_SLACK_URL: alerts.slackUrl,
    ALERT_TELEGRAM_TOKEN: alerts.telegram.token,
    ALERT_TELEGRAM_CHAT: alerts.telegram.chat,
    TELEGRAM_API_URL: alerts.telegram.apiUrl,
  };
  return {
    env,
    serviceUrl,
    hetzner,
    cloudflare,
    stripe,
    paddle,
    providers,
    machines,
    edge,
    mail,
    alerts,
    async close() {
      await providers?.close();
      await Promise.all([
        mail.close(),
        alerts.close(),
        edge.close(),
        stripe.close(),
        paddle.close(),
        cloudflare.close(),
        hetzner.close(),
      ]);
      await driver?.close();
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** PATH with engine and language host, and a home for the CLI that is ours alone unless the official plugins are in it. */
async function engineEnvironment(official: boolean, home: string): Promise<Record<string, string>> {
  const engine = await findEngine(createTools(process.env), readPins());
  if (!engine) throw new Error("the Pulumi engine is not installed; run: npm run engine");
  const { PATH = "" } = withEngine(process.env, engine.binFolder, process.execPath);
  const levers = withEngine({}, engine.binFolder, process.execPath);
  const hostHome = process.env["PULUMI_HOME"];
  return {
    ...levers,
    // An official language host comes first where there is one.
    PATH: (official ? [PATH, languageHost] : [languageHost, PATH]).join(delimiter),
    HOME: process.env["HOME"] ?? home,
    ...(official ? (hostHome === undefined ? {} : { PULUMI_HOME: hostHome }) : { PULUMI_HOME: home }),
  };
}

async function seedPrices(
  stripe: StripeSimulator,
  paddle: PaddleSimulator,
  stacksDir: string,
): Promise<void> {
  const file = join(stacksDir, "plans.yaml");
  const plans = Object.entries(parsePlans(await readFile(file, "utf8"), file));
  for (const [planId, { name, stripeLookupKey, paddlePriceId, oneTime }] of plans) {
    const seed = { name, unitAmount: prices[planId] ?? 1900 };
    if (stripeLookupKey !== undefined) stripe.seedPrice({ lookupKey: stripeLookupKey, ...seed });
    if (paddlePriceId === undefined) continue;
    paddle.seedPrice({ id: paddlePriceId, ...seed, ...(oneTime === true ? { cycle: null } : {}) });
  }
}
