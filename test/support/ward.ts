/**
 * Ten instances that are read and helped, on real rows and the real queue: readings come when the test says so, machines say and
 * do what it says, and Hetzner is an HTTP server that resets.
 */
import { restartCommands } from "../../cloud-init/restart-commands.ts";
import type { RaisedAlert } from "../../reconciler/messages/alerts.ts";
import { createCloudflare } from "../../reconciler/cloud/cloudflare.ts";
import { createHetzner } from "../../reconciler/cloud/hetzner.ts";
import { healInstance, type HealDeps } from "../../reconciler/converge/heal-instance.ts";
import { adoptInstances, takeDue } from "../../reconciler/db/health.ts";
import { recordReady } from "../../reconciler/db/observed.ts";
import type { Rung, Verdict } from "../../reconciler/health/decide.ts";
import type { MachineAnswer, RunOnMachine } from "../../reconciler/health/machine-ssh.ts";
import { readLot } from "../../reconciler/health/round.ts";
import { createRedact } from "../../reconciler/operations/redact.ts";
import { jobSchemas } from "../../reconciler/queue/jobs.ts";
import { startBillingSide, type BillingSide } from "./billing.ts";
import { startTestCloud } from "./gate.ts";
import { vitalsOf, type VitalsChange } from "./vitals.ts";
import { instanceOutputs } from "./instance-inputs.ts";

export const wardSlugs = ["amy", "bob", "cleo", "dora", "eve", "finn", "gus", "hal", "ida", "joe"];
const restarts = new Set<string>(Object.values(restartCommands));
const ended: MachineAnswer = { kind: "ran", code: 0, stdout: "", stderr: "" };
export const unreachable: MachineAnswer = { kind: "unreachable", reason: "ETIMEDOUT" };

export type WardRow = {
  verdict: Verdict;
  strikes: number;
  attempt: number;
  begun: boolean;
  rung: Rung | null;
  exhausted: boolean;
};

export type Ward = {
  side: BillingSide;
  /** What machines say; those that are not here are well. */
  ill: Map<string, VitalsChange | "lost">;
  /** What becomes of a restart over SSH. */
  onRestart: MachineAnswer;
  /** How a reset at Hetzner ends; `down`: nobody answers there; `gone`: the server is not there. */
  reset: "success" | "error" | "down" | "gone";
  alerts: RaisedAlert[];
  /** What was done to machines, in order: `bob restart`, `bob reset`, `bob rebuild`. */
  done: string[];
  /** Everybody is well, nothing is queued, no step was ever taken. */
  clear(): Promise<void>;
  /** Everybody is read so many times more. `during`: while the first reading is under way. */
  read(times?: number, during?: () => Promise<void>): Promise<void>;
  /** Waiting steps: `bob reboot`. */
  queued(): Promise<string[]>;
  /** Takes every waiting step as a worker does. */
  help(change?: Partial<HealDeps>): Promise<void>;
  row(slug: string): Promise<WardRow | undefined>;
  close(): Promise<void>;
};

