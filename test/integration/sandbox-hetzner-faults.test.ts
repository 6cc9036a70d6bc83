/**
 * Proves what the simulated Hetzner refuses and does wrong: tokens, budget, account limits, capacity, failing and
 * slow actions, lost answers. Clients are not tested here, only that they meet these things as at the real one.
 */
import { describe, expect, it } from "vitest";
import { at, idOf } from "../support/hetzner-client.ts";
import { createHeldClock, withHetzner } from "../support/hetzner.ts";
import { order } from "../support/hetzner-orders.ts";

const otherToken = "other".padEnd(64, "0");
const readToken = "reader".padEnd(64, "0");

describe("tokens", () => {
  it("open a project each; wrong ones open none", async () => {
    const tokens = [{ token: "main".padEnd(64, "0"), project: "main" }, otherToken];
    const reader = { token: readToken, project: "main", readOnly: true };
    await withHetzner({ tokens: [...tokens, reader] }, async ({ client, hetzner }) => {
      await client.act("POST", "/servers", order());
      const ask = async (method: string, path: string, token?: string): Promise<[number, unknown]> => {
        const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
        const response = await fetch(hetzner.url + path, { method, headers });
        return [response.status, at(await response.json(), "error", "message")];
      };
      expect(await ask("GET", "/servers")).toEqual([401, "token is required"]);
      expect(await ask("GET", "/servers", "nonsense")).toEqual([
        401,
        "the token you have provided is invalid",
      ]);
      expect(await ask("GET", "/nothing")).toEqual([404, "api route not found"]);
      expect(await ask("DELETE", "/servers")).toEqual([401, "token is required"]);
      expect((await ask("DELETE", "/servers", otherToken))[0]).toBe(405);
      expect((await ask("POST", "/servers", readToken))[0]).toBe(403);
      expect(hetzner.project(otherToken).counts().servers).toBe(0);
      expect(hetzner.project(readToken).counts().servers).toBe(1);
    });
  });
});

describe("request budget", () => {
  it("is told in every answer, ends in 429, and refills by one a second", async () => {
    const clock = createHeldClock();
    await withHetzner({ now: clock.now, tokens: ["a", otherToken] }, async ({ client, hetzner }) => {
      const first = await client.request("GET", "/servers");
      expect(first.headers.get("ratelimit-limit")).toBe("3600");
      expect(first.headers.get("ratelimit-remaining")).toBe("3599");
      hetzner.project().setRequestsLeft(1);
      expect((await client.request("GET", "/servers/1")).status).toBe(404);
      const none = await client.request("GET", "/servers");
      expect(none.status).toBe(429);
      expect(at(none.body, "error")).toMatchObject({
        code: "rate_limit_exceeded",
        message: "limit of 3600 requests per hour reached",
      });
      expect(none.headers.get("ratelimit-remaining")).toBe("0");
      const others = await fetch(`${hetzner.url}/servers`, {
        headers: { Authorization: `Bearer ${otherToken}` },
      });
      expect(others.status).toBe(200);
      clock.move(1_000);
      expect((await client.request("GET", "/servers")).status).toBe(200);
      expect((await client.request("GET", "/servers")).status).toBe(429);
    });
  });
});

describe("limits of the account", () => {
  it("refuse the order that goes over them, with the name of the limit", async () => {
    await withHetzner({ limits: { servers: 1 } }, async ({ client, hetzner }) => {
      await client.act("POST", "/servers", order());
      const second = await client.request("POST", "/servers", order({ name: "b" }));
      expect([second.status, at(second.body, "error")]).toEqual([
        403,
        {
          code: "resource_limit_exceeded",
          message: "server limit exceeded",
          details: { limits: [{ name: "server_limit" }] },
        },
      ]);
      hetzner.project().setLimits({ servers: 9, primaryIps: 3 });
      const third = await client.request("POST", "/servers", order({ name: "b" }));
      expect(at(third.body, "error", "details", "limits", 0, "name")).toBe("primary_ip_limit");
      expect(at(third.body, "error", "message")).toBe("Primary IP limit exceeded");
      const fewer = order({ name: "b", public_net: { enable_ipv4: true, enable_ipv6: false } });
      expect((await client.request("POST", "/servers", fewer)).status).toBe(201);
    });
  });
});

