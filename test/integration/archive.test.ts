/**
 * Proves how an archive is taken at a Hetzner that is slow, fails, or was asked by a worker that died: one snapshot, of a
 * server that is off, and none is taken for there before it is available. Nothing is deleted here; the e2e test on phases does that.
 */
import { describe, expect, test } from "vitest";
import { archiveLabel, instanceLabels } from "../../components/naming.ts";
import { createHetzner } from "../../reconciler/cloud/hetzner.ts";
import { keepSnapshot, type ArchiveOf } from "../../reconciler/converge/archive.ts";
import { findRestorePlaces, listFitting } from "../../reconciler/converge/restore.ts";
import { fixedTiming } from "../sandbox/hetzner/timing.ts";
import type { Hetzner as Simulated, HetznerOptions } from "../sandbox/hetzner/hetzner.ts";
import { idOf, type HetznerClient } from "../support/hetzner-client.ts";
import { withHetzner } from "../support/hetzner.ts";
import { order } from "../support/hetzner-orders.ts";

const bob: ArchiveOf = {
  id: "ibobbobbobbob",
  slug: "bob",
  cell: "eu1",
  mark: "1763640000123",
  former: null,
  empty: false,
};
const patience = { shutdownMs: 300, copyMs: 5000, pollMs: 10 };
const never = new AbortController().signal;
const clientOf = ({ url, token }: Simulated) => createHetzner({ baseUrl: url, token, fetch });
const snapshotsOf = (hetzner: Simulated) =>
  hetzner
    .project()
    .images()
    .filter(({ type }) => type === "snapshot");

async function makeServer(client: HetznerClient, changes: Record<string, unknown> = {}): Promise<number> {
  const wish = order({ name: "cf-bob", labels: instanceLabels(bob), ...changes });
  return idOf(await client.act("POST", "/servers", wish), "server");
}

async function withServer(
  options: Omit<HetznerOptions, "check">,
  use: (hetzner: Simulated, serverId: number) => Promise<void>,
): Promise<void> {
  await withHetzner(options, async ({ hetzner, client }) => use(hetzner, await makeServer(client)));
}

describe("an archive", () => {
  test("is one snapshot of a server that is off, labelled as ours", async () => {
    await withServer({}, async (hetzner, serverId) => {
      const kept = await keepSnapshot(clientOf(hetzner), bob, never, patience);
      const [snapshot, second] = snapshotsOf(hetzner);
      expect(second).toBeUndefined();
      expect(kept).toEqual({ kind: "kept", snapshotId: String(snapshot?.id) });
      expect(snapshot?.labels).toEqual({
        ...instanceLabels(bob),
        [archiveLabel]: bob.mark,
      });
      expect(hetzner.project().server("cf-bob")).toMatchObject({ id: serverId, status: "off" });
    });
  });

  test("asked for again, after whatever death, is the same one", async () => {
    await withServer({}, async (hetzner) => {
      const first = await keepSnapshot(clientOf(hetzner), bob, never, patience);
      expect(await keepSnapshot(clientOf(hetzner), bob, never, patience)).toEqual(first);
      expect(snapshotsOf(hetzner)).toHaveLength(1);
    });
  });

  test("whose answer was lost is found by its label and not taken twice", async () => {
    await withServer({}, async (hetzner) => {
      hetzner.faults.add({ method: "POST", path: "create_image", times: 1, effect: { kind: "drop-after" } });
      await expect(keepSnapshot(clientOf(hetzner), bob, never, patience)).rejects.toThrow("no answer");
      expect(await keepSnapshot(clientOf(hetzner), bob, never, patience)).toMatchObject({ kind: "kept" });
      expect(snapshotsOf(hetzner)).toHaveLength(1);
    });
  });

  test("of an earlier time is no archive of now", async () => {
    await withServer({}, async (hetzner) => {
      const before = { ...bob, mark: "1767225600000" };
      const old = await keepSnapshot(clientOf(hetzner), before, never, patience);
      expect(await keepSnapshot(clientOf(hetzner), bob, never, patience)).not.toEqual(old);
    });
  });

  test("of a server that ran since is taken anew: what was written meanwhile is in it", async () => {
    await withServer({}, async (hetzner, serverId) => {
      const client = clientOf(hetzner);
      const first = await keepSnapshot(client, bob, never, patience);
      await client.rebootServer({ id: serverId, status: "off" });
      const second = await keepSnapshot(client, bob, never, patience);
      expect(second.snapshotId).not.toBe(first.snapshotId);
      expect(snapshotsOf(hetzner).map(({ id }) => String(id))).toEqual([second.snapshotId]);
      expect(hetzner.project().server("cf-bob")).toMatchObject({ status: "off" });
    });
  });

  test("of a server that is gone already is the last one of it, whatever it was taken for", async () => {
    await withServer({}, async (hetzner, serverId) => {
      const client = clientOf(hetzner);
      const { snapshotId } = await keepSnapshot(client, bob, never, patience);
      await client.deleteServer(serverId);
      const later = { ...bob, mark: "move-fsn1-7", former: snapshotId };
      expect(await keepSnapshot(client, later, never, patience)).toEqual({ kind: "kept", snapshotId });
    });
  });

  test("that takes long is left to Hetzner, and not there before it is available", async () => {
    await withServer({ speed: fixedTiming({ create_image: 2000 }) }, async (hetzner) => {
      const short = { ...patience, copyMs: 50 };
      const copying = await keepSnapshot(clientOf(hetzner), bob, never, short);
      expect(copying.kind).toBe("copying");
      const kept = await keepSnapshot(clientOf(hetzner), bob, never, { ...patience, copyMs: 60_000 });
      expect(kept).toEqual({ kind: "kept", snapshotId: copying.snapshotId });
    });
  });

  test("that Hetzner gives up is taken anew the next time", async () => {
    await withServer({ speed: fixedTiming({ create_image: 200 }) }, async (hetzner) => {
      hetzner.disturbances.add({ kind: "action-error", command: "create_image" });
      await expect(keepSnapshot(clientOf(hetzner), bob, never, patience)).rejects.toMatchObject({
        retry: { kind: "retryable" },
      });
      expect(await keepSnapshot(clientOf(hetzner), bob, never, patience)).toMatchObject({ kind: "kept" });
    });
  });

  test("of a machine that does not shut down is of one whose power was cut", async () => {
    await withServer({}, async (hetzner) => {
      const ignored = { kind: "answer", status: 201, body: { action: {} } } as const;
      hetzner.faults.add({ method: "POST", path: "actions/shutdown", times: 1, effect: ignored });
      expect(await keepSnapshot(clientOf(hetzner), bob, never, patience)).toMatchObject({ kind: "kept" });
      const asked = hetzner.exchanges.map(({ path }) => path.split("/").at(-1));
      expect(asked).toContain("poweroff");
    });
  });

  test("of nothing certain is none: no server, or two", async () => {
    await withHetzner({}, async ({ hetzner, client }) => {
      const refused = { code: "conflict", retry: { kind: "permanent" } };
      await expect(keepSnapshot(clientOf(hetzner), bob, never, patience)).rejects.toMatchObject(refused);
      await makeServer(client);
      await makeServer(client, { name: "cf-bob-2" });
      await expect(keepSnapshot(clientOf(hetzner), bob, never, patience)).rejects.toMatchObject(refused);
      expect(snapshotsOf(hetzner)).toEqual([]);
    });
  });

  test("of what never held anything needs no cloud", async () => {
    await withHetzner({}, async ({ hetzner }) => {
      const kept = await keepSnapshot(clientOf(hetzner), { ...bob, empty: true }, never, patience);
      expect(kept).toEqual({ kind: "kept", snapshotId: null });
      expect(hetzner.exchanges).toEqual([]);
    });
  });
});