export async function startWard(): Promise<Ward> {
  const side = await startBillingSide();
  const { sql, queue, clock, log, masterKey } = side.apply;
  for (const slug of wardSlugs) side.subscribe(slug);
  await side.settle();
  let addresses = new Map<string, string>();
  let slugOf = new Map<string, string>();

  const cloud = await startTestCloud((request, response) => {
    const url = new URL(request.url ?? "", "http://cloud");
    const send = (status: number, body: object) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    if (ward.reset === "down") return send(503, { error: { code: "unavailable", message: "down" } });
    if (url.pathname.endsWith("/servers")) {
      const id = /instance=([^,&]+)/.exec(url.searchParams.get("label_selector") ?? "")?.[1] ?? "";
      const known = {
        status: "running",
        protection: { delete: true },
        location: { name: "nbg1" },
        primary_disk_size: 40,
      };
      const at = [...slugOf.keys()].indexOf(id);
      return send(200, {
        servers: ward.reset === "gone" ? [] : [{ ...known, id: at + 1, name: slugOf.get(id) ?? "" }],
        meta: { pagination: { next_page: null } },
      });
    }
    const server = /servers\/(\d+)\/actions\/reset$/.exec(url.pathname)?.[1];
    if (server === undefined) return send(200, { action: { id: 7, status: ward.reset } });
    ward.done.push(`${[...slugOf.values()][Number(server) - 1]} reset`);
    return send(201, { action: { id: 7, status: "running" } });
  });

  const run: RunOnMachine = async ({ host }, command) => {
    const slug = addresses.get(host) ?? "";
    if (restarts.has(command)) {
      const isProxy = command === restartCommands.proxy;
      if (ward.onRestart.kind !== "unreachable") ward.done.push(`${slug} restart${isProxy ? " proxy" : ""}`);
      return ward.onRestart;
    }
    const change = ward.ill.get(slug);
    if (change === "lost") return unreachable;
    return { kind: "ran", code: 0, stdout: JSON.stringify(vitalsOf(change)), stderr: "" };
  };

  const onAlert = (alert: RaisedAlert): void => void ward.alerts.push(alert);
  const at = { baseUrl: cloud.url, token: "t".repeat(64), fetch };
  const healDeps: HealDeps = {
    sql,
    clock,
    log,
    masterKey,
    redact: createRedact([]),
    workerName: "ward",
    cloudsOf: () => ({ hetzner: createHetzner(at), cloudflare: createCloudflare(at) }),
    runOnMachine: run,
    onAlert,
    rebuild: async ({ slug }, _job, { mayReplace }) => {
      ward.done.push(`${slug} ${mayReplace ? "rebuild" : "completed"}`);
      return { gone: true, outcome: "succeeded" };
    },
  };

  async function readAll(during: () => Promise<void>): Promise<void> {
    side.advance(60_000);
    await adoptInstances(sql, { kind: "all" }, 60_000);
    await sql`update clawfleet.health set probe_at = now() - interval '1 s'`;
    const lot = await takeDue(sql, { binding: { kind: "all" }, limit: 1000 });
    await during();
    const deps = {
      sql,
      queue,
      clock,
      log,
      masterKey,
      intervalMs: 60_000,
      run,
      onAlert,
    };
    await readLot(deps, lot, new AbortController().signal);
  }

  const ward: Ward = {
    side,
    ill: new Map(),
    onRestart: ended,
    reset: "success",
    alerts: [],
    done: [],
    async clear() {
      await sql`delete from pgboss.job`;
      await sql`truncate clawfleet.health, clawfleet.health_brakes, clawfleet.halt`;
      const rows = await sql<{ id: string; slug: string; address: string }[]>`
        update clawfleet.instances set status = 'ready', phase = 'running', generation = 1, override = '{}', plan_settings = plan_settings - 'healing'
        returning id, slug, host(private_ip) as address`;
      for (const { id, address } of rows) {
        const seen = { ...instanceOutputs, ipv4: address, privateIp: address };
        await recordReady(sql, id, { generation: 1, phase: "running", outputs: seen, now: clock.now() });
      }
      addresses = new Map(rows.map(({ slug, address }) => [address, slug]));
      slugOf = new Map(rows.map(({ id, slug }) => [id, slug]));
      Object.assign(ward, { ill: new Map(), onRestart: ended, reset: "success", alerts: [], done: [] });
    },
    async read(times = 1, during = async () => undefined) {
      for (let count = 0; count < times; count += 1)
        await readAll(count === 0 ? during : async () => undefined);
    },
    async queued() {
      const rows = await sql<{ job: string }[]>`
        select concat(data ->> 'stack', ' ', data -> 'heal' ->> 'step') as job from pgboss.job
        where name = 'converge' and state = 'created' and data ->> 'kind' = 'heal' order by 1`;
      return rows.map(({ job }) => job);
    },
    async help(change = {}) {
      const jobs = await sql<{ id: string; data: unknown }[]>`
        update pgboss.job set state = 'active', started_on = now()
        where name = 'converge' and state = 'created' and data ->> 'kind' = 'heal' returning id, data`;
      for (const { id, data } of jobs) {
        const job = jobSchemas.converge.parse(data);
        await healInstance({ ...healDeps, ...change }, job, new AbortController().signal);
        await sql`update pgboss.job set state = 'completed', completed_on = now() where id = ${id}`;
      }
    },
    async row(slug) {
      const [row] = await sql<WardRow[]>`
        select h.verdict, h.strikes, h.attempt, h.begun, h.rung, h.exhausted
        from clawfleet.health h join clawfleet.instances i on i.id = h.instance_id where i.slug = ${slug}`;
      return row;
    },
    async close() {
      await cloud.close();
      await side.close();
    },
  };
  await ward.clear();
  return ward;
}
