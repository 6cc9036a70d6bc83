/** The simulated Cloudflare API: token check, zones, DNS records, origin certificates, address ranges. */
import { createHash } from "node:crypto";
import { Hono, type HonoRequest } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { startSimulator, type ExchangeCheck, type Simulator, type SimulatorEnv } from "../kit/simulator.ts";
import { createCertificateStore, toApiCertificate, type CertificateInput } from "./certificates.ts";
import { CloudflareRefusal, errors, failure, pageOf, success } from "./envelope.ts";
import type { Certificate, DnsRecord, Token, Zone, ZonePlan, ZoneStatus } from "./model.ts";
import { createOriginCa } from "./origin-ca.ts";
import { createRateGate } from "./rate.ts";
import { createRecordStore, toApiRecord, type RecordInput } from "./records.ts";

export type CloudflareOptions = {
  zones: { name: string; plan?: ZonePlan; status?: ZoneStatus }[];
  /** Default: one active token that may edit, `defaultToken`. */
  tokens?: Token[];
  /** Requests in five minutes for each token. Default 1,200. */
  rateLimit?: number;
  check?: ExchangeCheck | undefined;
  port?: number;
  now?: () => Date;
};

export type Cloudflare = Simulator & {
  /** Base URL with `/client/v4`. */
  url: string;
  /** PEM of the authority that signs origin certificates. */
  originCaRoot: string;
  zones: readonly Zone[];
  records(): DnsRecord[];
  recordsNamed(name: string): DnsRecord[];
  certificates(): Certificate[];
  /** By another hand: without a token and without a limit. */
  addRecord(zoneName: string, input: RecordInput): DnsRecord;
  removeRecord(id: string): void;
  setTokenStatus(value: string, status: Token["status"]): void;
};

export const defaultToken = "sandbox-cloudflare-token-0123456789abcdef";

/** A documentation range each: the sandbox's edge does not live there, tests only look at the rule. */
const ranges = {
  ipv4_cidrs: ["173.245.48.0/20", "103.21.244.0/22", "104.16.0.0/13"],
  ipv6_cidrs: ["2400:cb00::/32", "2606:4700::/32"],
};