describe("coming back", () => {
  const places = ["cx23", "cax21", "cx33"].map((serverType) => ({ serverType, location: "nbg1" as const }));

  test("needs a disk as large and the same processor", () => {
    const prices = { nbg1: 5 };
    const types = [
      { name: "cx23", architecture: "x86" as const, diskGb: 40, prices, deprecated: false },
      { name: "cax21", architecture: "arm" as const, diskGb: 80, prices, deprecated: false },
      { name: "cx33", architecture: "x86" as const, diskGb: 80, prices, deprecated: false },
    ];
    const fit = (diskGb: number, architecture: "x86" | "arm") =>
      listFitting(places, types, { diskGb, architecture }).map(({ serverType }) => serverType);
    expect(fit(40, "x86")).toEqual(["cx23", "cx33"]);
    expect(fit(80, "x86")).toEqual(["cx33"]);
    expect(fit(40, "arm")).toEqual(["cax21"]);
    expect(fit(160, "x86")).toEqual([]);
  });

  test("asks Hetzner what fits, beyond the plan if need be, and a person when nothing may or the snapshot is lost", async () => {
    await withServer({}, async (hetzner) => {
      const cloud = clientOf(hetzner);
      const { snapshotId } = await keepSnapshot(cloud, bob, never, patience);
      const row = { id: bob.id, slug: bob.slug, snapshotId: snapshotId ?? "" };
      const orLarger = { orLarger: true };
      const found = await findRestorePlaces(cloud, row, places, orLarger);
      expect(found.kind).toBe("up");
      expect(found.places.map(({ serverType }) => serverType)).toEqual(["cx23", "cx33"]);
      const arm = places.filter(({ serverType }) => serverType === "cax21");
      const beyond = await findRestorePlaces(cloud, row, arm, orLarger);
      expect(beyond.kind).toBe("up-larger");
      expect(beyond.places[0]).toEqual({ serverType: "cx23", location: "nbg1" });
      await expect(findRestorePlaces(cloud, row, arm, { orLarger: false })).rejects.toMatchObject({
        retry: { kind: "permanent" },
      });
      await cloud.deleteSnapshot(row.snapshotId);
      await expect(findRestorePlaces(cloud, row, places, orLarger)).rejects.toThrow("is not there any more");
    });
  });
});
