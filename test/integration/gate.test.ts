/**
 * Proves what the gate does to requests and answers: nothing, but for what concerns one connection only; how losses pass
 * through it, TLS to the outside, who gets in, and what it says itself. The clouds here are servers that do one thing.
 */
import { request as ask, type IncomingMessage } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { webcrypto } from "node:crypto";
import "reflect-metadata";
import {
  BasicConstraintsExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { keepEndToEnd } from "../../reconciler/gate/proxy.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { startTestCloud, startTestGate, type TestGate } from "../support/gate.ts";
import { eventually } from "../support/poll.ts";

let database: TestDatabase;
const closing: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  for (const one of closing.splice(0).toReversed()) await one.close();
  await database.sql`delete from clawfleet.rate_budgets`;
});
afterAll(() => database.close());

type Answerer = Parameters<typeof startTestCloud>[0];

async function start(answer: Answerer, listen?: Parameters<typeof startTestCloud>[1]) {
  const cloud = await startTestCloud(answer, listen);
  closing.push(cloud);
  return cloud;
}

async function before(hetzner: string, holdMs = 10_000): Promise<TestGate & { url: string }> {
  const started = await startTestGate(database.sql, { hetzner }, { holdMs });
  closing.push(started.gate);
  return { ...started, url: started.gate.addressesFor({ account: "default", reason: "paid" }).hetzner };
}

async function collect(message: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of message) text += String(chunk);
  return text;
}

describe("what goes through", () => {
  test("method, path, query, headers, body and the answer arrive as they were sent", async () => {
    const seen: { method?: string; url?: string; headers?: string[]; body?: string } = {};
    const cloud = await start((request, response) => {
      Object.assign(seen, {
        method: request.method,
        url: request.url,
        headers: request.rawHeaders,
        body: "",
      });
      request.on("data", (chunk) => (seen.body += String(chunk)));
      request.on("end", () => {
        response.writeHead(201, "Made", [
          "X-Twice",
          "one",
          "X-Twice",
          "two",
          "Content-Type",
          "application/json",
        ]);
        response.end('{"server":{"id":7}}');
      });
    });
    const { url } = await before(cloud.url);
    const answer = await fetch(`${url}/servers?name=a%2Fb&sort=id&sort=name`, {
      method: "POST",
      headers: { authorization: "Bearer t", "user-agent": "hcloud-go/2", "content-type": "application/json" },
      body: '{"name":"a"}',
    });
    expect([answer.status, answer.statusText]).toEqual([201, "Made"]);
    expect(answer.headers.get("x-twice")).toBe("one, two");
    expect(await answer.text()).toBe('{"server":{"id":7}}');
    expect([seen.method, seen.url]).toEqual(["POST", "/v1/servers?name=a%2Fb&sort=id&sort=name"]);
    expect(seen.body).toBe('{"name":"a"}');
    const names = (seen.headers ?? []).filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase());
    expect(names).toEqual(expect.arrayContaining(["authorization", "user-agent", "content-length", "host"]));
    expect(names.filter((name) => name === "host")).toHaveLength(1);
    expect((seen.headers ?? []).join(" ")).toContain(new URL(cloud.url).host);
  });

  test("bodies are passed on while they come, in both directions", async () => {
    const steps: string[] = [];
    const cloud = await start((request, response) => {
      request.once("data", (chunk) => {
        steps.push(`cloud got ${String(chunk)}`);
        response.writeHead(200);
        response.write("first");
        request.once("data", (next) => response.end(`second after ${String(next)}`));
      });
    });
    const { url } = await before(cloud.url);
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const outgoing = ask(`${url}/stream`, { method: "POST" }, (message) => {
        message.once("data", (chunk) => {
          steps.push(`client got ${String(chunk)}`);
          outgoing.end("two");
        });
        resolve(message);
      });
      outgoing.once("error", reject);
      outgoing.write("one");
    });
    expect(await collect(answer)).toBe("second after two");
    expect(steps).toEqual(["cloud got one", "client got first"]);
  });

  test("headers of one connection stay on it", () => {
    const raw = [
      "Connection",
      "keep-alive, X-Mine",
      "X-Mine",
      "1",
      "TE",
      "trailers",
      "Upgrade",
      "h2c",
      "X-Ours",
      "2",
    ];
    expect(keepEndToEnd(raw, "keep-alive, X-Mine")).toEqual(["X-Ours", "2"]);
  });

  test("TLS to the outside is checked: a certificate of an unknown maker is not spoken to, one of a known is", async () => {
    const { certificate, key } = await makeCertificate();
    const answer: Answerer = (_request, response) => void response.end('{"ok":true}');
    const cloud = await start(answer, (listener) => createTlsServer({ cert: certificate, key }, listener));
    const secure = cloud.url.replace("http:", "https:").replace("127.0.0.1", "localhost");
    const unknown = await before(secure);
    await expect(fetch(`${unknown.url}/servers`)).rejects.toThrow("fetch failed");
    const defaults = getCACertificates("default");
    setDefaultCACertificates([...defaults, certificate]);
    try {
      const known = await before(secure);
      expect(await (await fetch(`${known.url}/servers`)).json()).toEqual({ ok: true });
    } finally {
      setDefaultCACertificates(defaults);
    }
  });
});

