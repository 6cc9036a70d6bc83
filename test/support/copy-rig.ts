/** Converges without an engine on real rows, a simulated Hetzner and light machines: what a run would do is done by hand. */
import Stripe from "stripe";
import { expect } from "vitest";
import { instanceLabels, serverName } from "../../components/naming.ts";
import { renderUserData } from "../../cloud-init/user-data.ts";
import { cellSecretsSchema, instanceSecretsSchema } from "../../infra/config.ts";
import { open, sealContext } from "../../infra/seal.ts";
import { createCloudflare } from "../../reconciler/cloud/cloudflare.ts";
import { createHetzner, type Hetzner } from "../../reconciler/cloud/hetzner.ts";
import type { CloudAccess } from "../../reconciler/cloud/inventory.ts";
import type { ConvergeDeps } from "../../reconciler/converge/converge-instance.ts";
import { handleConvergeJob } from "../../reconciler/converge/worker.ts";
import { findLocated } from "../../reconciler/db/health.ts";
import { findConvergeRow, type ConvergeRow } from "../../reconciler/db/observed.ts";
import type { RunOutcome } from "../../reconciler/engine/runner.ts";
import type { Reason } from "../../reconciler/queue/jobs.ts";
import { defaultToken as cloudflareToken, startCloudflare } from "../sandbox/cloudflare/cloudflare.ts";
import { createHetznerCheck } from "../sandbox/hetzner/check.ts";
import { startHetzner, type Hetzner as Simulated } from "../sandbox/hetzner/hetzner.ts";
import { createLightMachines, type LightMachines } from "../sandbox/light-machines/light-machines.ts";
import type { Subscription } from "../sandbox/stripe/billing.ts";
import { startBillingSide, type BillingSide } from "./billing.ts";
import { cellOutputs, createCannedRuns } from "./canned-runs.ts";

export type CopyRig = {
  side: BillingSide;
  hetzner: Simulated;
  cloud: Hetzner;
  access: CloudAccess;
  machines: LightMachines;
  deps: ConvergeDeps;
  /** What the next runs of the stack come to, in the place of what they would do. */
  runs: RunOutcome[];
  rowOf(slug: string): Promise<ConvergeRow>;
  /** Its server could not follow its plan, and the sweep has it tried again by itself. */
  isTriedAgain(slug: string): Promise<boolean>;
  /** As a worker does it. A signal that is aborted is its death. */
  converge(slug: string, options?: { reason?: Reason; signal?: AbortSignal }): Promise<ConvergeRow>;
  /** As the retry clock and the queue would go on. */
  convergeToEnd(slug: string): Promise<void>;
  changePlan(of: Subscription, lookupKey: string): Promise<void>;
  /** The worker dies when it is about to give its `nth` command to a machine. */
  dieAtCommand(nth: number): AbortSignal;
  /** Fails when the cloud said or took what the real one does not. */
  close(): Promise<void>;
};

const openclawVersion = "2026.9.6";

