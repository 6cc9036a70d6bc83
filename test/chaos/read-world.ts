/** Reads the world: clouds and billing from the simulators themselves, the rest from the database and /proc. */
import { z } from "zod";
import { labelKeys, recordComment } from "../../components/naming.ts";
import { instanceSecretsSchema } from "../../infra/config.ts";
import { open, sealContext } from "../../infra/seal.ts";
import { askAssistant } from "../sandbox/demo/visitor.ts";
import { sandboxZone } from "../sandbox/start.ts";
import { below, listProcesses } from "../support/processes.ts";
import type { Arena } from "./arena.ts";
import { slugOf } from "./customers.ts";
import {
  stackOfKey,
  type CloudObject,
  type Customer,
  type Entitlement,
  type ObjectKind,
  type Row,
  type ServerFacts,
  type StackState,
  type World,
} from "./world.ts";

/** `ask`: also visit every assistant, which takes a moment. */
export async function readWorld(arena: Arena, options: { ask: boolean }): Promise<World> {
  const rows = await readRows(arena);
  const pulumi = await readPulumi(arena);
  const cells = await arena.sql<{ name: string }[]>`select name from clawfleet.cells`;
  return {
    customers: readCustomers(arena),
    rows,
    cells: cells.map(({ name }) => name),
    objects: [...readHetzner(arena), ...readCloudflare(arena, rows)],
    servers: readServers(arena),
    ...pulumi,
    jobs: await readJobs(arena),
    openOperations: await arena.sql<World["openOperations"][number][]>`
      select id, stack, kind, worker from clawfleet.operations where ended_at is null order by id`,
    orphans: await findOrphans(arena),
    answers: options.ask ? await visitAll(arena, rows) : new Map(),
  };
}

const entitlements: Record<string, Entitlement> = {
  active: "running",
  trialing: "running",
  past_due: "running",
  unpaid: "suspended",
  paused: "suspended",
  canceled: "gone",
};

function readCustomers({ sandbox }: Arena): Customer[] {
  return sandbox.stripe.subscriptions().map((subscription) => ({
    subscription: subscription.id,
    slug: slugOf(subscription),
    status: subscription.status,
    wants: entitlements[subscription.status] ?? "gone",
  }));
}

async function readRows({ sql }: Arena): Promise<Row[]> {
  return await sql<Row[]>`
    select id, slug, subscription_id as subscription, cell, phase, status, status_detail as detail, generation,
      observed_generation as "observedGeneration", host(private_ip) as "privateIp"
    from clawfleet.instances order by created_at`;
}

type Labelled = { id: number; name: string; labels: unknown };

function labelOf({ labels }: Labelled, key: string): string | undefined {
  const all = z.record(z.string(), z.string()).safeParse(labels);
  return all.success ? all.data[key] : undefined;
}

function readHetzner({ sandbox }: Arena): CloudObject[] {
  const project = sandbox.hetzner.project();
  const toObject = (kind: ObjectKind, row: Labelled, detail = ""): CloudObject => ({
    kind,
    id: String(row.id),
    name: row.name,
    instance: labelOf(row, labelKeys.instance),
    cell: labelOf(row, labelKeys.cell),
    detail,
  });
  const servers = project.servers();
  return [
    ...servers.map((server) => toObject("server", server, server.status)),
    ...servers.flatMap((server) =>
      [...server.privateNets.values()].map((net) => ({
        ...toObject("attachment", server, net.ip),
        id: `${server.id}-${net.network.id}`,
      })),
    ),
    ...project.firewalls().map((firewall) => toObject("firewall", firewall)),
    ...project.networks().map((network) => toObject("network", network)),
    ...project.networks().flatMap((network) =>
      network.subnets.map((subnet) => ({
        ...toObject("subnet", network),
        id: `${network.id}-${subnet.ipRange}`,
      })),
    ),
    ...project.sshKeys().map((key) => toObject("ssh key", key)),
    // One that a server holds goes with it.
    ...project
      .primaryIps()
      .filter(({ server }) => server === null)
      .map((ip) => toObject("primary IP", ip, ip.ip)),
    ...project.placementGroups().map((group) => toObject("placement group", group)),
    ...project.volumes().map((volume) => toObject("volume", volume)),
    ...project
      .images()
      .filter(({ type }) => type === "snapshot")
      .map((image) => toObject("image", image)),
  ];
}

function readServers({ sandbox }: Arena): ServerFacts[] {
  return sandbox.hetzner
    .project()
    .servers()
    .map((server) => ({
      id: String(server.id),
      ipv4: server.ipv4?.ip,
      // The state and the record hold the first address of the network.
      ipv6: server.ipv6?.ip.replace(/\/\d+$/, "1"),
      privateIps: [...server.privateNets.values()].map(({ ip }) => ip),
      firewalls: [...server.firewalls.keys()].map(String),
    }));
}

