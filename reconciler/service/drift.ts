/** Scans, deletions of orphans and looks at the tokens themselves, taken from the queue where the tokens of their accounts are. */
import { checkAccount } from "../cloud/account-check.ts";
import type { WorkConfig } from "../config.ts";
import { listZones, recordLook } from "../db/account-checks.ts";
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
    await recordLook(sql, {
      account,
      checks: await checkAccount({
        account,
        zones: (await listZones(sql)).get(account) ?? [],
        access: deps.accessOf(account),
      }),
      lookedAt: clock.now(),
    });
    if (data.kind === "examine") return;
    if (data.kind === "delete") await deleteOrphan(deps, data);
    await scanDrift(deps, { account, actor });
  });
}
