/** Scans, deletions of orphans and looks at the tokens themselves, taken from the queue where the tokens of their accounts are. */
import { checkAccount } from "../cloud/account-check.ts";
import type { WorkConfig } from "../config.ts";
import { listLooks, listZones, recordLook } from "../db/account-checks.ts";
import { deleteOrphan, type OrphanDeps } from "../drift/orphans.ts";
import { scanDrift } from "../drift/scan.ts";
import type { Gate } from "../gate/gate.ts";
import type { Remit } from "../queue/binding.ts";
import type { StateStore } from "../recovery/state-store.ts";
import { createClouds, findTokens } from "./clouds.ts";
import type { Core } from "./core.ts";

export function startDriftWorker(
  core: Core,
  config: WorkConfig,
  { gate, store, remit }: { gate: Gate; store: StateStore | undefined; remit: Remit },
): void {
  const { sql, queue, clock, log, onAlert } = core;
  const addressesOf = (account: string) => gate.addressesFor({ account, reason: "drift" });
  const deps: OrphanDeps = {
    sql,
    queue,
    clock,
    log,
    onAlert,
    store,
    policy: config.drift.policy,
    repairsPerHour: config.drift.repairsPerHour,
    accessOf(account) {
      const { hcloudToken, cloudflareToken } = findTokens(config, account);
      const urls = addressesOf(account);
      return {
        hetzner: { baseUrl: urls.hetzner, token: hcloudToken, fetch },
        cloudflare: { baseUrl: urls.cloudflare, token: cloudflareToken, fetch },
      };
    },
    cloudsOf: (account) => createClouds(config, account, addressesOf(account)),
  };
  queue.work("drift", { concurrency: 1, remit }, async ({ data }) => {
    const { account, actor } = data;
    if (data.kind === "examine" || (await isLookOld(core, account))) await look(core, deps, account);
    if (data.kind === "examine") return;
    if (data.kind === "delete") await deleteOrphan(deps, data);
    await scanDrift(deps, { account, actor });
  });
}

const lookEveryMs = 24 * 3_600_000;

/** Rights change seldom, and to ask for them takes requests that are refused. */
async function isLookOld({ sql, clock }: Core, account: string): Promise<boolean> {
  const last = (await listLooks(sql)).find((one) => one.account === account);
  return !last || clock.now().getTime() - last.lookedAt.getTime() > lookEveryMs;
}

async function look({ sql, clock }: Core, deps: OrphanDeps, account: string): Promise<void> {
  const zones = (await listZones(sql)).get(account) ?? [];
  const checks = await checkAccount({ account, zones, access: deps.accessOf(account) });
  await recordLook(sql, { account, checks, lookedAt: clock.now() });
}
