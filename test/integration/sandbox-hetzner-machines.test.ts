/**
 * Proves that the simulated Hetzner drives machines as its actions say: what is called, when, and what the API
 * shows meanwhile. The driver here only writes down what it is told; real machines have tests of their own.
 */
import { describe, expect, it } from "vitest";
import type { MachineDriver, MachineSpec } from "../sandbox/machines/driver.ts";
import { at, idOf } from "../support/hetzner-client.ts";
import { withHetzner } from "../support/hetzner.ts";
import { order, prepare, publicKey } from "../support/hetzner-orders.ts";

type Recorder = MachineDriver & {
  calls: string[];
  specs: MachineSpec[];
  /** While set, `create` waits for it. */
  gate: Promise<void> | undefined;
  /** While set, every call of that name fails. */
  failing: string | undefined;
};

function createRecorder(): Recorder {
  const running = new Set<number>();
  const write = async (call: string, then?: () => void): Promise<void> => {
    recorder.calls.push(call);
    if (call.startsWith("create ")) await recorder.gate;
    if (recorder.failing !== undefined && call.startsWith(recorder.failing))
      throw new Error(`${call} failed`);
    then?.();
  };
  const recorder: Recorder = {
    calls: [],
    specs: [],
    gate: undefined,
    failing: undefined,
    create: (spec) => {
      recorder.specs.push(spec);
      return write(`create ${spec.name}`, () => running.add(spec.id));
    },
    powerOn: (id) => write("powerOn", () => running.add(id)),
    powerOff: (id) => write("powerOff", () => running.delete(id)),
    shutdown: (id) => write("shutdown", () => running.delete(id)),
    reboot: () => write("reboot"),
    rebuild: (_id, userData) => write(`rebuild ${userData ?? ""}`),
    attachNetwork: (_id, ip) => write(`attachNetwork ${ip}`),
    detachNetwork: (_id, ip) => write(`detachNetwork ${ip}`),
    snapshot: () => write("snapshot"),
    deleteSnapshot: () => write("deleteSnapshot"),
    destroy: (id) => write("destroy", () => running.delete(id)),
    isRunning: (id) => running.has(id),
    close: () => write("close"),
  };
  return recorder;
}

describe("a server with a machine", () => {
  it("is made with what was ordered, and runs only once the power is on", async () => {
    const machines = createRecorder();
    const { promise, resolve } = Promise.withResolvers<void>();
    machines.gate = promise;
    await withHetzner({ machines, addressBase: "127.79.0.0/16" }, async ({ client }) => {
      const { key } = await prepare(client);
      const body = order({ ssh_keys: [key], user_data: "#cloud-config\n", server_type: "cx33" });
      const id = idOf((await client.request("POST", "/servers", body)).body, "server");
      const status = async (): Promise<unknown> => at(await client.get(`/servers/${id}`), "server", "status");
      await expect.poll(status).toBe("starting");
      expect(machines.specs).toEqual([
        {
          id,
          name: "web-1",
          address: "127.79.0.1",
          userData: "#cloud-config\n",
          authorizedKeys: [publicKey],
          memoryGb: 8,
        },
      ]);
      resolve();
      await expect.poll(status).toBe("running");
    });
    expect(machines.calls).not.toContain("close");
  });

  it("obeys every power action, and loses its machine when it is deleted", async () => {
    const machines = createRecorder();
    await withHetzner({ machines }, async ({ client }) => {
      const id = idOf(await client.act("POST", "/servers", order()), "server");
      for (const action of ["reboot", "shutdown"])
        await client.act("POST", `/servers/${id}/actions/${action}`);
      await expect.poll(async () => at(await client.get(`/servers/${id}`), "server", "status")).toBe("off");
      for (const action of ["poweron", "reset", "poweroff"]) {
        await client.act("POST", `/servers/${id}/actions/${action}`);
      }
      await client.act("POST", `/servers/${id}/actions/rebuild`, { image: "debian-12", user_data: "new" });
      await client.act("DELETE", `/servers/${id}`);
    });
    expect(machines.calls).toEqual([
      "create web-1",
      "reboot",
      "shutdown",
      "powerOn",
      "powerOff",
      "powerOn",
      "powerOff",
      "rebuild new",
      "destroy",
    ]);
  });

  it("gets its private addresses, also those from before it was made", async () => {
    const machines = createRecorder();
    await withHetzner({ machines }, async ({ client }) => {
      const { network } = await prepare(client);
      const id = idOf(await client.act("POST", "/servers", order({ networks: [network] })), "server");
      await client.act("POST", `/servers/${id}/actions/detach_from_network`, { network });
      await client.act("POST", `/servers/${id}/actions/attach_to_network`, { network, ip: "10.0.0.9" });
    });
    expect(machines.calls).toEqual([
      "create web-1",
      "attachNetwork 10.0.0.2",
      "detachNetwork 10.0.0.2",
      "attachNetwork 10.0.0.9",
    ]);
  });

  it("is copied to a snapshot, and made from one", async () => {
    const machines = createRecorder();
    await withHetzner({ machines }, async ({ client }) => {
      const id = idOf(await client.act("POST", "/servers", order()), "server");
      const path = `/servers/${id}/actions/create_image`;
      const image = idOf(await client.act("POST", path, { type: "snapshot", description: "d" }), "image");
      await client.act("POST", "/servers", order({ name: "copy", image }));
      expect(machines.specs[1]?.imageDisk).toBe(String(image));
      await client.act("POST", `/servers/${id}/actions/rebuild`, { image });
      expect(machines.specs[2]).toMatchObject({ id, imageDisk: String(image) });
      await client.request("DELETE", `/images/${image}`);
    });
    const calls = ["create web-1", "snapshot", "create copy", "destroy", "create web-1", "deleteSnapshot"];
    expect(machines.calls).toEqual(calls);
  });

  it("that is not to be started gets no machine until it is", async () => {
    const machines = createRecorder();
    await withHetzner({ machines }, async ({ client }) => {
      const id = idOf(await client.act("POST", "/servers", order({ start_after_create: false })), "server");
      expect(machines.calls).toEqual([]);
      await client.act("POST", `/servers/${id}/actions/poweron`);
    });
    expect(machines.calls).toEqual(["create web-1"]);
  });

  it("whose machine fails ends its action in error, is off, and can be started anew", async () => {
    const machines = createRecorder();
    machines.failing = "create";
    await withHetzner({ machines }, async ({ client }) => {
      await expect(client.act("POST", "/servers", order())).rejects.toThrow("create web-1 failed");
      const list = await client.get("/servers");
      expect(at(list, "servers", 0)).toMatchObject({ status: "off", locked: false });
      machines.failing = undefined;
      await client.act("POST", `/servers/${String(at(list, "servers", 0, "id"))}/actions/poweron`);
    });
    expect(machines.calls).toEqual(["create web-1", "destroy", "create web-1"]);
  });

  it("that vanishes while its machine is being made leaves no machine behind", async () => {
    const machines = createRecorder();
    const { promise, resolve } = Promise.withResolvers<void>();
    machines.gate = promise;
    await withHetzner({ machines }, async ({ client, hetzner }) => {
      const id = idOf((await client.request("POST", "/servers", order())).body, "server");
      await expect.poll(() => machines.calls).toEqual(["create web-1"]);
      await hetzner.project().vanish("server", "web-1");
      resolve();
      await hetzner.project().settled();
      expect(machines.isRunning(id)).toBe(false);
    });
  });
});
