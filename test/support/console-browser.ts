/** The console as a browser meets it: listening, 10,000 rows, and a worker whose runs come to what the test says. */
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { createCloudflare } from "../../reconciler/cloud/cloudflare.ts";
import { createHetzner } from "../../reconciler/cloud/hetzner.ts";
import { handleConvergeJob } from "../../reconciler/converge/worker.ts";
import { findFreePort } from "../../reconciler/db/free-port.ts";
import type { RunOutcome } from "../../reconciler/engine/runner.ts";
import { listen } from "../../reconciler/service/http.ts";
import { startAdminApp, type AdminApp } from "./admin-app.ts";
import { createCannedRuns, type CannedRuns } from "./canned-runs.ts";
import { seedConsoleFleet, seedTroubles } from "./console-fleet.ts";
import { makeKey } from "./console.ts";
import { startTestCloud } from "./gate.ts";
import { eventually } from "./poll.ts";
import { instanceOutputs } from "./instance-inputs.ts";

/** Before a run of who is not settled Hetzner is asked whether its server is off. */
const noServers = JSON.stringify({ servers: [], meta: { pagination: { next_page: null } } });

export type ConsoleSite = {
  url: string;
  api: AdminApp;
  runs: CannedRuns;
  /** May do everything. */
  key: string;
  /** Parked by a run. */
  untilFailed(slug: string): Promise<void>;
  close(): Promise<void>;
};

export async function startConsoleSite(count: number): Promise<ConsoleSite> {
  const api = await startAdminApp();
  const { sql, queue } = api.apply;
  await seedConsoleFleet(sql, count);
  await seedTroubles(sql);
  const runs = await createCannedRuns(api.apply);
  const cloud = await startTestCloud((_request, response) => response.end(noServers));
  const toCloud = { baseUrl: cloud.url, token: "t", fetch };
  runs.deps.cloudsOf = () => ({ hetzner: createHetzner(toCloud), cloudflare: createCloudflare(toCloud) });
  queue.work("converge", { concurrency: 2 }, async ({ data }, signal) => {
    await handleConvergeJob(runs.deps, data, signal);
  });
  const server = await listen(api.app.fetch, { hostname: "127.0.0.1", port: await findFreePort() });
  return {
    url: server.url,
    api,
    runs,
    key: await makeKey(api, "anna", ["read", "operate", "delete"]),
    async untilFailed(slug) {
      await eventually(`${slug} has failed`, async () => {
        const rows = await sql`
          select 1 from clawfleet.instances i
          where slug = ${slug} and status = 'parked'
            and exists (select 1 from clawfleet.operations o where o.instance_id = i.id and o.outcome = 'failed')`;
        return rows.length === 1;
      });
    },
    async close() {
      await server.close();
      await runs.close();
      await cloud.close();
      await api.close();
    },
  };
}

export type View = { name: string; options: Parameters<Browser["newContext"]>[0] };
export const desktop: View = { name: "desktop", options: { viewport: { width: 1280, height: 900 } } };
export const dark: View = {
  name: "dark",
  options: { viewport: { width: 1280, height: 900 }, colorScheme: "dark" },
};
export const phone: View = {
  name: "phone",
  options: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true },
};

export type Window = {
  context: BrowserContext;
  page: Page;
  /** What the browser complained of: refused scripts, errors in ours, answers that failed. */
  complaints: string[];
};

/** Signed in, on the fleet's page. */
export async function openWindow(
  browser: Browser,
  site: Pick<ConsoleSite, "url" | "key">,
  view = desktop,
): Promise<Window> {
  const context = await browser.newContext({ ...view.options, baseURL: site.url });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto("/console");
  await page.getByLabel("Your API key").fill(site.key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Fleet" }).waitFor();
  return { context, page, complaints };
}

/** Into the folder CLAWFLEET_SCREENSHOTS, for who wants to see what the tests see. */
export async function takePicture(page: Page, name: string): Promise<void> {
  const folder = process.env["CLAWFLEET_SCREENSHOTS"];
  if (folder) await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}

const type = (name: string) => `hcloud:index/${name.toLowerCase()}:${name}`;

/** As the engine says it of one resource. */
export function resourceEvents(name: string, op = "create"): { started: unknown; done: unknown } {
  const metadata = {
    op,
    urn: `urn:pulumi:ada::clawfleet::${type(name)}::${name.toLowerCase()}`,
    type: type(name),
  };
  return { started: { resourcePreEvent: { metadata } }, done: { resOutputsEvent: { metadata } } };
}

export function goodRun(generation: number, changes: Record<string, number>): RunOutcome {
  return { kind: "done", outputs: instanceOutputs, changes, generation, diff: undefined };
}
