/** A fleet that the simulated clouds know too: rows and states as fleet-seed.ts makes them, with objects of their own behind each. */
import type { Sql } from "postgres";
import type { ConvergeRig } from "../support/converge-rig.ts";
import { rigCell } from "../support/converge-rig.ts";
import { sampleSlug, seedFleet } from "./fleet-seed.ts";

type Exchange = ReadonlyMap<string, string>;
const parallel = 20;

/** Beside the sample, instances `c1` to `c<count>`, in cells of their own. */
export async function seedClouds(rig: ConvergeRig, sql: Sql, count: number): Promise<void> {
  await seedFleet(sql, count);
  for (const zone of rig.sandbox.cloudflare.zones) zone.plan = "pro";
  const sample = await readSample(rig, sql);
  const cells = await seedCells(rig, sql, sample);
  const rows = await sql<{ id: string; slug: string; cell: string; ip: string }[]>`
    select id, slug, cell, host(private_ip) as ip from clawfleet.instances where slug ~ '^c[0-9]+$' order by slug`;
  for (let at = 0; at < rows.length; at += parallel) {
    await Promise.all(
      rows.slice(at, at + parallel).map(async (row) => {
        const exchange = await seedObjects(rig, sample, row, cells.get(row.cell) ?? 0);
        await writeState(sql, row.slug, sample.state, exchange);
      }),
    );
  }
  await rig.sandbox.hetzner.project().settled(60_000);
}

type Sample = Awaited<ReturnType<typeof readSample>>;

async function readSample(rig: ConvergeRig, sql: Sql) {
  const project = rig.sandbox.hetzner.project();
  const [row] = await sql<{ id: string; ip: string }[]>`
    select id, host(private_ip) as ip from clawfleet.instances where slug = ${sampleSlug}`;
  if (!row) throw new Error("there is no sample");
  return {
    ...row,
    server: project.server(`cf-${sampleSlug}`),
    firewall: project.firewall(`cf-${sampleSlug}`),
    network: project.network(`cf-cell-${rigCell}`),
    key: project.sshKeys()[0],
    records: rig.sandbox.cloudflare.recordsNamed(`${sampleSlug}.claws.example`),
    state: await readState(sql, sampleSlug),
    cellState: await readState(sql, `cell.${rigCell}`),
  };
}

/** Returns the id of each cell's network. */
async function seedCells(rig: ConvergeRig, sql: Sql, sample: Sample): Promise<Map<string, number>> {
  const project = rig.sandbox.hetzner.project();
  const cells = await sql<{ name: string }[]>`select name from clawfleet.cells where name like 'seed%'`;
  const networks = new Map<string, number>();
  for (const { name } of cells) {
    const labels = { ...sample.network.labels, "clawfleet-cell": name };
    const [subnet] = sample.network.subnets;
    await project.api("POST", "/networks", {
      name: `cf-cell-${name}`,
      ip_range: sample.network.ipRange,
      subnets: [{ type: "cloud", ip_range: subnet?.ipRange, network_zone: subnet?.zone }],
      labels,
    });
    const network = project.network(`cf-cell-${name}`);
    networks.set(name, network.id);
    // One key for all of them: Hetzner takes a public key once.
    const exchange = new Map([
      [`cf-cell-${rigCell}`, `cf-cell-${name}`],
      [`cell.${rigCell}`, `cell.${name}`],
      [rigCell, name],
      [String(sample.network.id), String(network.id)],
    ]);
    const state = exchangeAll(withoutKey(sample.cellState), exchange);
    await sql`
      insert into public.pulumi_state (key, data)
      select replace(key, ${`cell.${rigCell}.json`}, ${`cell.${name}.json`}), ${sql.json({ data: encode(state) })}
      from public.pulumi_state where key like ${`%/stacks/clawfleet/cell.${rigCell}.json`}`;
    await sql`
      update clawfleet.cells set outputs = outputs || ${sql.json({ networkId: String(network.id) })} where name = ${name}`;
  }
  return networks;
}

function withoutKey(state: unknown): unknown {
  return JSON.parse(JSON.stringify(state), (_key, value: unknown) =>
    Array.isArray(value) ? value.filter((one) => !isKey(one)) : value,
  );
}

function isKey(value: unknown): boolean {
  return JSON.stringify(value)?.includes('"type":"hcloud:index/sshKey:SshKey"') && !Array.isArray(value)
    ? Reflect.get(Object(value), "type") === "hcloud:index/sshKey:SshKey"
    : false;
}