export async function startCopyRig(): Promise<CopyRig> {
  const side = await startBillingSide();
  const { sql, masterKey } = side.apply;
  const stripe = new Stripe(side.stripe.key, { host: "127.0.0.1", port: side.stripe.port, protocol: "http" });
  const machines = createLightMachines();
  const check = createHetznerCheck();
  const hetzner = await startHetzner({ machines, check: check.check });
  const cloudflare = await startCloudflare({ zones: [{ name: cellOutputs.zoneName }] });
  const access = {
    hetzner: { baseUrl: hetzner.url, token: hetzner.token, fetch },
    cloudflare: { baseUrl: cloudflare.url, token: cloudflareToken, fetch },
  };
  const cloud = createHetzner(access.hetzner);
  const clouds = { hetzner: cloud, cloudflare: createCloudflare(access.cloudflare) };
  const sshKeyId = await makeCell();
  const runs: RunOutcome[] = [];
  const canned = await createCannedRuns(side.apply);
  const deps: ConvergeDeps = {
    ...canned.deps,
    cloudsOf: () => clouds,
    pool: { ...canned.deps.pool, run: async ({ kind, stack }) => await run(kind, stack) },
  };

  async function makeCell(): Promise<string> {
    const [cell] = await sql<
      { name: string; secrets: Uint8Array }[]
    >`select name, secrets from clawfleet.cells`;
    const keys = cellSecretsSchema.parse(
      open(masterKey, cell?.secrets ?? new Uint8Array(), sealContext.cell(cell?.name ?? "")),
    );
    const wish = { name: "cell", public_key: keys.sshPublicKey };
    await hetzner.project().api("POST", "/ssh_keys", wish);
    const id = String(hetzner.project().sshKeys()[0]?.id);
    const outputs = { ...cellOutputs, zoneId: cloudflare.zones[0]?.id ?? "", sshKeyId: id };
    await sql`
      update clawfleet.cells set status = 'ready', outputs = ${sql.json(outputs)}, observed_generation = generation`;
    return id;
  }

  async function run(kind: string, slug: string): Promise<RunOutcome> {
    const told = runs.shift();
    const row = await rig.rowOf(slug);
    // The rest of a destroy is what a run would have left over: it is removed by its label.
    if (kind === "destroy") return told ?? done(row, {});
    if (told) return told;
    const present = hetzner
      .project()
      .servers()
      .find(({ name }) => name === serverName(slug));
    const id = present?.id ?? (await makeServer(row));
    const server = hetzner.project().server(serverName(slug));
    configure(id, row);
    return done(row, {
      serverId: String(id),
      serverType: server.serverType.name,
      location: server.location.name,
      ipv4: server.ipv4?.ip ?? "",
      ipv6: "2001:db8::1",
      privateIp: "10.0.0.3",
      url: `https://${slug}.claws.example`,
      openclawVersion,
      health: `started ${openclawVersion}`,
    });
  }

  async function makeServer(row: ConvergeRow): Promise<number> {
    const located = await findLocated(sql, row.id);
    const { hostKeyPrivate, hostKeyPublic } = instanceSecretsSchema.parse(
      open(masterKey, located?.secrets ?? new Uint8Array(), sealContext.instance(row.id)),
    );
    await cloud.createCarrier({
      name: serverName(row.slug),
      labels: instanceLabels(row),
      serverType: row.serverType,
      location: row.location,
      image: row.snapshotId ?? "ubuntu-24.04",
      sshKeyId,
      firewallIds: [],
      userData: renderUserData({ hostKeyPrivate, hostKeyPublic, openclawVersion, sshPort: 2222 }),
    });
    return hetzner.project().server(serverName(row.slug)).id;
  }

  /** What `configure` leaves behind: a gateway that runs. */
  function configure(id: number, { phase }: ConvergeRow): void {
    machines.disk(id).configuration = {
      phase: phase === "suspended" ? "suspended" : "running",
      privateIp: "10.0.0.3",
      openclawVersion,
      environment: { content: "" },
      revision: "1",
    };
  }

  const rig: CopyRig = {
    side,
    hetzner,
    cloud,
    access,
    machines,
    deps,
    runs,
    async rowOf(slug) {
      const [found] = await sql<{ id: string }[]>`
        select id from clawfleet.instances where slug = ${slug} and status <> 'gone'`;
      const row = await findConvergeRow(sql, found?.id ?? "");
      if (!row) throw new Error(`there is no ${slug}`);
      return row;
    },
    async converge(slug, { reason = "resync", signal = new AbortController().signal } = {}) {
      const { id, cell } = await rig.rowOf(slug);
      const job = { stack: slug, instanceId: id, cell, kind: "converge", reason, actor: "rig" } as const;
      await handleConvergeJob(deps, job, signal).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
      return await rig.rowOf(slug);
    },
    async isTriedAgain(slug) {
      const rows = await sql`
        select 1 from clawfleet.instances where slug = ${slug} and misfit_plan = plan and misfit_again`;
      return rows.length === 1;
    },
    async convergeToEnd(slug) {
      for (let tries = 0; tries < 8; tries += 1) {
        const row = await rig.converge(slug);
        if (row.status === "ready" && row.observedGeneration === row.generation) return;
      }
      throw new Error(`it never came to an end: ${JSON.stringify(await rig.rowOf(slug))}`);
    },
    async changePlan(of, lookupKey) {
      const { data } = await stripe.prices.list({ lookup_keys: [lookupKey] });
      const item = { id: of.items.data[0]?.id ?? "", price: data[0]?.id ?? "" };
      await stripe.subscriptions.update(of.id, { items: [item] });
      await side.settle();
    },
    dieAtCommand(nth) {
      const death = new AbortController();
      const { runOnMachine } = deps;
      let given = 0;
      deps.runOnMachine = async (address, command, options) => {
        given += 1;
        if (given < nth) return await runOnMachine(address, command, options);
        death.abort(new Error("the worker died"));
        deps.runOnMachine = runOnMachine;
        return { kind: "unreachable", reason: "the worker died" };
      };
      return death.signal;
    },
    async close() {
      await canned.close();
      await hetzner.close();
      await cloudflare.close();
      await machines.close();
      await side.close();
      expect([...check.violations, ...check.requestViolations]).toEqual([]);
    },
  };
  return rig;
}

function done({ generation }: ConvergeRow, outputs: Record<string, unknown>): RunOutcome {
  return { kind: "done", outputs, changes: {}, generation, diff: undefined };
}
