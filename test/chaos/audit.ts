/** Counts what is wrong with a world at rest: leaked, duplicated, lost, stuck. Pure. */
import { findUnrest, goodAnswer, stackOfKey, type CloudObject, type Row, type World } from "./world.ts";

export const verdicts = ["leaked", "duplicated", "lost", "stuck"] as const;
export type Verdict = (typeof verdicts)[number];

export type Finding = {
  verdict: Verdict;
  text: string;
  /** Whose history explains it; undefined: nobody's alone. */
  stack: string | undefined;
};

export type Counts = Record<Verdict, number>;

export function audit(world: World): Finding[] {
  return [...findLeaked(world), ...findDuplicated(world), ...findLost(world), ...findStuck(world)];
}

export function countFindings(findings: readonly Finding[]): Counts {
  const counts: Counts = { leaked: 0, duplicated: 0, lost: 0, stuck: 0 };
  for (const { verdict } of findings) counts[verdict] += 1;
  return counts;
}

/** The last line of a storm. */
export function describeCounts(counts: Counts): string {
  return verdicts.map((verdict) => `${verdict} ${counts[verdict]}`).join(", ");
}

/** Rows of customers who are entitled to something: by what billing says, whatever the row itself believes. */
function livingRows({ rows, customers }: World): Row[] {
  const entitled = new Set(
    customers.filter(({ wants }) => wants !== "gone").map(({ subscription }) => subscription),
  );
  return rows.filter(({ subscription, status }) => status !== "gone" && entitled.has(subscription));
}

function findLeaked(world: World): Finding[] {
  const living = livingRows(world);
  const ids = new Set(living.map(({ id }) => id));
  const slugOf = new Map(world.rows.map(({ id, slug }) => [id, slug]));
  const stacks = new Set([...living.map(({ slug }) => slug), ...world.cells.map((cell) => `cell.${cell}`)]);
  const isOwned = ({ instance, cell }: CloudObject): boolean =>
    instance === undefined ? cell !== undefined && world.cells.includes(cell) : ids.has(instance);
  const leaked = (text: string, stack?: string): Finding => ({ verdict: "leaked", text, stack });
  return [
    ...world.objects
      .filter((object) => !isOwned(object))
      .map((object) =>
        leaked(`${describe(object)} has no living entitlement`, slugOf.get(object.instance ?? "")),
      ),
    ...world.states
      .filter(({ stack }) => !stacks.has(stack))
      .map(({ stack, resources }) =>
        leaked(`state of ${stack}, which is gone, with ${resources.length} resources`, stack),
      ),
    ...world.remains
      .filter(({ stack }) => !stacks.has(stack))
      .map(({ stack, key }) => leaked(`row of ${stack}, which is gone: ${key}`, stack)),
    ...world.locks.map((key) => leaked(`lock ${key}`, stackOfKey(key))),
    ...world.orphans.map((command) => leaked(`process ${command}`)),
  ];
}

/** More than one of these for one instance or one cell is one too many; of records, of one type. */
const single = new Set(["server", "firewall", "attachment", "record", "certificate"]);
const singleOfCell = new Set(["network", "subnet", "ssh key"]);

function findDuplicated(world: World): Finding[] {
  const slugOf = new Map(world.rows.map(({ id, slug }) => [id, slug]));
  const ofInstance = groupBy(
    world.objects.filter(({ kind, instance }) => single.has(kind) && instance !== undefined),
    ({ kind, instance, name }) => `${kind === "record" ? `record ${name}` : kind} of ${instance ?? ""}`,
  );
  const ofCell = groupBy(
    world.objects.filter(({ kind, instance }) => singleOfCell.has(kind) && instance === undefined),
    ({ kind, cell }) => `${kind} of cell ${cell ?? "unknown"}`,
  );
  const addresses = groupBy(
    world.servers.flatMap(({ id, privateIps }) => privateIps.map((ip) => ({ id, ip }))),
    ({ ip }) => ip,
  );
  const living = world.rows.filter(({ status }) => status !== "gone");
  const duplicated = (text: string, stack?: string): Finding => ({ verdict: "duplicated", text, stack });
  return [
    ...repeated(ofInstance).map(([what, objects]) =>
      duplicated(
        `${objects.length} times ${what}: ${objects.map(describe).join("; ")}`,
        slugOf.get(objects[0]?.instance ?? ""),
      ),
    ),
    ...repeated(ofCell).map(([what, objects]) =>
      duplicated(
        `${objects.length} times ${what}: ${objects.map(describe).join("; ")}`,
        `cell.${objects[0]?.cell ?? ""}`,
      ),
    ),
    ...repeated(addresses).map(([ip, servers]) =>
      duplicated(`private address ${ip} on the servers ${servers.map(({ id }) => id).join(", ")}`),
    ),
    ...repeated(groupBy(living, ({ subscription }) => subscription)).map(([subscription, rows]) =>
      duplicated(
        `${rows.length} desired rows for ${subscription}: ${rows.map(({ id }) => id).join(", ")}`,
        rows[0]?.slug,
      ),
    ),
    ...repeated(groupBy(living, ({ slug }) => slug)).map(([slug, rows]) =>
      duplicated(`${rows.length} desired rows named ${slug}`, slug),
    ),
  ];
}

