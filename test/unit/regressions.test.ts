/**
 * Proves that mistakes which were found once stay mended. Each belongs to the file that its name begins with.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import Stripe from "stripe";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { remoteScripts } from "../../cloud-init/files.ts";
import { bashCommand, nodeCommand } from "../../cloud-init/remote-command.ts";
import { firewallRuleSchema } from "../../infra/config.ts";
import { downloadEngine } from "../../infra/engine/download.ts";
import { withLock } from "../../infra/engine/lock.ts";
import { derivePassphrase } from "../../infra/seal.ts";
import { parseOverride } from "../../infra/stack-file.ts";
import { createStripeBilling } from "../../reconciler/billing/stripe.ts";
import { decideConverge } from "../../reconciler/converge/decide.ts";
import { classifyFailure } from "../../reconciler/converge/failure.ts";
import type { SubscriptionRow } from "../../reconciler/db/subscriptions.ts";
import { findFreeAddress } from "../../reconciler/desired/addresses.ts";
import { desire } from "../../reconciler/desired/desire.ts";
import { hideScripts } from "../../reconciler/operations/engine-events.ts";
import { createRedact } from "../../reconciler/operations/redact.ts";
import { toProgress } from "../../reconciler/operations/progress.ts";
import { toOrderView } from "../../reconciler/web/order-view.ts";
import { createFakeTools, pins } from "../support/engine-tools.ts";
import { makePlan } from "../support/instance-inputs.ts";

describe("infra/stack-file.ts", () => {
  it.each(["hello", "config: hello"])(":69,76 refuses a file or a config that is no mapping: %j", (text) => {
    expect(() => parseOverride(text, "o.yaml")).toThrow(/o\.yaml:1: /);
  });

  it.each(["config:\n  clawfleet:plan: *nothing\n"])(
    ":68 names file and line of an alias to nothing",
    (text) => {
      expect(() => parseOverride(text, "o.yaml")).toThrow(/o\.yaml:2: /);
    },
  );
});

describe("infra/config.ts", () => {
  const rule = { description: "x", protocol: "tcp", port: "80", sourceIps: ["192.0.2.0/24"] };
  it.each([{ port: "99999" }, { port: "0" }, { port: "5010-5000" }, { sourceIps: ["everywhere"] }])(
    ":29 refuses what Hetzner will refuse only in the middle of a run: %j",
    (change) => {
      expect(firewallRuleSchema.safeParse({ ...rule, ...change }).success).toBe(false);
    },
  );
});

describe("infra/seal.ts", () => {
  it.each(["", "short", "zz".repeat(32)])(":50 derives no passphrase from %j, which is no key", (wrong) => {
    expect(() => derivePassphrase(wrong)).toThrow(RangeError);
  });
});

describe("infra/engine", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "clawfleet-test-"));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it("lock.ts:15 lets one in at a time when several find the lock of a dead process", async () => {
    const rounds = Array.from({ length: 40 }, (_, round) => join(folder, `${round}`, "lock"));
    let most = 0;
    for (const file of rounds) {
      await mkdir(dirname(file));
      await writeFile(file, `${spawnSync("true").pid}\n`);
      let inside = 0;
      const work = async () => {
        inside += 1;
        most = Math.max(most, inside);
        await new Promise((resolve) => setImmediate(resolve));
        await new Promise((resolve) => setImmediate(resolve));
        inside -= 1;
      };
      await Promise.all(Array.from({ length: 8 }, () => withLock(file, { waitMs: 10_000, pollMs: 1 }, work)));
      if (most > 1) break;
    }
    expect(most).toBe(1);
  });

  it("download.ts:25 leaves no archive in the cache", async () => {
    const tools = await createFakeTools({ archive: "3.259.0" });
    try {
      await downloadEngine(tools, pins, join(folder, "engine"));
    } finally {
      await tools.remove();
    }
    expect(existsSync(join(folder, "engine", "archive.tar.gz"))).toBe(false);
  });
});

describe("reconciler/converge/failure.ts", () => {
  /** As the command provider words it: the whole command line stands before what the script said. */
  const wordsOf = (ending: string, commandLine: string, said: string) =>
    `${ending}: running ${JSON.stringify(commandLine)}:\n${said}`;

  it.each(["tlsRequest", "tlsInstall", "configure", "health"] as const)(
    ":190 keeps the last words of %s in the message",
    (name) => {
      const text = wordsOf(
        "Process exited with status 1",
        nodeCommand(remoteScripts[name]),
        "the very reason\n",
      );
      expect(classifyFailure([hideScripts(text)]).message).toContain("the very reason");
    },
  );

  it.each([
    "Process exited from signal KILL",
    "wait: remote command exited without exit status or exit signal",
  ])(":153 tries again when the wait for the first boot was only cut off: %s", (ending) => {
    const text = wordsOf(ending, bashCommand(remoteScripts.waitFirstBoot), "");
    expect(classifyFailure([hideScripts(text)]).retry.kind).toBe("retryable");
  });

  it.each([
    [
      "hetzner",
      'Get "https://api.hetzner.cloud/v1/servers": dial tcp: lookup api.hetzner.cloud: no such host',
    ],
    ["cloudflare", 'Get "https://api.cloudflare.com/client/v4/zones": dial tcp 104.16.0.1:443: i/o timeout'],
  ])(":146 does not take an unreachable %s for a machine that does not answer on SSH", (_by, text) => {
    expect(classifyFailure([text]).code).toBe("cloud_unavailable");
  });
});

