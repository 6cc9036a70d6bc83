/**
 * Proves on the real engine and real machines that a domain of the customer's own, set by an override, is answered under, is what
 * is shown, moves to another zone and goes again, while the server stays and the own name answers. It cannot prove that Cloudflare
 * gives the domain to visitors: the simulated one has its zones at once, and its certificate for visitors is not simulated.
 */
import { appendFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { unwrap } from "../../reconciler/cli/client.ts";
import { killSession } from "../../infra/process-session.ts";
import { askAssistant } from "../sandbox/demo/visitor.ts";
import { findObstacle, startFleet, type Fleet } from "../support/fleet.ts";
import { eventually } from "../support/poll.ts";
import { listDescendants } from "../support/processes.ts";

const obstacle = await findObstacle();
const own = "bob.claws.example";
const [first, second] = ["ai.firm.example", "shop.example"];
/** What nobody waits for in a passing run. */
const waitMs = 240_000;

let fleet: Fleet;
let serverId = 0;

const server = () => fleet.sandbox.hetzner.project().server("cf-bob");
const records = (host: string) => fleet.sandbox.cloudflare.recordsNamed(host);
const kindsAt = (host: string) =>
  records(host)
    .map(({ type }) => type)
    .toSorted();
const certificates = () => fleet.sandbox.cloudflare.certificates().map(({ hostnames }) => hostnames);
const shownUrl = async () => (await fleet.find("bob")).url;
const cellFile = () => join(fleet.stacksDir, "Pulumi.cell.lab.yaml");

async function statusAt(host: string): Promise<number> {
  const text = await fleet.sandbox.machines?.run(server().id, "cat /etc/openclaw/gateway.env");
  const token = /OPENCLAW_GATEWAY_TOKEN="([^"]+)"/.exec(text?.stdout ?? "")?.[1] ?? "";
  return (await askAssistant(fleet.sandbox.edge, { host, path: "/v1/models", token })).status;
}

async function untilShown(host: string): Promise<void> {
  await eventually(
    `${host} is what is shown`,
    async () => {
      const row = await fleet.find("bob");
      const done = row.status === "ready" && row.observedGeneration === row.generation;
      return done && row.url === `https://${host}`;
    },
    waitMs,
  );
}

/** As a power cut between "the record is made" and "the record is in the state". */
async function killAfterRecord(): Promise<void> {
  const { cloudflare } = fleet.sandbox;
  await eventually("the order was taken", () => cloudflare.faults.pending() === 0, waitMs);
  const engines = (await listDescendants(fleet.service.pid)).filter(({ command }) =>
    command.includes("runner.ts"),
  );
  expect(engines.length).toBeGreaterThan(0);
  for (const { pid } of engines) killSession(pid);
}

async function adopted(): Promise<string> {
  const rows = await fleet.database.sql<{ message: string }[]>`
    select message from clawfleet.operation_events where message like 'recovery: adopted%'`;
  return rows.map(({ message }) => message).join("\n");
}

describe.skipIf(obstacle !== undefined)("a customer with a domain of their own", () => {
  beforeAll(async () => {
    fleet = await startFleet({}, { moreZones: ["firm.example", "shop.example"] });
    await fleet.provision("bob");
    await fleet.untilStatus("bob", "ready");
    serverId = server().id;
  });
  afterAll(() => fleet?.close());

  test("answers under it and under the own name, as soon as the cell has looked up its zone", async () => {
    await fleet.writeOverride("bob", [`customDomain: ${first}`]);
    await appendFile(cellFile(), "  clawfleet:customZones: [firm.example, shop.example]\n");
    await untilShown(first);
    expect(await Promise.all([statusAt(first), statusAt(own)])).toEqual([200, 200]);
    expect(kindsAt(first)).toEqual(["A", "AAAA"]);
    expect(records(first).every(({ proxied }) => proxied)).toBe(true);
    expect(certificates()).toEqual([[own, first]]);
    expect(server().id).toBe(serverId);
  });

  test("is led there by a link that signs in", async () => {
    const { link } = await unwrap(
      fleet.client.instances[":slug"]["sign-in"].$post({ param: { slug: "bob" } }),
    );
    expect(new URL(link).host).toBe(first);
    expect(new URLSearchParams(new URL(link).hash.slice(1)).get("gatewayUrl")).toBe(`wss://${first}`);
  });

  test("in another zone has one record of each kind there, though the run died that made the first", async () => {
    fleet.sandbox.cloudflare.faults.add({
      method: "POST",
      path: "/dns_records$",
      effect: { kind: "hold-after", ms: 120_000 },
    });
    await fleet.writeOverride("bob", [`customDomain: ${second}`]);
    await killAfterRecord();
    await untilShown(second);
    expect(await Promise.all([statusAt(second), statusAt(own)])).toEqual([200, 200]);
    expect(await adopted()).toMatch(/domain-record-(a|aaaa)-shop\.example/);
    expect(kindsAt(second)).toEqual(["A", "AAAA"]);
    expect(records(first)).toEqual([]);
    expect(await statusAt(first)).toBe(530);
    expect(certificates()).toEqual([[own, second]]);
    expect(server().id).toBe(serverId);
  });

  test("keeps it when its zone is taken out of the cell's file", async () => {
    const text = await readFile(cellFile(), "utf8");
    await writeFile(cellFile(), text.replace("[firm.example, shop.example]", "[firm.example]"));
    await eventually("somebody is told", async () => {
      const alerts = await fleet.database.sql`
        select about from clawfleet.alerts where kind = 'domain_refused' and about = 'bob'`;
      return alerts.length === 1;
    });
    const again = await fleet.apply("bob");
    expect([again.outcome, again.error]).toEqual(["unchanged", null]);
    expect(await shownUrl()).toBe(`https://${second}`);
  });

  test("without it again has the own name alone", async () => {
    await fleet.writeOverride("bob", ["hold: false"]);
    await untilShown(own);
    expect(await statusAt(own)).toBe(200);
    expect(records(second)).toEqual([]);
    expect(certificates()).toEqual([[own]]);
    expect(server().id).toBe(serverId);
  });

  test("leaves nothing of it behind when they are deleted", async () => {
    await fleet.writeOverride("bob", [`customDomain: ${first}`]);
    await untilShown(first);
    await fleet.deprovision("bob");
    await fleet.untilStatus("bob", "gone");
    expect(fleet.sandbox.cloudflare.records()).toEqual([]);
    expect(certificates()).toEqual([]);
  });
});