function readCloudflare({ sandbox }: Arena, rows: readonly Row[]): CloudObject[] {
  const byComment = new Map(rows.map(({ id }) => [recordComment(id), id]));
  const byHost = new Map(
    rows.filter(({ status }) => status !== "gone").map(({ id, slug }) => [`${slug}.${sandboxZone}`, id]),
  );
  return [
    ...sandbox.cloudflare.records().map((record) => ({
      kind: "record" as const,
      id: record.id,
      name: `${record.type} ${record.name}`,
      instance: byComment.get(record.comment ?? "") ?? `nobody (${record.comment ?? "no comment"})`,
      cell: undefined,
      detail: record.content,
    })),
    ...sandbox.cloudflare.certificates().map((certificate) => ({
      kind: "certificate" as const,
      id: certificate.id,
      name: certificate.hostnames.join(" "),
      instance: byHost.get(certificate.hostnames[0] ?? "") ?? `nobody (${certificate.hostnames.join(" ")})`,
      cell: undefined,
      detail: "",
    })),
  ];
}

const kindOfType: Record<string, ObjectKind> = {
  "hcloud:index/server:Server": "server",
  "hcloud:index/firewall:Firewall": "firewall",
  "hcloud:index/serverNetwork:ServerNetwork": "attachment",
  "hcloud:index/network:Network": "network",
  "hcloud:index/networkSubnet:NetworkSubnet": "subnet",
  "hcloud:index/sshKey:SshKey": "ssh key",
  "cloudflare:index/dnsRecord:DnsRecord": "record",
  "cloudflare:index/originCaCertificate:OriginCaCertificate": "certificate",
};

const checkpointSchema = z.object({
  checkpoint: z.object({
    latest: z
      .object({
        resources: z
          .array(
            z.object({
              urn: z.string(),
              type: z.string(),
              id: z.string().default(""),
              delete: z.boolean().default(false),
            }),
          )
          .nullish(),
        pending_operations: z
          .array(z.object({ type: z.string(), resource: z.object({ urn: z.string() }) }))
          .nullish(),
      })
      .nullish(),
  }),
});

type PulumiSide = Pick<World, "states" | "remains" | "locks">;

async function readPulumi({ sql }: Arena): Promise<PulumiSide> {
  const [there] = await sql`select to_regclass('public.pulumi_state') as name`;
  if (!there?.["name"]) return { states: [], remains: [], locks: [] };
  const entries = await sql<{ key: string; data: string }[]>`
    select key, convert_from(decode(data ->> 'data', 'base64'), 'utf8') as data from public.pulumi_state`;
  const side = {
    states: [] as StackState[],
    remains: [] as { stack: string; key: string }[],
    locks: [] as string[],
  };
  for (const { key, data } of entries) {
    if (key.includes("/locks/")) side.locks.push(`${key} ${data}`);
    else if (/\/stacks\/clawfleet\/[^/]+\.json$/.test(key)) side.states.push(toState(stackOfKey(key), data));
    else if (key.includes("/clawfleet/")) side.remains.push({ stack: stackOfKey(key), key });
  }
  return side;
}

function toState(stack: string, data: string): StackState {
  const { latest } = checkpointSchema.parse(JSON.parse(data)).checkpoint;
  const nameOf = (urn: string) => urn.slice(urn.lastIndexOf("::") + 2);
  return {
    stack,
    resources: (latest?.resources ?? []).flatMap(({ urn, type, id, delete: dying }) => {
      const kind = kindOfType[type];
      return kind === undefined ? [] : [{ kind, id, name: nameOf(urn), dying }];
    }),
    pendingOperations: (latest?.pending_operations ?? []).map(
      ({ type, resource }) => `${type} ${nameOf(resource.urn)}`,
    ),
  };
}

async function readJobs({ sql }: Arena): Promise<World["jobs"]> {
  return await sql<World["jobs"][number][]>`
    select name as queue, coalesce(data ->> 'stack', singleton_key) as key, state::text as state, start_after as due
    from pgboss.job where state <= 'active' and name <> 'sweep' and name not like '\\_\\_pgboss%'`;
}

/** Marked processes that are neither a worker nor below one. */
async function findOrphans(arena: Arena): Promise<string[]> {
  const all = await listProcesses();
  const pids = arena.workers.map((worker) => worker.pid()).filter((pid) => pid !== undefined);
  const cared = new Set([...pids, ...pids.flatMap((pid) => below(all, pid).map((one) => one.pid))]);
  // One that just comes up has no pid here yet.
  const others = (await arena.findProcesses()).filter(
    ({ pid, command }) => !cared.has(pid) && !command.includes("reconciler/main.ts"),
  );
  return others.map(({ pid, command }) => `${pid} ${command.slice(0, 120)}`);
}

async function visitAll(arena: Arena, rows: readonly Row[]): Promise<Map<string, string>> {
  const sealed = await arena.sql<{ id: string; secrets: Uint8Array }[]>`
    select id, secrets from clawfleet.instances where status <> 'gone'`;
  const key = arena.sandbox.env["CLAWFLEET_MASTER_KEY"] ?? "";
  const answers = new Map<string, string>();
  for (const { id, secrets } of sealed) {
    const { gatewayToken } = instanceSecretsSchema.parse(open(key, secrets, sealContext.instance(id)));
    const host = `${rows.find((row) => row.id === id)?.slug ?? id}.${sandboxZone}`;
    const answer = await askAssistant(arena.sandbox.edge, {
      host,
      path: "/v1/models",
      token: gatewayToken,
    }).then(
      ({ status, body }) => (status === 200 ? "200" : `${status} ${body.trim()}`),
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    answers.set(id, answer);
  }
  return answers;
}
