/**
 * Proves the simulated Cloudflare by its own rules: tokens, records, duplicates, batches, certificates that are really signed,
 * and the proxy in front of origins. Answers are compared with the official document where it is here.
 */
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { defaultToken, startCloudflare, type Cloudflare } from "../sandbox/cloudflare/cloudflare.ts";
import { askAssistant } from "../sandbox/demo/visitor.ts";
import { makeCertificateRequest } from "../sandbox/light-machines/certificate-request.ts";
import { startEdge, type Edge } from "../sandbox/edge/edge.ts";
import { createCloudflareCheck } from "../support/cloud-checks.ts";
import type { ResponseCheck } from "../support/openapi.ts";

let cloudflare: Cloudflare;
let conformity: ResponseCheck;

beforeEach(async () => {
  conformity = createCloudflareCheck();
  cloudflare = await startCloudflare({ zones: [{ name: "claws.example" }], check: conformity.check });
});
afterEach(async () => {
  await cloudflare.close();
  if (conformity.violations.length > 0) throw new Error(conformity.violations.join("\n"));
});

type Answer = { status: number; result: Record<string, unknown>; errors: { code: number }[]; info: unknown };

async function ask(method: string, path: string, body?: unknown, token = defaultToken): Promise<Answer> {
  const answer = await fetch(`${cloudflare.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  const parsed = text === "" ? {} : (JSON.parse(text) as Record<string, never>);
  return {
    status: answer.status,
    result: parsed["result"] ?? {},
    errors: parsed["errors"] ?? [],
    info: parsed["result_info"],
  };
}

const zone = () => `/zones/${cloudflare.zones[0]?.id}`;
const record = (change: Record<string, unknown> = {}) => ({
  type: "A",
  name: "bob.claws.example",
  content: "192.0.2.1",
  ttl: 1,
  proxied: true,
  ...change,
});

describe("tokens and zones", () => {
  test("a token is verified; another one is not let in", async () => {
    expect((await ask("GET", "/user/tokens/verify")).result).toMatchObject({ status: "active" });
    const refused = await ask("GET", "/zones", undefined, "other-token-0123456789");
    expect(refused.status).toBeGreaterThanOrEqual(400);
    expect(refused.errors[0]?.code).toBe(10_000);
  });

  test("a zone is found by its name", async () => {
    const { result } = await ask("GET", "/zones?name=claws.example");
    expect(result).toHaveLength(1);
    expect((await ask("GET", "/zones?name=other.example")).result).toEqual([]);
  });
});

describe("an account with several zones", () => {
  const both = ["claws.example", "firm.example"];
  const one = { value: "token-for-one-zone-0123456789", status: "active", canEdit: true } as const;

  beforeEach(async () => {
    await cloudflare.close();
    cloudflare = await startCloudflare({
      zones: both.map((name) => ({ name })),
      tokens: [
        { value: defaultToken, status: "active", canEdit: true },
        { ...one, zones: ["claws.example"] },
      ],
      check: conformity.check,
    });
  });

  const idOf = (name: string) => cloudflare.zones.find((each) => each.name === name)?.id ?? "";

  test("shows a token for one of them that one alone", async () => {
    expect((await ask("GET", "/zones")).result).toHaveLength(2);
    expect((await ask("GET", "/zones", undefined, one.value)).result).toMatchObject([
      { name: "claws.example" },
    ]);
    const refused = await ask("GET", `/zones/${idOf("firm.example")}/dns_records`, undefined, one.value);
    expect([refused.status, refused.errors[0]?.code]).toEqual([403, 10_000]);
  });

  test("keeps the records of each apart", async () => {
    for (const name of both)
      await ask("POST", `/zones/${idOf(name)}/dns_records`, record({ name: `x.${name}`, comment: "mine" }));
    const { result } = await ask("GET", `/zones/${idOf("firm.example")}/dns_records?comment.exact=mine`);
    expect(result).toMatchObject([{ name: "x.firm.example" }]);
  });

  test("signs names of every zone that the token is for, and lists them by zone", async () => {
    const { request: csr } = await makeCertificateRequest(["x.claws.example"]);
    const body = { csr, hostnames: both.map((name) => `x.${name}`), request_type: "origin-ecc" };
    const refused = await ask("POST", "/certificates", body, one.value);
    expect([refused.status, refused.errors[0]?.code]).toEqual([400, 1010]);
    expect((await ask("POST", "/certificates", body)).status).toBe(200);
    await ask("POST", "/certificates", { ...body, hostnames: ["y.claws.example"] });
    const count = async (name: string) =>
      (await ask("GET", `/certificates?zone_id=${idOf(name)}`)).result["length"];
    expect([await count("claws.example"), await count("firm.example")]).toEqual([2, 1]);
  });
});

describe("records", () => {
  test("are created, read, replaced, changed and deleted", async () => {
    const { result: made } = await ask("POST", `${zone()}/dns_records`, record({ comment: "mine" }));
    const path = `${zone()}/dns_records/${String(made["id"])}`;
    expect((await ask("GET", path)).result).toMatchObject({ name: "bob.claws.example", comment: "mine" });
    expect((await ask("PATCH", path, { content: "192.0.2.2" })).result).toMatchObject({
      content: "192.0.2.2",
      comment: "mine",
    });
    expect((await ask("PUT", path, record({ content: "192.0.2.3" }))).result["comment"]).toBeNull();
    expect((await ask("DELETE", path)).status).toBe(200);
    expect(await ask("GET", path)).toMatchObject({ status: 404, errors: [{ code: 81_044 }] });
  });

  test.each([
    ["an identical one", record(), 81_058],
    ["a CNAME beside an A record", record({ type: "CNAME", content: "x.example" }), 81_053],
    ["a wrong address", record({ content: "999.1.1.1" }), 9005],
    ["a TTL of no meaning", record({ content: "192.0.2.9", ttl: 7, proxied: false }), 9021],
    ["tags on a free zone", record({ content: "192.0.2.9", tags: ["a:b"] }), 9300],
  ])("refuse %s with the real code", async (_name, body, code) => {
    await ask("POST", `${zone()}/dns_records`, record());
    expect(await ask("POST", `${zone()}/dns_records`, body)).toMatchObject({
      status: 400,
      errors: [{ code }],
    });
  });

  test("a second A record of one name is legal, and both are listed, page by page", async () => {
    for (const last of [1, 2, 3])
      await ask("POST", `${zone()}/dns_records`, record({ content: `192.0.2.${last}` }));
    const page = await ask("GET", `${zone()}/dns_records?name.exact=bob.claws.example&per_page=2&page=2`);
    expect(page.result).toHaveLength(1);
    expect(page.info).toMatchObject({ total_count: 3, page: 2, per_page: 2 });
    expect((await ask("GET", `${zone()}/dns_records?content.exact=192.0.2.2`)).result).toHaveLength(1);
  });

  test("a batch is done as a whole or not at all", async () => {
    const { result } = await ask("POST", `${zone()}/dns_records`, record());
    const broken = { deletes: [{ id: result["id"] }], posts: [record({ content: "nonsense" })] };
    expect((await ask("POST", `${zone()}/dns_records/batch`, broken)).status).toBe(400);
    expect(cloudflare.recordsNamed("bob.claws.example")).toHaveLength(1);
    const good = { deletes: [{ id: result["id"] }], posts: [record({ content: "192.0.2.7" })] };
    expect((await ask("POST", `${zone()}/dns_records/batch`, good)).status).toBe(200);
    expect(cloudflare.recordsNamed("bob.claws.example").map(({ content }) => content)).toEqual(["192.0.2.7"]);
  });
});

describe("origin certificates and the edge", () => {
  let folder: string;
  let origin: Server | undefined;
  let edge: Edge | undefined;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "clawfleet-csr-"));
  });
  afterEach(async () => {
    await edge?.close();
    await new Promise<void>((resolve) => (origin ? origin.close(() => resolve()) : resolve()));
    origin = undefined;
    edge = undefined;
    rmSync(folder, { recursive: true });
  });

  function request(host: string): { csr: string; key: string } {
    const [key, csr] = [join(folder, `${host}.key`), join(folder, `${host}.csr`)];
    execFileSync("openssl", ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key], {
      stdio: "pipe",
    });
    execFileSync("openssl", ["req", "-new", "-key", key, "-subj", `/CN=${host}`, "-out", csr], {
      stdio: "pipe",
    });
    return { csr: readFileSync(csr, "utf8"), key: readFileSync(key, "utf8") };
  }

  async function sign(host: string): Promise<{ certificate: string; key: string }> {
    const { csr, key } = request(host);
    const body = { csr, hostnames: [host], request_type: "origin-ecc", requested_validity: 5475 };
    const { result } = await ask("POST", "/certificates", body);
    return { certificate: String(result["certificate"]), key };
  }

  async function serveOrigin(certificate: string, key: string): Promise<void> {
    origin = createServer({ cert: certificate, key }, (incoming, outgoing) =>
      outgoing.end(`${incoming.headers.host} for ${String(incoming.headers["x-forwarded-for"])}`),
    );
    await new Promise<void>((resolve) => origin?.listen(0, "127.0.0.1", resolve));
    edge = await startEdge({
      lookUp: (name) => cloudflare.recordsNamed(name),
      originCaRoot: cloudflare.originCaRoot,
      originPort: (origin.address() as AddressInfo).port,
    });
  }

  test("a request is really signed, for its own key and the names asked for", async () => {
    const { certificate, key } = await sign("bob.claws.example");
    const parsed = new X509Certificate(certificate);
    expect(parsed.subjectAltName).toBe("DNS:bob.claws.example");
    expect(parsed.verify(new X509Certificate(cloudflare.originCaRoot).publicKey)).toBe(true);
    expect(parsed.publicKey.export({ type: "spki", format: "pem" })).toBe(
      execFileSync("openssl", ["ec", "-pubout"], { input: key, encoding: "utf8", stdio: "pipe" }),
    );
    expect(
      await ask("POST", "/certificates", { csr: "nonsense", hostnames: ["x"], request_type: "origin-ecc" }),
    ).toMatchObject({
      status: 400,
    });
  });

  test("the edge reaches an origin with a certificate of its own, and tells it who asked", async () => {
    const { certificate, key } = await sign("bob.claws.example");
    await serveOrigin(certificate, key);
    cloudflare.addRecord("claws.example", record({ content: "127.0.0.1" }));
    const answer = await askAssistant(edge ?? { port: 0 }, { host: "bob.claws.example", path: "/" });
    expect(answer).toEqual({ status: 200, body: "bob.claws.example for 203.0.113.10" });
  });

  test("a name without a record, a closed origin and a stranger's certificate are told apart", async () => {
    const { certificate, key } = await sign("other.claws.example");
    await serveOrigin(certificate, key);
    const visit = () => askAssistant(edge ?? { port: 0 }, { host: "bob.claws.example", path: "/" });
    expect((await visit()).body).toContain("error 1016");
    cloudflare.addRecord("claws.example", record({ content: "127.0.0.1" }));
    expect((await visit()).body).toContain("error 526");
    await new Promise<void>((resolve) => origin?.close(() => resolve()));
    expect((await visit()).body).toContain("error 521");
  });
});
