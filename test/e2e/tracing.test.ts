/**
 * Proves with a collector that speaks OTLP over HTTP that one trace leads from a billing webhook through the queue to the engine's
 * run, across processes, and that log lines name it. It cannot prove anything about a real collector.
 */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { unwrap } from "../../reconciler/cli/client.ts";
import { buy } from "../sandbox/customer.ts";
import { findObstacle, startFleet, type Fleet } from "../support/fleet.ts";
import { eventually } from "../support/poll.ts";

const obstacle = await findObstacle();

const valueSchema = z.object({
  stringValue: z.string().optional(),
  intValue: z.union([z.number(), z.string()]).optional(),
});
const spanSchema = z.object({
  name: z.string(),
  traceId: z.string(),
  spanId: z.string(),
  parentSpanId: z.string().optional(),
  attributes: z.array(z.object({ key: z.string(), value: valueSchema })),
});
const exportSchema = z.object({
  resourceSpans: z.array(z.object({ scopeSpans: z.array(z.object({ spans: z.array(spanSchema) })) })),
});
type Span = z.infer<typeof spanSchema>;

const token = "a secret of the collector";

describe.skipIf(obstacle !== undefined)("a trace", () => {
  let fleet: Fleet;
  let collector: Server;
  const spans: Span[] = [];
  const problems: string[] = [];

  let traceId = "";
  const find = (name: string) => spans.find((span) => span.name === name && span.traceId === traceId);
  /** From itself up to where its trace begins, as far as it is here. */
  const listAbove = (span: Span): Span[] => {
    const above = spans.find((one) => one.spanId === span.parentSpanId && one.traceId === span.traceId);
    return above ? [span, ...listAbove(above)] : [span];
  };
  const attribute = (span: Span | undefined, key: string) => {
    const value = span?.attributes.find((one) => one.key === key)?.value;
    return value?.stringValue ?? value?.intValue;
  };

  beforeAll(async () => {
    collector = createServer((request, response) => {
      void json(request).then((body) => {
        if (request.headers["x-token"] !== token) problems.push("without the header");
        if (request.url !== "/v1/traces") problems.push(String(request.url));
        for (const { scopeSpans } of exportSchema.parse(body).resourceSpans)
          for (const scope of scopeSpans) spans.push(...scope.spans);
        response.end("{}");
      });
    });
    await new Promise<void>((resolve) => collector.listen(0, "127.0.0.1", resolve));
    const { port } = collector.address() as AddressInfo;
    const tracing = {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_EXPORTER_OTLP_HEADERS: `x-token=${encodeURIComponent(token)}`,
    };
    // Two processes: what is asked for in one is done in the other.
    fleet = await startFleet(tracing, { args: ["serve"] });
    await fleet.startSecond({}, ["work"]);
    // Who has to wait for the cell is woken by the cell's own converge, and belongs to that one's trace.
    await eventually("the cell is up", async () => {
      const { cells } = await unwrap(fleet.client.cells.$get());
      return cells.every(({ status }) => status === "ready");
    });
  });
  afterAll(async () => {
    await fleet?.close();
    await new Promise((resolve) => collector?.close(resolve));
  });

  test("leads from the webhook to the up", async () => {
    await buy(fleet.service.url, { plan: "starter", slug: "ada", email: "ada@example.com" });
    await eventually(
      "it is made",
      async () => (await fleet.client.instances[":slug"].$get({ param: { slug: "ada" } })).ok,
    );
    await fleet.untilStatus("ada", "ready");
    const isAda = (span: Span) =>
      spans.some(
        (one) =>
          one.spanId === span.parentSpanId &&
          one.traceId === span.traceId &&
          attribute(one, "clawfleet.stack") === "ada",
      );
    const up = await eventually("the up was collected", () =>
      spans.find((span) => span.name === "pulumi up" && isAda(span)),
    );
    traceId = up.traceId;
    // Whoever began it ends last, and another process sends it.
    const chain = await eventually("all of its trace was", () => {
      const found = listAbove(up);
      return found.at(-1)?.parentSpanId === undefined ? found : undefined;
    });
    expect(chain.map(({ name }) => name)).toEqual([
      "pulumi up",
      "operation up",
      "converge job",
      "billing-hint job",
      "POST /webhooks/stripe",
    ]);
    expect(chain.filter((one) => one.traceId !== traceId)).toEqual([]);
    const [last] = await fleet.operations("ada");
    const operation = find("operation up");
    expect(attribute(operation, "clawfleet.stack")).toBe("ada");
    expect(Number(attribute(operation, "clawfleet.operation"))).toBe(last?.id);
    expect(attribute(operation, "clawfleet.outcome")).toBe("succeeded");
    expect(problems).toEqual([]);
  });

  test("is named by the log lines that were written under it, and holds no secret", async () => {
    const lines = (await fleet.readLog()).split("\n").filter((line) => line.includes('"operation ended"'));
    const ended: { trace_id?: string; stack: string }[] = lines.map((line) => JSON.parse(line));
    expect(find("operation up")?.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(ended.find(({ stack }) => stack === "ada")?.trace_id).toBe(find("operation up")?.traceId);
    const said = JSON.stringify(spans);
    for (const secret of [
      token,
      fleet.sandbox.env["HCLOUD_TOKEN"],
      fleet.sandbox.env["CLAWFLEET_MASTER_KEY"],
    ])
      expect(said).not.toContain(secret);
    expect(await fleet.readLog()).not.toContain(token);
  });
});
