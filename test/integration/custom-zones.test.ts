/**
 * Proves against a simulated Cloudflare with several zones what recovery, deletion and a scan for drift make of records and
 * certificates of a customer's own domain. States are rows as Pulumi's backend writes them;
 * that a real run adopts what is found here is e2e/custom-domain.test.ts.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { recordComment } from "../../components/naming.ts";
import { stackStateSchema } from "../../infra/runner-protocol.ts";
import { createCloudflare } from "../../reconciler/cloud/cloudflare.ts";
import { createHetzner } from "../../reconciler/cloud/hetzner.ts";
import { removeLeftovers } from "../../reconciler/converge/cleanup.ts";
import { refuseForeignRecords } from "../../reconciler/converge/names.ts";
import { listFindings } from "../../reconciler/db/drift.ts";
import { findConvergeRow } from "../../reconciler/db/observed.ts";
import { deleteOrphan, type OrphanDeps } from "../../reconciler/drift/orphans.ts";
import { defaultPolicy } from "../../reconciler/drift/policy.ts";
import { scanDrift } from "../../reconciler/drift/scan.ts";
import { findObjects, removeObject, type StackIdentity } from "../../reconciler/recovery/find-objects.ts";
import { planAdoption } from "../../reconciler/recovery/objects.ts";
import { findIdentity } from "../../reconciler/recovery/rows.ts";
import { openStateStore } from "../../reconciler/recovery/state-store.ts";
import { defaultToken, startCloudflare, type Cloudflare } from "../sandbox/cloudflare/cloudflare.ts";
import { startHetzner, type Hetzner } from "../sandbox/hetzner/hetzner.ts";
import { makeCertificateRequest } from "../sandbox/light-machines/certificate-request.ts";
import { startAdminApp, type AdminApp } from "../support/admin-app.ts";
import { instanceOutputs } from "../support/instance-inputs.ts";
import { putStateOf } from "../support/state-rows.ts";

const domain = "ai.firm.example";
let api: AdminApp;
let hetzner: Hetzner;
let cloudflare: Cloudflare;
let adaId: string;

const zoneId = (name: string) => cloudflare.zones.find((zone) => zone.name === name)?.id ?? "";
const access = () => ({
  hetzner: { baseUrl: hetzner.url, token: hetzner.token, fetch },
  cloudflare: { baseUrl: cloudflare.url, token: defaultToken, fetch },
});
const clouds = () => ({
  hetzner: createHetzner(access().hetzner),
  cloudflare: createCloudflare(access().cloudflare),
});

beforeEach(async () => {
  api = await startAdminApp();
  hetzner = await startHetzner({});
  const names = ["claws.example", "firm.example", "shop.example"];
  cloudflare = await startCloudflare({ zones: names.map((name) => ({ name })) });
  const { sql } = api.database;
  await api.request("POST", "/api/v1/instances", { body: { slug: "ada", plan: "starter" } });
  const zones = { "firm.example": zoneId("firm.example"), "shop.example": zoneId("shop.example") };
  await sql`update clawfleet.cells set outputs = outputs || ${sql.json({ zoneId: zoneId("claws.example"), customZones: zones })}`;
  const [ada] = await sql<{ id: string }[]>`
    update clawfleet.instances set override = ${sql.json({ customDomain: domain })},
      observed_generation = generation, status = 'ready'
    where slug = 'ada' returning id`;
  adaId = ada?.id ?? "";
});
afterEach(async () => {
  await cloudflare.close();
  await hetzner.close();
  await api.close();
});

const record = (change: { name?: string; type?: string; content?: string; comment?: string } = {}) => ({
  name: domain,
  type: "A",
  content: "192.0.2.1",
  proxied: true,
  ttl: 1,
  comment: recordComment(adaId),
  ...change,
});

async function identity(): Promise<StackIdentity> {
  const found = await findIdentity(api.database.sql, "ada", adaId);
  if (!found) throw new Error("ada has no identity");
  return found.stack;
}

/** As the state holds them. */
type Known = { id: string; logicalName: string };
const recordType = "cloudflare:index/dnsRecord:DnsRecord";
const urnOf = ({ logicalName }: Known) => `urn:pulumi:ada::clawfleet::${recordType}::${logicalName}`;