async function seedObjects(
  rig: ConvergeRig,
  sample: Sample,
  row: { id: string; slug: string; cell: string; ip: string },
  networkId: number,
): Promise<Exchange> {
  const project = rig.sandbox.hetzner.project();
  const name = `cf-${row.slug}`;
  const own = { "clawfleet-instance": row.id, "clawfleet-slug": row.slug };
  // The copied state says the sample's cell in its labels: what a label says is compared, not which cell it is.
  const labels = { ...sample.server.labels, ...own };
  await project.api("POST", "/firewalls", { name, labels, rules: [] });
  const firewall = project.firewall(name);
  firewall.rules = structuredClone(sample.firewall.rules);
  await project.api("POST", "/servers", {
    name,
    labels,
    server_type: sample.server.serverType.name,
    location: sample.server.location.name,
    image: "ubuntu-24.04",
    firewalls: [{ firewall: firewall.id }],
    start_after_create: false,
  });
  const server = project.server(name);
  await project.settled(60_000);
  await project.api("POST", `/servers/${server.id}/actions/attach_to_network`, {
    network: networkId,
    ip: row.ip,
  });
  server.backupWindow = sample.server.backupWindow;
  server.deleteProtected = sample.server.deleteProtected;
  server.rebuildProtected = sample.server.rebuildProtected;
  const records = sample.records.map((record) => {
    const content = record.type === "A" ? ipv4Of(server) : ipv6Of(server);
    const made = rig.sandbox.cloudflare.addRecord("claws.example", {
      name: `${row.slug}.claws.example`,
      type: record.type,
      content,
      proxied: record.proxied,
      ttl: record.ttl,
      comment: `clawfleet instance ${row.id}`,
    });
    return [record.id, made.id] as const;
  });
  return new Map([
    [sampleSlug, row.slug],
    [sample.id, row.id],
    [String(sample.server.id), String(server.id)],
    [String(sample.firewall.id), String(firewall.id)],
    [String(sample.network.id), String(networkId)],
    [ipv4Of(sample.server), ipv4Of(server)],
    [ipv6Of(sample.server), ipv6Of(server)],
    [networkOf(sample.server), networkOf(server)],
    [sample.ip, row.ip],
    ...records,
  ]);
}

type ServerRow = Sample["server"];

function ipv4Of(server: ServerRow): string {
  return server.ipv4?.ip ?? "";
}

function networkOf(server: ServerRow): string {
  return server.ipv6?.ip ?? "";
}

function ipv6Of(server: ServerRow): string {
  return networkOf(server).replace(/::\/64$/, "::1");
}

async function readState(sql: Sql, stack: string): Promise<unknown> {
  const [row] = await sql<{ data: string }[]>`
    select data ->> 'data' as data from public.pulumi_state where key like ${`%/stacks/clawfleet/${stack}.json`}`;
  if (!row) throw new Error(`${stack} has no state`);
  return JSON.parse(Buffer.from(row.data, "base64").toString("utf8"));
}

async function writeState(sql: Sql, stack: string, state: unknown, exchange: Exchange): Promise<void> {
  const data = sql.json({ data: encode(exchangeAll(state, exchange)) });
  const rows = await sql`
    update public.pulumi_state set data = ${data}, updated_at = now()
    where key like ${`%/stacks/clawfleet/${stack}.json`} returning key`;
  if (rows.length !== 1) throw new Error(`${stack} has no state to be written`);
}

function encode(state: unknown): string {
  return Buffer.from(JSON.stringify(state)).toString("base64");
}

/** Whole values and words in texts; a number where it is an id of one of the objects. */
function exchangeAll(state: unknown, exchange: Exchange): unknown {
  const words = [...exchange.keys()].toSorted((a, b) => b.length - a.length).map(escapePattern);
  const pattern = new RegExp(
    `(?<![\\w.:])(?:${words.join("|")})(?![\\w.:]*\\w)|${escapePattern(sampleSlug)}`,
    "g",
  );
  const turn = (text: string) => text.replaceAll(pattern, (word) => exchange.get(word) ?? word);
  return JSON.parse(JSON.stringify(state), (key, value: unknown) => {
    // Ciphertext and scripts hold neither names nor ids in the clear.
    if (key === "ciphertext" || key === "salt") return value;
    if (typeof value === "string") return turn(value);
    if (typeof value === "number" && isIdKey(key)) return Number(turn(String(value)));
    return value;
  });
}

/** Array elements have their index as key. */
function isIdKey(key: string): boolean {
  return /^(serverId|networkId|\d+)$/.test(key);
}

function escapePattern(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}