function findLost(world: World): Finding[] {
  const living = livingRows(world);
  const lost = (text: string, stack?: string): Finding => ({ verdict: "lost", text, stack });
  const without = world.customers
    .filter(({ wants }) => wants === "running")
    .filter(({ subscription }) => !living.some((row) => row.subscription === subscription))
    .map(({ slug, status }) => lost(`${slug} is ${status} at Stripe and has no instance`, slug));
  return [
    ...without,
    ...living.flatMap((row) => findMissing(world, row).map((text) => lost(`${row.slug}: ${text}`, row.slug))),
    ...compareStates(world, living).map(({ text, stack }) => lost(text, stack)),
  ];
}

/** What an entitled instance lacks at the clouds. */
function findMissing(world: World, row: Row): string[] {
  const wants = world.customers.find(({ subscription }) => subscription === row.subscription)?.wants;
  const mine = world.objects.filter(({ instance }) => instance === row.id);
  const has = (kind: string) => mine.some((object) => object.kind === kind);
  const server = mine.find(({ kind }) => kind === "server");
  if (!server) return ["has no server"];
  const facts = world.servers.find(({ id }) => id === server.id);
  const firewall = mine.find(({ kind }) => kind === "firewall");
  const answer = world.answers.get(row.id) ?? "nobody asked";
  return [
    server.detail === "running" ? "" : `its server is ${server.detail}`,
    firewall ? "" : "has no firewall",
    firewall && !facts?.firewalls.includes(firewall.id) ? "its firewall is not applied to its server" : "",
    row.privateIp !== null && facts?.privateIps.includes(row.privateIp)
      ? ""
      : `its server lacks the private address ${row.privateIp ?? "that it should have"}`,
    has("certificate") ? "" : "has no certificate",
    recordProblem(mine, "A", facts?.ipv4),
    recordProblem(mine, "AAAA", facts?.ipv6),
    wants === "running" && answer !== goodAnswer ? `does not answer: ${answer}` : "",
  ].filter((text) => text !== "");
}

function recordProblem(mine: readonly CloudObject[], type: string, address: string | undefined): string {
  const record = mine.find(({ kind, name }) => kind === "record" && name.startsWith(`${type} `));
  if (!record) return `has no ${type} record`;
  return record.detail === address
    ? ""
    : `its ${type} record leads to ${record.detail} and not to ${address ?? "its server"}`;
}

/** States and clouds must know the same objects, in both directions. */
function compareStates(world: World, living: readonly Row[]): { text: string; stack: string }[] {
  const stackOf = ({ instance, cell }: CloudObject): string | undefined =>
    instance === undefined
      ? cell !== undefined && world.cells.includes(cell)
        ? `cell.${cell}`
        : undefined
      : living.find(({ id }) => id === instance)?.slug;
  const tracked = new Set([...single, ...singleOfCell]);
  const here = world.objects.filter(({ kind }) => tracked.has(kind));
  const found: { text: string; stack: string }[] = [];
  for (const object of here) {
    const stack = stackOf(object);
    if (stack === undefined) continue;
    const state = world.states.find((one) => one.stack === stack);
    const known = state?.resources.some(({ kind, id }) => kind === object.kind && id === object.id);
    if (!known) found.push({ stack, text: `the state of ${stack} does not know ${describe(object)}` });
  }
  for (const { stack, resources } of world.states) {
    for (const { kind, id, name, dying } of resources) {
      if (!tracked.has(kind)) continue;
      const exists = here.some((object) => object.kind === kind && object.id === id);
      if (exists && !dying) continue;
      const why = dying ? "which is to be deleted" : "which the cloud has not";
      found.push({ stack, text: `the state of ${stack} holds ${kind} ${name} (${id}), ${why}` });
    }
  }
  return found;
}

function findStuck(world: World): Finding[] {
  return findUnrest(world).map((text) => ({
    verdict: "stuck",
    text,
    stack: /^([^ :]+):/.exec(text)?.[1],
  }));
}

function describe({ kind, id, name, detail }: CloudObject): string {
  return `${kind} ${name} (${id}${detail === "" ? "" : `, ${detail}`})`;
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}

function repeated<T>(groups: Map<string, T[]>): [string, T[]][] {
  return [...groups].filter(([, items]) => items.length > 1);
}
