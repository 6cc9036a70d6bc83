/** Everything that the audit counts, as plain data: what the simulated clouds say of themselves, and what our side believes. */

export const objectKinds = [
  "server",
  "firewall",
  "attachment",
  "record",
  "certificate",
  "network",
  "subnet",
  "ssh key",
  "primary IP",
  "placement group",
  "volume",
  "image",
] as const;
export type ObjectKind = (typeof objectKinds)[number];

/** One object as its cloud has it now. */
export type CloudObject = {
  kind: ObjectKind;
  /** As the state of a stack would name it. */
  id: string;
  name: string;
  /** Instance that it says it belongs to, by label, comment or host name. */
  instance: string | undefined;
  cell: string | undefined;
  /** A server's status, a record's content. */
  detail: string;
};

export type ServerFacts = {
  id: string;
  ipv4: string | undefined;
  ipv6: string | undefined;
  privateIps: readonly string[];
  firewalls: readonly string[];
};

export type Entitlement = "running" | "suspended" | "gone";

/** One subscription as Stripe has it. */
export type Customer = { subscription: string; slug: string; status: string; wants: Entitlement };

export type Row = {
  id: string;
  slug: string;
  subscription: string;
  cell: string;
  phase: string;
  status: string;
  detail: string | null;
  generation: number;
  observedGeneration: number;
  privateIp: string | null;
};

export type StackState = {
  stack: string;
  resources: readonly { kind: ObjectKind; id: string; name: string; dying: boolean }[];
  pendingOperations: readonly string[];
};

export type World = {
  customers: readonly Customer[];
  rows: readonly Row[];
  cells: readonly string[];
  objects: readonly CloudObject[];
  servers: readonly ServerFacts[];
  states: readonly StackState[];
  /** Keys of Pulumi's tables that belong to a stack but are not its state: history, copies. */
  remains: readonly { stack: string; key: string }[];
  /** Key and content, which names its owner. */
  locks: readonly string[];
  jobs: readonly { queue: string; key: string; state: string; due: Date }[];
  openOperations: readonly { id: number; stack: string; kind: string; worker: string }[];
  /** Processes without a living worker above them. */
  orphans: readonly string[];
  /** By instance id: what a visitor got who came with the customer's token. */
  answers: ReadonlyMap<string, string>;
};

export const goodAnswer = "200";

/** What is still unsettled with nobody to blame yet, one line each. */
export function findUnrest(world: World): string[] {
  const waiting = world.rows.filter(({ status }) => status !== "gone").flatMap(describeUnrest);
  const known = new Set(world.rows.map(({ subscription }) => subscription));
  const unknown = world.customers
    .filter(({ wants, subscription }) => wants === "running" && !known.has(subscription))
    .map(({ slug, subscription }) => `${slug}: nobody has seen subscription ${subscription}`);
  return [
    ...waiting,
    ...unknown,
    ...disagreements(world),
    ...world.jobs.map(({ queue, key, state }) => `${key}: job of ${queue} is ${state}`),
    ...world.locks.map((key) => `${stackOfKey(key)}: locked (${key})`),
    ...world.states.flatMap(({ stack, pendingOperations }) =>
      pendingOperations.map((operation) => `${stack}: pending ${operation}`),
    ),
    ...world.openOperations.map(
      ({ id, stack, kind, worker }) => `${stack}: operation ${id} (${kind} by ${worker}) has no end`,
    ),
  ];
}

function describeUnrest(row: Row): string[] {
  const { slug, status, detail, generation, observedGeneration } = row;
  if (status !== "ready") return [`${slug}: ${status}${detail === null ? "" : `: ${shorten(detail)}`}`];
  return observedGeneration < generation
    ? [`${slug}: ready, but at generation ${observedGeneration} of ${generation}`]
    : [];
}

const longestDetail = 240;

/** What the engine itself said, where it said something, on one line. */
function shorten(detail: string): string {
  return (/error: [^]*/.exec(detail)?.[0] ?? detail).replaceAll(/\s+/g, " ").slice(0, longestDetail);
}

/** Rows that want something else than billing does. */
function disagreements({ customers, rows }: World): string[] {
  return customers.flatMap(({ subscription, slug, wants }) =>
    rows
      .filter((row) => row.subscription === subscription && row.status !== "gone" && row.phase !== wants)
      .map((row) => `${slug}: should be ${wants} and is to be ${row.phase}`),
  );
}

/** `.pulumi/locks/organization/clawfleet/ada/…` and `.pulumi/stacks/clawfleet/ada.json` are of ada. */
export function stackOfKey(key: string): string {
  return /\/clawfleet\/([^/]+?)(?:\.json(?:\.\w+)*)?(?:\/|$)/.exec(key)?.[1] ?? key;
}