describe("capacity", () => {
  it("can be missing for a type in a location, some times or until it is back", async () => {
    await withHetzner({}, async ({ client, hetzner }) => {
      const buy = async (changes: Record<string, unknown> = {}): Promise<unknown> => {
        const answer = await client.request("POST", "/servers", order(changes));
        return answer.status === 201 ? "ok" : [answer.status, at(answer.body, "error", "code")];
      };
      hetzner.disturbances.add({ kind: "no-capacity", serverType: "cx23", location: "fsn1" });
      expect(await buy()).toEqual([412, "resource_unavailable"]);
      expect(await buy()).toEqual([412, "resource_unavailable"]);
      expect(await buy({ name: "n", location: "nbg1" })).toBe("ok");
      expect(await buy({ name: "t", server_type: "cx33" })).toBe("ok");
      hetzner.disturbances.clear();
      expect(await buy()).toBe("ok");
      hetzner.disturbances.add({ kind: "no-capacity", location: "hel1", times: 2 });
      expect(await buy({ name: "h", location: "hel1" })).toEqual([412, "resource_unavailable"]);
      expect(await buy({ name: "h", location: "hel1" })).toEqual([412, "resource_unavailable"]);
      expect(await buy({ name: "h", location: "hel1" })).toBe("ok");
      hetzner.setAvailable("cx23", "nbg1", false);
      expect(await buy({ name: "z", location: "nbg1" })).toEqual([412, "resource_unavailable"]);
    });
  });
});

describe("actions", () => {
  it("can end in error: a server whose creation failed stays, switched off", async () => {
    await withHetzner({}, async ({ client, hetzner }) => {
      hetzner.disturbances.add({ kind: "action-error", command: "create_server" });
      const created = await client.request("POST", "/servers", order());
      expect(created.status).toBe(201);
      await hetzner.project().settled();
      const action = await client.get(`/actions/${idOf(created.body, "action")}`);
      expect(at(action, "action")).toMatchObject({
        status: "error",
        progress: 100,
        error: { code: "action_failed", message: "Action failed" },
      });
      const next = String(at(created.body, "next_actions", 0, "id"));
      expect(at(await client.get(`/actions/${next}`), "action", "status")).toBe("error");
      const server = await client.get(`/servers/${idOf(created.body, "server")}`);
      expect(at(server, "server")).toMatchObject({ status: "off", locked: false });
    });
  });

  it("that fail leave everything as it was", async () => {
    await withHetzner({}, async ({ client, hetzner }) => {
      const subnets = [{ type: "cloud", network_zone: "eu-central" }];
      const net = { name: "n", ip_range: "10.0.0.0/16", subnets };
      const network = idOf(await client.act("POST", "/networks", net), "network");
      const id = idOf(await client.act("POST", "/servers", order()), "server");
      const before = JSON.stringify(at(await client.get(`/servers/${id}`), "server"));
      const tries: [method: string, path: string, command: string, body?: Record<string, unknown>][] = [
        ["POST", "attach_to_network", "attach_to_network", { network }],
        ["POST", "poweroff", "stop_server"],
        ["POST", "rebuild", "rebuild_server", { image: "debian-12" }],
        ["POST", "create_image", "create_image", { description: "d" }],
        ["POST", "enable_backup", "enable_backup"],
      ];
      for (const [method, path, command, body] of tries) {
        hetzner.disturbances.add({ kind: "action-error", command, message: "no luck" });
        const attempt = client.act(method, `/servers/${id}/actions/${path}`, body);
        await expect(attempt).rejects.toThrow("no luck");
      }
      hetzner.disturbances.add({ kind: "action-error", command: "delete_server" });
      await expect(client.act("DELETE", `/servers/${id}`)).rejects.toThrow("Action failed");
      expect(JSON.stringify(at(await client.get(`/servers/${id}`), "server"))).toBe(before);
      expect(hetzner.counts().images).toBe(0);
      expect(at(await client.get(`/networks/${network}/members`), "members")).toEqual([]);
    });
  });

  it("fail by the kit's named fault on the request, too", async () => {
    await withHetzner({}, async ({ client, hetzner }) => {
      const data = { command: "start_server", code: "server_error", message: "host died" };
      hetzner.faults.add({
        method: "POST",
        path: "^/v1/servers$",
        effect: { kind: "named", name: "action-error", data },
      });
      await expect(client.act("POST", "/servers", order())).rejects.toThrow("host died");
      const none = { kind: "named", name: "no-capacity", data: {} } as const;
      hetzner.faults.add({ method: "POST", path: "^/v1/servers$", effect: none });
      expect((await client.request("POST", "/servers", order({ name: "b" }))).status).toBe(412);
    });
  });

  it("can hang for as long as told", async () => {
    const clock = createHeldClock();
    await withHetzner({ now: clock.now }, async ({ client, hetzner }) => {
      hetzner.disturbances.add({ kind: "slow-action", command: "create_server", ms: 3_600_000 });
      const id = idOf((await client.request("POST", "/servers", order())).body, "server");
      const status = async (): Promise<unknown> => at(await client.get(`/servers/${id}`), "server", "status");
      clock.move(3_599_999);
      expect(await status()).toBe("initializing");
      clock.move(1);
      expect(await status()).toBe("running");
    });
  });
});