describe("reconciler/converge", () => {
  it("decide.ts:32 does not run the program for an archived instance, which has no machine", () => {
    const facts = {
      status: "ready",
      generation: 2,
      observedGeneration: 1,
      cellReady: true,
      hasSnapshot: false,
      misfit: false,
      hold: false,
      paused: false,
    } as const;
    expect(decideConverge({ ...facts, phase: "archived", reason: "resync" }).kind).not.toBe("up");
  });
});

describe("reconciler/desired", () => {
  const now = new Date("2026-11-20T12:00:00Z");
  const subscription: SubscriptionRow = {
    provider: "stripe",
    id: "sub_1",
    customerId: "cus_1",
    email: null,
    slug: "anna",
    orderId: null,
    priceKeys: ["starter-monthly"],
    status: "active",
    createdAt: now,
    periodEnd: null,
    cancelAt: null,
    endedAt: null,
    statusSince: now,
    readAt: now,
  };
  const input = {
    slug: "anna",
    subscriptions: [subscription],
    override: {},
    interventions: [],
    plans: { starter: makePlan() },
    now,
  };

  it("desire.ts:71 takes no property of every object for a plan", () => {
    expect(desire({ ...input, override: { plan: "constructor" } })).toMatchObject({
      desired: undefined,
      alerts: [{ kind: "unknown_plan" }],
    });
  });

  it("desire.ts:40 alerts somebody to a billing status that nobody knows", () => {
    const { alerts } = desire({ ...input, subscriptions: [{ ...subscription, status: "brand_new" }] });
    expect(alerts).toMatchObject([{ kind: "unknown_status" }]);
  });

  it("addresses.ts:13 gives no address outside of a range that is written with host bits", () => {
    const taken = new Set(Array.from({ length: 252 }, (_, index) => `10.0.0.${index + 3}`));
    expect(findFreeAddress("10.0.0.128/24", taken, "10.0.0.2")).toBeUndefined();
  });
});

describe("reconciler/operations", () => {
  it.each(["resource-started", "resource-failed"])(
    "progress.ts:16 shows the server, not the network, while only the firewall is done: %s",
    (kind) => {
      const marks = [
        { resource: "firewall", kind: "resource-done" },
        { resource: "server", kind },
      ];
      expect(toProgress(marks).current).toBe("server");
    },
  );

  it("redact.ts:9 takes a database password with an @ out whole", () => {
    expect(createRedact([])("postgres://user:first@second@db/x")).not.toContain("second");
  });
});

describe("reconciler/web/order-view.ts", () => {
  it(":92 shows a customer nothing of the engine's words", () => {
    const statusDetail = "error: after 101 failed attempts: dial tcp 10.0.0.7:22: i/o timeout";
    const view = toOrderView({
      order: { id: "o", slug: "anna", state: "paid", credentialsShownAt: null, payUrl: undefined },
      planName: "Starter",
      url: "https://anna.claws.example",
      instance: { status: "waiting", phase: "running", statusDetail },
      progress: { done: new Set(), current: "server" },
    });
    expect(view.detail).not.toContain("10.0.0.7");
  });
});

describe("reconciler/billing/stripe.ts", () => {
  const headersFor = (payload: string, timestamp: number) =>
    new Headers({
      "stripe-signature": new Stripe("sk_test_1").webhooks.generateTestHeaderString({
        payload,
        secret: "whsec_1",
        timestamp,
      }),
    });
  const settings = { secretKey: "sk_test_1", webhookSecrets: ["whsec_1"], apiUrl: "https://api.stripe.com" };

  it(":165 reads an event as a snapshot although a customer calls themselves v2.core.event", async () => {
    const object = { id: "cus_1", object: "customer", name: "v2.core.event" };
    const event = {
      id: "evt_1",
      object: "event",
      type: "customer.updated",
      livemode: false,
      data: { object },
    };
    const payload = JSON.stringify(event);
    const headers = headersFor(payload, Math.floor(Date.now() / 1000));
    expect(await createStripeBilling(settings).verifyWebhook(payload, headers)).toMatchObject({
      customerId: "cus_1",
    });
  });
});