async function plan(...known: Known[]) {
  const resources = known.map((one) => ({ urn: urnOf(one), type: recordType, id: one.id }));
  const objects = await findObjects(clouds(), await identity());
  return planAdoption(stackStateSchema.parse({ resources }), objects, () => true);
}

async function signFor(...hostnames: [string, ...string[]]): Promise<void> {
  const { request: csr } = await makeCertificateRequest(hostnames);
  const body = { csr, hostnames, request_type: "origin-ecc" };
  const answer = await fetch(`${cloudflare.url}/certificates`, {
    method: "POST",
    headers: { authorization: `Bearer ${defaultToken}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  expect(answer.status).toBe(200);
}

describe("what a dead run left in the domain's zone", () => {
  test("is adopted into the place of the domain's record, by an import of that zone", async () => {
    const made = cloudflare.addRecord("firm.example", record());
    const { adopt, remove, foreign } = await plan();
    expect(adopt.map(({ logicalName, importId }) => [logicalName, importId])).toEqual([
      ["domain-record-a-firm.example", `${zoneId("firm.example")}/${made.id}`],
    ]);
    expect([remove, foreign]).toEqual([[], []]);
  });

  test("is adopted beside the one that the state knows in the zone of the domain before", async () => {
    const old = cloudflare.addRecord("shop.example", record({ name: "shop.example" }));
    const hosts = ["ada.claws.example", "shop.example"];
    const outputs = { ...instanceOutputs, url: "https://shop.example", hosts };
    const { sql } = api.database;
    await sql`update clawfleet.instances set outputs = ${sql.json(outputs)} where id = ${adaId}`;
    cloudflare.addRecord("firm.example", record());
    const { adopt, remove } = await plan({ id: old.id, logicalName: "domain-record-a-shop.example" });
    expect(adopt.map(({ logicalName }) => logicalName)).toEqual(["domain-record-a-firm.example"]);
    expect(remove).toEqual([]);
  });

  test("as a second one is removed from its own zone", async () => {
    const first = cloudflare.addRecord("firm.example", record());
    const second = cloudflare.addRecord("firm.example", record({ content: "192.0.2.2" }));
    const { adopt, remove } = await plan({ id: first.id, logicalName: "domain-record-a-firm.example" });
    expect([adopt, remove.map(({ id }) => id)]).toEqual([[], [second.id]]);
    for (const object of remove) await removeObject(clouds(), await identity(), object);
    expect(cloudflare.records().map(({ id }) => id)).toEqual([first.id]);
  });

  test("and is somebody else's stands in the way, and is not touched", async () => {
    cloudflare.addRecord(
      "firm.example",
      record({ type: "CNAME", content: "elsewhere.example", comment: "theirs" }),
    );
    const { adopt, foreign } = await plan();
    expect(adopt).toEqual([]);
    expect(foreign.map(({ logicalName, what }) => [logicalName, what])).toEqual([
      ["domain-record-a-firm.example", `CNAME record ${domain} to elsewhere.example`],
      ["domain-record-aaaa-firm.example", `CNAME record ${domain} to elsewhere.example`],
    ]);
  });

  test("of certificates is what names the own name, and nothing but its names", async () => {
    await signFor("ada.claws.example", domain);
    await signFor("ada.claws.example", "bob.claws.example");
    await signFor(domain);
    const { remove } = await plan();
    expect(remove.map(({ what }) => what.replace(/0x\w+/, "id"))).toEqual([
      `origin certificate id for ada.claws.example, ${domain}`,
    ]);
  });

  test("goes with the instance, in every zone where it has names", async () => {
    cloudflare.addRecord("firm.example", record());
    cloudflare.addRecord("firm.example", record({ name: "firm.example", comment: "theirs" }));
    cloudflare.addRecord("claws.example", record({ name: "ada.claws.example" }));
    await signFor("ada.claws.example", domain);
    const stack = await identity();
    if (stack.kind !== "instance") throw new Error("ada is no cell");
    const { log } = api.apply;
    await removeLeftovers(
      { ...clouds(), log },
      { instanceId: adaId, names: stack.names, keepSnapshots: false },
    );
    expect(cloudflare.records().map(({ name }) => name)).toEqual(["firm.example"]);
    expect(cloudflare.certificates()).toEqual([]);
  });
});

describe("a domain that has a record already", () => {
  const refusal = async () => {
    const row = await findConvergeRow(api.database.sql, adaId);
    if (!row) throw new Error("there is no ada");
    return await refuseForeignRecords({ cloudsOf: clouds }, row, "operator").then(
      () => undefined,
      (error: unknown) => error,
    );
  };

  test("of its own is had", async () => {
    cloudflare.addRecord("firm.example", record());
    cloudflare.addRecord("shop.example", record({ name: "shop.example", comment: "theirs" }));
    expect(await refusal()).toBeUndefined();
  });

  test.each([
    ["a stranger's is for a person", "theirs", "that is not ours", "permanent"],
    ["another instance's is waited for", recordComment("ibob"), "that is the instance ibob's", "retryable"],
  ])("%s", async (_what, comment, whose, retry) => {
    cloudflare.addRecord("firm.example", record({ comment }));
    expect(await refusal()).toMatchObject({
      code: "dns_conflict",
      message: `ada: ${domain} has a A record to 192.0.2.1 ${whose}`,
      retry: { kind: retry },
    });
  });
});

describe("a scan for drift", () => {
  async function withDeps<T>(use: (deps: OrphanDeps) => Promise<T>): Promise<T> {
    const { sql, url } = api.database;
    const store = openStateStore(sql, { backend: url, database: url });
    if (!store) throw new Error("this backend is PostgreSQL");
    try {
      return await use({
        ...api.apply,
        onAlert: () => undefined,
        store,
        policy: defaultPolicy,
        repairsPerHour: 10,
        accessOf: access,
        cloudsOf: clouds,
      });
    } finally {
      await store.close();
    }
  }
  async function scan() {
    await withDeps((deps) => scanDrift(deps, { account: "default", actor: "test" }));
    return (await listFindings(api.database.sql)).map(({ id, slug, class: kind, differences }) => ({
      id,
      seen: [slug, kind, ...differences.map(({ name, property }) => `${name} ${property ?? ""}`.trim())],
    }));
  }
  const seen = async () => (await scan()).map((finding) => finding.seen);
  const putRecords = (...records: { id: string; name: string; type: string; content: string }[]) =>
    putStateOf(
      api.database,
      "ada",
      records.map(({ id, name, type, content }) => ({
        urn: `urn:pulumi:ada::clawfleet::${recordType}::domain-record-${type.toLowerCase()}-firm.example`,
        custom: true,
        type: recordType,
        id,
        outputs: { name, type, content, proxied: true, ttl: 1, comment: recordComment(adaId) },
      })),
    );

  test("sees records of the domain's zone that are changed, gone, unknown and nobody's", async () => {
    const a = cloudflare.addRecord("firm.example", record());
    const aaaa = cloudflare.addRecord("firm.example", record({ type: "AAAA", content: "2001:db8::1" }));
    cloudflare.addRecord("firm.example", record({ name: "firm.example", comment: "theirs" }));
    await putRecords(a, aaaa);
    expect(await seen()).toEqual([]);
    await putRecords({ ...a, content: "192.0.2.9" }, aaaa);
    expect(await seen()).toEqual([["ada", "repair", `${domain} A content`]]);
    await putRecords(a, aaaa);
    cloudflare.removeRecord(aaaa.id);
    expect(await seen()).toEqual([["ada", "missing", `${domain} AAAA`]]);
    await putRecords(a);
    cloudflare.addRecord("shop.example", record({ name: "shop.example" }));
    cloudflare.addRecord(
      "shop.example",
      record({ name: "x.shop.example", comment: recordComment("ighost") }),
    );
    expect(await seen()).toEqual([
      ["ada", "stateless", "shop.example A"],
      [null, "leak", "x.shop.example A"],
    ]);
  });

  test("finds a record that nobody needs, which a command deletes in its own zone", async () => {
    const left = cloudflare.addRecord("firm.example", record({ comment: recordComment("ighost") }));
    await putRecords();
    const [finding] = await scan();
    const input = { findingId: finding?.id ?? 0, object: `record:${left.id}`, actor: "ops" };
    await withDeps((deps) => deleteOrphan(deps, input));
    expect(cloudflare.records()).toEqual([]);
    expect(await seen()).toEqual([]);
  });
});