describe("lost answers", () => {
  it("leave a server behind that nobody was told of, to be found by label", async () => {
    await withHetzner({}, async ({ client, hetzner }) => {
      hetzner.faults.add({ method: "POST", path: "^/v1/servers$", effect: { kind: "drop-after" } });
      await expect(client.request("POST", "/servers", order({ labels: { id: "7" } }))).rejects.toThrow(
        "fetch failed",
      );
      const found = await client.get("/servers?label_selector=id%3D7");
      expect(at(found, "servers", 0, "name")).toBe("web-1");
      hetzner.faults.add({ method: "POST", path: "^/v1/servers$", effect: { kind: "drop-before" } });
      await expect(client.request("POST", "/servers", order({ name: "b" }))).rejects.toThrow("fetch failed");
      expect(hetzner.counts().servers).toBe(1);
    });
  });
});

describe("another hand", () => {
  it("takes objects away without an action, and changes rows directly", async () => {
    await withHetzner({}, async ({ client, hetzner }) => {
      const id = idOf(await client.act("POST", "/servers", order()), "server");
      const view = hetzner.project();
      view.server("web-1").status = "off";
      expect(at(await client.get(`/servers/${id}`), "server", "status")).toBe("off");
      const left = view.requestsLeft();
      expect((await view.api("PUT", `/servers/${id}`, { labels: { a: "b" } })).status).toBe(200);
      expect(view.requestsLeft()).toBe(left);
      await view.vanish("server", "web-1");
      expect((await client.request("GET", `/servers/${id}`)).status).toBe(404);
      expect(hetzner.counts()).toMatchObject({ servers: 0, primaryIps: 0 });
    });
  });
});

it("a body that is no JSON is refused with 400", async () => {
  await withHetzner({}, async ({ hetzner }) => {
    const headers = { Authorization: `Bearer ${hetzner.token}` };
    const response = await fetch(`${hetzner.url}/servers`, { method: "POST", headers, body: "{name" });
    expect([response.status, at(await response.json(), "error", "code")]).toEqual([400, "json_error"]);
  });
});
