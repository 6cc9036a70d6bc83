/**
 * Proves over HTTP what is taken for absent: a single object that is answered with 404, and never a list. The clouds here answer
 * what the test says; that the real ones give an empty list is theirs (specs of both).
 */
import { afterEach, describe, expect, test } from "vitest";
import { createCloudflare } from "../../reconciler/cloud/cloudflare.ts";
import { createHetzner } from "../../reconciler/cloud/hetzner.ts";
import { removeLeftovers } from "../../reconciler/converge/cleanup.ts";
import { startTestCloud, type TestCloud } from "../support/gate.ts";
import { createTestLog } from "../support/log.ts";

const clouds: TestCloud[] = [];
afterEach(async () => {
  await Promise.all(clouds.splice(0).map((cloud) => cloud.close()));
});

/** Answers 404 to everything, as a wrong address or a broken proxy does; except what `known` has an answer for. */
async function startAbsent(known: Record<string, object> = {}) {
  const cloud = await startTestCloud((request, response) => {
    const path = new URL(request.url ?? "", "http://cloud").pathname.replace("/v1", "");
    const answer = known[`${request.method} ${path}`];
    response
      .writeHead(answer ? 200 : 404, { "content-type": "application/json" })
      .end(JSON.stringify(answer ?? { error: { code: "not_found", message: "not found" } }));
  });
  clouds.push(cloud);
  const at = { baseUrl: cloud.url, token: "t".repeat(64), fetch };
  return { hetzner: createHetzner(at), cloudflare: createCloudflare(at) };
}

type Absent = Awaited<ReturnType<typeof startAbsent>>;
const own = { host: "a.claws.example", zone: "claws.example", zoneId: "z1" };
const names = {
  own,
  domain: undefined,
  zones: [own, { zone: "firm.example", zoneId: "z2" }],
  hosts: [own.host],
};
const owner = { instanceId: "iabc", names, keepSnapshots: false };
const page = { meta: { pagination: { next_page: null } } };
const empty = {
  "GET /servers": { servers: [], ...page },
  "GET /firewalls": { firewalls: [], ...page },
  "GET /images": { images: [], ...page },
  "GET /zones/z1/dns_records": { result: [] },
  // Of the zone of a customer's own domain.
  "GET /zones/z2/dns_records": { result: [] },
  "GET /certificates": { result: [] },
};

describe("a list that is answered with 404 is no list", () => {
  const lists: [string, (absent: Absent) => Promise<unknown>][] = [
    ["servers", ({ hetzner }) => hetzner.findServers("iabc")],
    ["firewalls", ({ hetzner }) => hetzner.findFirewalls("iabc")],
    ["snapshots", ({ hetzner }) => hetzner.findSnapshots("iabc")],
    ["objects by name", ({ hetzner }) => hetzner.findObjects("networks", { name: "n" })],
    ["records", ({ cloudflare }) => cloudflare.findRecords("z1", "a.claws.example")],
    ["own records", ({ cloudflare }) => cloudflare.findOwnRecords("z1", "iabc")],
    ["foreign records", ({ cloudflare }) => cloudflare.findForeignRecords("z1", "a.claws.example", "iabc")],
    ["certificates", ({ cloudflare }) => cloudflare.findCertificates("z1", ["a.claws.example"])],
  ];
  test.each(lists)("%s", async (_what, find) => {
    await expect(find(await startAbsent())).rejects.toMatchObject({
      code: "cloud_unavailable",
      retry: { kind: "blocked" },
    });
  });
});

describe("a removal is done when the lists say so", () => {
  test("all of them empty", async () => {
    const { log } = createTestLog();
    await expect(removeLeftovers({ ...(await startAbsent(empty)), log }, owner)).resolves.toBeUndefined();
  });

  test.each(Object.keys(empty))("not while %s is answered with 404", async (missing) => {
    const { log } = createTestLog();
    const known = Object.fromEntries(Object.entries(empty).filter(([request]) => request !== missing));
    await expect(removeLeftovers({ ...(await startAbsent(known)), log }, owner)).rejects.toMatchObject({
      code: "cloud_unavailable",
    });
  });

  test("and a single object that is absent already is no failure", async () => {
    const { hetzner, cloudflare } = await startAbsent();
    const removals = [
      hetzner.releaseProtection(1),
      hetzner.deleteServer(1),
      hetzner.deleteFirewall(1),
      cloudflare.deleteRecord("z1", "r1"),
      cloudflare.revokeCertificate("c1"),
    ];
    await expect(Promise.all(removals)).resolves.toHaveLength(removals.length);
  });
});