export async function startCloudflare(options: CloudflareOptions): Promise<Cloudflare> {
  const now = options.now ?? (() => new Date());
  const zones: Zone[] = options.zones.map(({ name, plan, status }) => ({
    id: zoneId(name),
    name,
    plan: plan ?? "free",
    status: status ?? "active",
  }));
  const tokens = options.tokens ?? [{ value: defaultToken, status: "active", canEdit: true }];
  const gates = new Map(tokens.map((token) => [token.value, createRateGate(options.rateLimit ?? 1200, now)]));
  const records = createRecordStore(now);
  const ca = await createOriginCa(now);
  const certificates = createCertificateStore(ca, now);

  const zoneOf = (id: string): Zone => {
    const zone = zones.find((one) => one.id === id);
    if (!zone) throw new CloudflareRefusal("noZone");
    return zone;
  };

  const tokenOf = (request: HonoRequest) =>
    tokens.find(({ value }) => `Bearer ${value}` === request.header("authorization"));
  /** A token for one zone is shown no other. */
  const zonesFor = (request: HonoRequest): Zone[] => {
    const allowed = tokenOf(request)?.zones;
    return zones.filter(({ name }) => allowed?.includes(name) ?? true);
  };

  const api = new Hono<SimulatorEnv>();
  api.onError((error, c) => {
    if (!(error instanceof CloudflareRefusal)) throw error;
    return c.json(failure(error.error), error.status as ContentfulStatusCode);
  });
  api.use(async (c, next) => {
    const value = /^Bearer (.+)$/.exec(c.req.header("authorization") ?? "")?.[1];
    if (value === undefined) throw new CloudflareRefusal("noHeaders");
    const token = tokens.find((one) => one.value === value);
    if (!token || (token.status !== "active" && !c.req.path.endsWith("/user/tokens/verify"))) {
      throw new CloudflareRefusal("authentication");
    }
    const gate = gates.get(value)?.take();
    if (gate) {
      c.header("ratelimit", `"default";r=${gate.remaining};t=${gate.resetSeconds}`);
      c.header("ratelimit-policy", `"default";q=${options.rateLimit ?? 1200};w=300`);
      if (!gate.allowed) {
        c.header("retry-after", String(gate.resetSeconds));
        return c.json(failure(errors.throttled), 429);
      }
    }
    if (c.req.method !== "GET" && !token.canEdit) throw new CloudflareRefusal("notAuthorized");
    return await next();
  });

  api.use("/zones/:zone/*", async (c, next) => {
    const id = c.req.param("zone");
    const hidden = zones.some((zone) => zone.id === id) && !zonesFor(c.req).some((zone) => zone.id === id);
    if (hidden) throw new CloudflareRefusal("authentication");
    return await next();
  });

  api.get("/user/tokens/verify", (c) => {
    const token = tokenOf(c.req);
    return c.json(success({ id: zoneId(token?.value ?? ""), status: token?.status }));
  });
  api.get("/ips", (c) => c.json(success({ ...ranges, etag: zoneId("ranges") })));
  api.get("/zones", (c) => {
    const query = new URL(c.req.url).searchParams;
    const name = query.get("name");
    const { items, info } = pageOf(
      zonesFor(c.req).filter((zone) => name === null || zone.name === name),
      query,
      20,
    );
    return c.json(success(items.map(toApiZone), info));
  });
  api.get("/zones/:zone", (c) => c.json(success(toApiZone(zoneOf(c.req.param("zone"))))));

  api.get("/zones/:zone/dns_records", (c) => {
    const query = new URL(c.req.url).searchParams;
    const { items, info } = pageOf(records.list(zoneOf(c.req.param("zone")), query), query, 100);
    return c.json(success(items.map(toApiRecord), info));
  });
  api.post("/zones/:zone/dns_records", async (c) =>
    c.json(success(toApiRecord(records.create(zoneOf(c.req.param("zone")), await c.req.json())))),
  );
  api.post("/zones/:zone/dns_records/batch", async (c) => {
    const zone = zoneOf(c.req.param("zone"));
    return c.json(success(runBatch(zone, await c.req.json())));
  });
  api.get("/zones/:zone/dns_records/:id", (c) =>
    c.json(success(toApiRecord(records.find(zoneOf(c.req.param("zone")), c.req.param("id"))))),
  );
  api.put("/zones/:zone/dns_records/:id", async (c) => {
    const zone = zoneOf(c.req.param("zone"));
    return c.json(success(toApiRecord(records.replace(zone, c.req.param("id"), await c.req.json()))));
  });
  api.patch("/zones/:zone/dns_records/:id", async (c) => {
    const zone = zoneOf(c.req.param("zone"));
    return c.json(success(toApiRecord(records.change(zone, c.req.param("id"), await c.req.json()))));
  });
  api.delete("/zones/:zone/dns_records/:id", (c) => {
    const removed = records.remove(zoneOf(c.req.param("zone")), c.req.param("id"));
    return c.json(success({ id: removed.id }));
  });

  api.post("/certificates", async (c) => {
    const signed = await certificates.sign(await c.req.json<CertificateInput>(), zonesFor(c.req));
    return c.json(success(toApiCertificate(signed)));
  });
  api.get("/certificates", (c) => {
    const asked = c.req.query("zone_id");
    const zone = asked === undefined ? undefined : zoneOf(asked);
    return c.json(success(certificates.list(zone).map(toApiCertificate)));
  });
  api.get("/certificates/:id", (c) =>
    c.json(success(toApiCertificate(certificates.find(c.req.param("id"))))),
  );
  api.delete("/certificates/:id", (c) => {
    const { id } = certificates.revoke(c.req.param("id"));
    return c.json(success({ id, revoked_at: now().toISOString() }));
  });

  type Batch = {
    deletes?: { id: string }[];
    patches?: BatchChange[];
    puts?: BatchChange[];
    posts?: RecordInput[];
  };
  type BatchChange = RecordInput & { id: string };

  /** All of it or none of it, in Cloudflare's order. */
  function runBatch(zone: Zone, batch: Batch) {
    const undo = records.snapshot();
    try {
      const deletes = (batch.deletes ?? []).map(({ id }) => toApiRecord(records.remove(zone, id)));
      const patches = (batch.patches ?? []).map(({ id, ...input }) =>
        toApiRecord(records.change(zone, id, input)),
      );
      const puts = (batch.puts ?? []).map(({ id, ...input }) =>
        toApiRecord(records.replace(zone, id, input)),
      );
      const posts = (batch.posts ?? []).map((input) => toApiRecord(records.create(zone, input)));
      return { deletes, patches, puts, posts };
    } catch (error) {
      undo();
      throw error;
    }
  }

  const app = new Hono<SimulatorEnv>();
  app.route("/client/v4", api);
  const simulator = await startSimulator({
    name: "cloudflare",
    app,
    check: options.check,
    ...(options.port === undefined ? {} : { port: options.port }),
  });
  return {
    ...simulator,
    url: `${simulator.origin}/client/v4`,
    originCaRoot: ca.rootPem,
    zones,
    records: () => records.all(),
    recordsNamed: (name) => records.byName(name),
    certificates: () => certificates.list(undefined),
    addRecord: (zoneName, input) => records.create(zoneOf(zoneId(zoneName)), input),
    removeRecord(id) {
      const record = records.all().find((one) => one.id === id);
      if (record) records.remove(zoneOf(record.zoneId), id);
    },
    setTokenStatus(value, status) {
      const token = tokens.find((one) => one.value === value);
      if (token) token.status = status;
    },
  };
}

function zoneId(name: string): string {
  return createHash("md5").update(name).digest("hex");
}

function toApiZone(zone: Zone) {
  return {
    id: zone.id,
    name: zone.name,
    status: zone.status,
    paused: false,
    type: "full",
    development_mode: 0,
    name_servers: ["ada.ns.cloudflare.com", "bob.ns.cloudflare.com"],
    original_name_servers: null,
    original_registrar: null,
    original_dnshost: null,
    created_on: "2026-01-01T00:00:00.000000Z",
    modified_on: "2026-01-01T00:00:00.000000Z",
    activated_on: "2026-01-01T00:00:00.000000Z",
    owner: { id: zoneId("owner"), name: "Sandbox", type: "organization" },
    meta: {
      cdn_only: false,
      dns_only: false,
      foundation_dns: false,
      page_rule_quota: 3,
      phishing_detected: false,
      step: 0,
    },
    account: { id: zoneId("account"), name: "Sandbox" },
    plan: { id: zone.plan, name: zone.plan },
    permissions: ["#dns_records:edit", "#dns_records:read", "#zone:read"],
  };
}
