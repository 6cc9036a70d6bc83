/**
 * Proves how servers are ordered at the simulated Hetzner, how wrong orders are refused, and that a server under an
 * action is locked. Every answer is compared with the official document (test/support/hetzner.ts).
 */
import { describe, expect, it } from "vitest";
import { fixedTiming } from "../sandbox/hetzner/timing.ts";
import { at, idOf } from "../support/hetzner-client.ts";
import { createHeldClock, withHetzner } from "../support/hetzner.ts";
import { order, prepare } from "../support/hetzner-orders.ts";

describe("order", () => {
  it("goes from initializing over running actions to a running server with addresses", async () => {
    await withHetzner({ addressBase: "127.77.0.0/16" }, async ({ client }) => {
      const { key } = await prepare(client);
      const created = await client.request("POST", "/servers", order({ ssh_keys: [key] }));
      expect(created.status).toBe(201);
      expect(at(created.body, "server", "status")).toBe("initializing");
      expect(at(created.body, "server", "locked")).toBe(true);
      expect(at(created.body, "root_password")).toBeNull();
      expect(at(created.body, "action", "command")).toBe("create_server");
      expect(at(created.body, "next_actions", 0, "command")).toBe("start_server");
      const id = idOf(created.body, "server");
      await expect
        .poll(async () => at(await client.get(`/servers/${id}`), "server", "status"))
        .toBe("running");
      const server = await client.get(`/servers/${id}`);
      expect(at(server, "server", "locked")).toBe(false);
      expect(at(server, "server", "public_net", "ipv4", "ip")).toBe("127.77.0.1");
      expect(at(server, "server", "public_net", "ipv6", "ip")).toMatch(/::\/64$/);
      expect(at(server, "server", "datacenter")).toBeUndefined();
      expect(at(server, "server", "image", "id")).toBe(161547269);
    });
  });

  it("gives a root password when no key was given, and starts nothing when told not to", async () => {
    await withHetzner({}, async ({ client }) => {
      const body = await client.act("POST", "/servers", order({ start_after_create: false }));
      expect(at(body, "root_password")).toMatch(/^[0-9a-f]{20}$/);
      expect(at(body, "next_actions")).toEqual([]);
      expect(at(await client.get(`/servers/${idOf(body, "server")}`), "server", "status")).toBe("off");
    });
  });

  it("joins networks and volumes before it starts, one action after the other", async () => {
    await withHetzner({}, async ({ client }) => {
      const { network } = await prepare(client);
      const volume = idOf(
        await client.act("POST", "/volumes", { name: "v", size: 10, location: "fsn1" }),
        "volume",
      );
      const body = await client.act("POST", "/servers", order({ networks: [network], volumes: [volume] }));
      const commands = [0, 1, 2].map((index) => at(body, "next_actions", index, "command"));
      expect(commands).toEqual(["attach_to_network", "attach_volume", "start_server"]);
      const server = await client.get(`/servers/${idOf(body, "server")}`);
      expect(at(server, "server", "private_net", 0, "ip")).toBe("10.0.0.2");
      expect(at(server, "server", "volumes")).toEqual([volume]);
    });
  });

  it("takes 32 KiB of user data and not a byte more", async () => {
    await withHetzner({}, async ({ client }) => {
      const fits = await client.request("POST", "/servers", order({ user_data: "ü".repeat(16 * 1024) }));
      expect(fits.status).toBe(201);
      const tooLong = await client.request(
        "POST",
        "/servers",
        order({ name: "b", user_data: `${"ü".repeat(16 * 1024)}x` }),
      );
      expect(tooLong.status).toBe(422);
      expect(at(tooLong.body, "error", "details", "fields", 0, "name")).toBe("user_data");
    });
  });

  const refusals: [
    what: string,
    body: Record<string, unknown>,
    status: number,
    code: string,
    field?: string,
  ][] = [
    ["no name", { name: undefined }, 422, "invalid_input", "name"],
    ["a name that is no host name", { name: "a_b" }, 422, "invalid_input", "name"],
    ["an unknown type", { server_type: "cx999" }, 404, "not_found"],
    ["an unknown image", { image: "windows" }, 404, "not_found"],
    ["an unknown location", { location: "mars1" }, 404, "not_found"],
    ["an unknown key", { ssh_keys: [7] }, 404, "not_found"],
    ["an unknown placement group", { placement_group: 7 }, 404, "not_found"],
    ["an unknown network", { networks: [7] }, 404, "not_found"],
    ["a CX type outside Europe", { location: "ash" }, 422, "invalid_input", "location"],
    ["an image for another processor", { image: 161547270 }, 422, "invalid_input", "image"],
    ["a wrong label", { labels: { "-a": "b" } }, 422, "invalid_input", "labels"],
    ["a datacenter", { datacenter: "fsn1-dc14" }, 422, "invalid_input", "datacenter"],
    [
      "no interface at all",
      { public_net: { enable_ipv4: false, enable_ipv6: false } },
      422,
      "invalid_input",
      "public_net",
    ],
  ];

  it.each(refusals)("with %s is refused", async (_what, wrong, status, code, field) => {
    await withHetzner({}, async ({ client, hetzner }) => {
      const answer = await client.request("POST", "/servers", order(wrong));
      expect([answer.status, at(answer.body, "error", "code")]).toEqual([status, code]);
      expect(at(answer.body, "error", "details", "fields", 0, "name")).toBe(field);
      expect(answer.headers.get("content-type")).toBe("application/json");
      expect(answer.headers.get("x-correlation-id")).toMatch(/^[0-9a-f]{16}$/);
      expect(hetzner.counts()).toMatchObject({ servers: 0, primaryIps: 0 });
    });
  });

  it("finds images by name for the processor of the type", async () => {
    await withHetzner({}, async ({ client }) => {
      const body = await client.act(
        "POST",
        "/servers",
        order({ server_type: "cax11", image: "ubuntu-24.04" }),
      );
      expect(at(body, "server", "image", "architecture")).toBe("arm");
    });
  });

  it("refuses a name that is taken, until its server is gone", async () => {
    await withHetzner({}, async ({ client }) => {
      const id = idOf(await client.act("POST", "/servers", order()), "server");
      const second = await client.request("POST", "/servers", order());
      expect(second.status).toBe(409);
      expect(at(second.body, "error")).toMatchObject({
        code: "uniqueness_error",
        message: "server name is already used",
        details: { fields: [{ name: "name" }] },
      });
      await client.act("DELETE", `/servers/${id}`);
      expect((await client.request("POST", "/servers", order())).status).toBe(201);
    });
  });
});