describe("what gets lost", () => {
  test("a connection that the cloud drops after the effect is dropped for the client, once", async () => {
    let effects = 0;
    const cloud = await start((request) => {
      effects += 1;
      request.socket.destroy();
    });
    const { url, outcomes } = await before(cloud.url);
    await expect(fetch(`${url}/servers`, { method: "POST", body: "{}" })).rejects.toThrow("fetch failed");
    expect(effects).toBe(1);
    expect(outcomes).toEqual(["lost"]);
  });

  test("an answer that breaks off breaks off", async () => {
    const cloud = await start((request, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write("half", () => request.socket.destroy());
    });
    const { url } = await before(cloud.url);
    const answer = await fetch(`${url}/servers`);
    await expect(answer.text()).rejects.toThrow("terminated");
  });

  test("a cloud that nobody can reach is no answer either", async () => {
    const { url, outcomes } = await before("http://127.0.0.1:9/v1");
    await expect(fetch(`${url}/servers`)).rejects.toThrow("fetch failed");
    expect(outcomes).toEqual(["lost"]);
  });

  test("a client that leaves takes its request back, and nobody is blamed", async () => {
    let gone = 0;
    const cloud = await start((request) => void request.socket.once("close", () => (gone += 1)));
    const { url, outcomes } = await before(cloud.url);
    const leaving = new AbortController();
    const left = fetch(`${url}/servers`, { signal: leaving.signal }).catch(() => "left");
    await eventually("the cloud has the request", async () => {
      const [row] = await database.sql`select 1 from clawfleet.rate_budgets where leases <> '{}'`;
      return row;
    });
    leaving.abort();
    expect(await left).toBe("left");
    await eventually("the gate lets go too", () => outcomes.includes("abandoned"));
    expect(gone).toBeLessThanOrEqual(1);
  });

  test("a reading on a kept connection that the cloud has closed is asked again, a writing never shares one", async () => {
    const sockets = new Set<unknown>();
    const asked: string[] = [];
    const cloud = await start((request, response) => {
      asked.push(`${request.method ?? ""} ${sockets.has(request.socket) ? "kept" : "fresh"}`);
      const isSecondReading = request.method === "GET" && sockets.has(request.socket);
      sockets.add(request.socket);
      if (isSecondReading) request.socket.destroy();
      else response.end("{}");
    });
    const { url } = await before(cloud.url);
    for (const method of ["GET", "GET", "POST", "POST"]) {
      const answer = await fetch(`${url}/servers`, { method, ...(method === "POST" ? { body: "{}" } : {}) });
      expect(await answer.text()).toBe("{}");
    }
    expect(asked).toEqual(["GET fresh", "GET kept", "GET fresh", "POST fresh", "POST fresh"]);
  });
});

describe("who gets in", () => {
  test("only who has a pass, while it is good, and only from this machine", async () => {
    const cloud = await start((_request, response) => void response.end("{}"));
    const { gate } = await before(cloud.url);
    const pass = gate.openPass({ account: "default", reason: "paid" });
    const { HCLOUD_ENDPOINT: url } = pass.environment;
    expect((await fetch(`${url}/servers`)).status).toBe(200);
    const { origin, pathname } = new URL(url);
    const guessed = `${origin}/${"A".repeat(43)}${pathname.slice(44)}`;
    for (const wrong of [`${origin}/v1/servers`, `${guessed}/servers`, `${origin}/`])
      expect((await fetch(wrong)).status).toBe(404);
    pass.close();
    expect((await fetch(`${url}/servers`)).status).toBe(404);
    expect(new URL(url).hostname).toBe("127.0.0.1");
  });

  test("a pass is not shown to people: texts name the cloud's own address", async () => {
    const { gate } = await before("https://api.hetzner.cloud/v1");
    const pass = gate.openPass({ account: "default", reason: "paid" });
    const text = `Post "${pass.environment.HCLOUD_ENDPOINT}/servers": EOF`;
    expect(pass.toPlain(text)).toBe('Post "https://api.hetzner.cloud/v1/servers": EOF');
  });
});

describe("what it says itself", () => {
  const empty = ({ gate }: TestGate) =>
    database.sql`
      insert into clawfleet.rate_budgets (cloud, token_key, request_limit, period_ms, remaining, as_of)
      values ('hetzner', ${gate.budgetOf("hetzner", "default")}, 3600, 2000000000, 0, now()),
        ('cloudflare', ${gate.budgetOf("cloudflare", "default")}, 1200, 300000, 0, now())`;

  test("without budget: 429 as each cloud says it, with the time until there is some", async () => {
    const started = await before("http://127.0.0.1:9/v1", 0);
    await empty(started);
    const urls = started.gate.addressesFor({ account: "default", reason: "paid" });
    const hetzner = await fetch(`${urls.hetzner}/servers`);
    expect([hetzner.status, Number(hetzner.headers.get("retry-after")) > 1]).toEqual([429, true]);
    expect(await hetzner.json()).toMatchObject({ error: { code: "rate_limit_exceeded", details: null } });
    const cloudflare = await fetch(`${urls.cloudflare}/zones`);
    expect([cloudflare.status, cloudflare.headers.get("x-should-retry")]).toEqual([429, "false"]);
    expect(await cloudflare.json()).toMatchObject({ success: false, errors: [{ code: 10_429 }] });
  });

  test("a request waits for budget that comes in time", async () => {
    const cloud = await start((_request, response) => void response.end("{}"));
    const { url, ...started } = await before(cloud.url, 60_000);
    await empty(started);
    await database.sql`update clawfleet.rate_budgets set period_ms = 1800000`;
    expect((await fetch(`${url}/servers`)).status).toBe(200);
  });
});

/** For localhost, signed by itself. */
async function makeCertificate(): Promise<{ certificate: string; key: string }> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: "CN=localhost",
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 3_600_000),
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new SubjectAlternativeNameExtension([{ type: "dns", value: "localhost" }]),
    ],
  });
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  const key = `-----BEGIN PRIVATE KEY-----\n${der}\n-----END PRIVATE KEY-----\n`;
  return { certificate: certificate.toString("pem"), key };
}
