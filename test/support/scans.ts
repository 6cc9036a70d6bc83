/** Looks for drift on a test's own database and simulated clouds, and what happens between two answers of theirs. */
import { createCloudflare } from "../../reconciler/cloud/cloudflare.ts";
import { createHetzner } from "../../reconciler/cloud/hetzner.ts";
import type { CloudAccess } from "../../reconciler/cloud/inventory.ts";
import type { ApplyDeps } from "../../reconciler/desired/apply-deps.ts";
import type { OrphanDeps } from "../../reconciler/drift/orphans.ts";
import { defaultPolicy } from "../../reconciler/drift/policy.ts";
import { scanDrift, type ScanResult } from "../../reconciler/drift/scan.ts";
import { openStateStore } from "../../reconciler/recovery/state-store.ts";
import type { TestDatabase } from "./database.ts";

export type Scans = {
  /** After each answer of Hetzner's to a scan, before anybody reads it. */
  meanwhile: (url: string) => Promise<void>;
  /** Of the account `default`. */
  scan(): Promise<ScanResult>;
  withDeps<T>(use: (deps: OrphanDeps) => Promise<T>): Promise<T>;
};

export function createScans(on: {
  database: Pick<TestDatabase, "sql" | "url">;
  apply: ApplyDeps;
  access: CloudAccess;
}): Scans {
  const { sql, url } = on.database;
  const hetzner: CloudAccess["hetzner"] = {
    ...on.access.hetzner,
    fetch: async (...given) => {
      const answer = await on.access.hetzner.fetch(...given);
      const [input] = given;
      await scans.meanwhile(input instanceof Request ? input.url : String(input));
      return answer;
    },
  };
  const access = { ...on.access, hetzner };
  const scans: Scans = {
    meanwhile: () => Promise.resolve(),
    scan: () => scans.withDeps((deps) => scanDrift(deps, { account: "default", actor: "test" })),
    async withDeps(use) {
      const store = openStateStore(sql, { backend: url, database: url });
      if (!store) throw new Error("this backend is PostgreSQL");
      try {
        return await use({
          ...on.apply,
          onAlert: () => undefined,
          store,
          policy: defaultPolicy,
          repairsPerHour: 10,
          accessOf: () => access,
          cloudsOf: () => ({
            hetzner: createHetzner(access.hetzner),
            cloudflare: createCloudflare(access.cloudflare),
          }),
        });
      } finally {
        await store.close();
      }
    },
  };
  return scans;
}