describe("locked", () => {
  it("is a server while an action runs on it, and a second change gets 423", async () => {
    const clock = createHeldClock();
    await withHetzner(
      { now: clock.now, speed: fixedTiming({ create_image: 60_000 }) },
      async ({ client }) => {
        const id = idOf(await client.act("POST", "/servers", order()), "server");
        const image = await client.request("POST", `/servers/${id}/actions/create_image`, {
          description: "d",
        });
        const action = idOf(image.body, "action");
        for (const [method, path] of [
          ["POST", `/servers/${id}/actions/poweroff`],
          ["POST", `/servers/${id}/actions/enable_backup`],
          ["DELETE", `/servers/${id}`],
        ] as const) {
          const answer = await client.request(method, path);
          expect([path, answer.status, at(answer.body, "error", "code")]).toEqual([path, 423, "locked"]);
        }
        expect(at(await client.get(`/servers/${id}`), "server", "locked")).toBe(true);
        // Labels may be changed all the same.
        expect((await client.request("PUT", `/servers/${id}`, { labels: { a: "b" } })).status).toBe(200);
        clock.move(30_000);
        expect(at(await client.get(`/actions/${action}`), "action")).toMatchObject({
          status: "running",
          progress: 50,
          finished: null,
        });
        clock.move(30_000);
        expect(at(await client.get(`/actions/${action}`), "action")).toMatchObject({
          status: "success",
          progress: 100,
          finished: "2026-11-20T12:01:00Z",
        });
        expect((await client.request("POST", `/servers/${id}/actions/poweroff`)).status).toBe(201);
      },
    );
  });

  it("is a server being deleted, which keeps its name until the action has ended", async () => {
    const clock = createHeldClock();
    await withHetzner(
      { now: clock.now, speed: fixedTiming({ delete_server: 2_000 }) },
      async ({ client }) => {
        const id = idOf(await client.act("POST", "/servers", order()), "server");
        expect((await client.request("DELETE", `/servers/${id}`)).status).toBe(200);
        expect(at(await client.get(`/servers/${id}`), "server", "status")).toBe("deleting");
        expect((await client.request("DELETE", `/servers/${id}`)).status).toBe(423);
        expect((await client.request("POST", "/servers", order())).status).toBe(409);
        clock.move(2_000);
        const gone = await client.request("GET", `/servers/${id}`);
        expect([gone.status, at(gone.body, "error", "message")]).toEqual([
          404,
          `server with ID '${id}' not found`,
        ]);
        expect((await client.request("DELETE", `/servers/${id}`)).status).toBe(404);
        expect(at(await client.get(`/servers?name=${id}`), "servers")).toEqual([]);
      },
    );
  });
});
