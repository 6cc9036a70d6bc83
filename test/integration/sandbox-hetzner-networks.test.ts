/** Proves private networks at the simulated Hetzner: ranges, subnets, addresses, members, limits. No packets flow. */
import { describe, expect, it } from "vitest";
import { fixedTiming } from "../sandbox/hetzner/timing.ts";
import { at, idOf, type HetznerAnswer, type HetznerClient } from "../support/hetzner-client.ts";
import { createHeldClock, withHetzner } from "../support/hetzner.ts";
import { order, prepare } from "../support/hetzner-orders.ts";

async function createServer(client: HetznerClient, changes: Record<string, unknown> = {}): Promise<number> {
  return idOf(await client.act("POST", "/servers", order(changes)), "server");
}

function codeOf(answer: HetznerAnswer): unknown {
  return at(answer.body, "error", "code");
}

async function attach(
  client: HetznerClient,
  server: number,
  body: Record<string, unknown>,
): Promise<HetznerAnswer> {
  const answer = await client.request("POST", `/servers/${server}/actions/attach_to_network`, body);
  const action = at(answer.body, "action", "id");
  if (typeof action === "number") await client.waitFor(action);
  return answer;
}

describe("ranges", () => {
  it.each(["8.8.8.0/24", "10.0.0.0/25", "10.0.0.1/16", "10.0.0.0", "fd00::/8"])(
    "%s is refused",
    async (range) => {
      await withHetzner({}, async ({ client }) => {
        const answer = await client.request("POST", "/networks", { name: "n", ip_range: range });
        expect([answer.status, at(answer.body, "error", "details", "fields", 0, "name")]).toEqual([
          422,
          "ip_range",
        ]);
      });
    },
  );

  const subnets: [what: string, body: Record<string, unknown>][] = [
    ["outside the network", { ip_range: "10.1.0.0/24" }],
    ["over another subnet", { ip_range: "10.0.0.128/25" }],
    ["smaller than a /30", { ip_range: "10.0.9.0/31" }],
    ["in an unknown zone", { ip_range: "10.0.9.0/24", network_zone: "eu-north" }],
    ["in a second zone", { ip_range: "10.0.9.0/24", network_zone: "us-east" }],
    ["of type vswitch without a switch", { ip_range: "10.0.9.0/24", type: "vswitch" }],
  ];

  it.each(subnets)("a subnet %s is refused", async (_what, body) => {
    await withHetzner({}, async ({ client }) => {
      const { network } = await prepare(client);
      const subnet = { type: "cloud", network_zone: "eu-central", ...body };
      const answer = await client.request("POST", `/networks/${network}/actions/add_subnet`, subnet);
      expect([answer.status, codeOf(answer)]).toEqual([422, "invalid_input"]);
    });
  });

  it("a subnet without a range takes the first free /24, and the range of the network grows at its end", async () => {
    await withHetzner({}, async ({ client }) => {
      const { network } = await prepare(client);
      const path = `/networks/${network}/actions`;
      await client.act("POST", `${path}/add_subnet`, { type: "cloud", network_zone: "eu-central" });
      await client.act("POST", `${path}/change_ip_range`, { ip_range: "10.0.0.0/8" });
      await client.act("POST", `${path}/add_route`, { destination: "10.100.0.0/16", gateway: "10.0.0.5" });
      expect(at(await client.get(`/networks/${network}`), "network")).toMatchObject({
        ip_range: "10.0.0.0/8",
        subnets: [{ ip_range: "10.0.0.0/24" }, { ip_range: "10.0.1.0/24", gateway: "10.0.0.1" }],
        routes: [{ destination: "10.100.0.0/16", gateway: "10.0.0.5" }],
      });
      expect(
        (await client.request("POST", `${path}/change_ip_range`, { ip_range: "10.0.0.0/16" })).status,
      ).toBe(422);
    });
  });
});

describe("addresses", () => {
  it("come from the subnet in order, without the gateway", async () => {
    await withHetzner({}, async ({ client }) => {
      const { network } = await prepare(client);
      const ips: unknown[] = [];
      for (const name of ["a", "b"]) {
        const server = await createServer(client, { name });
        expect((await attach(client, server, { network })).status).toBe(201);
        ips.push(at(await client.get(`/servers/${server}`), "server", "private_net", 0, "ip"));
      }
      expect(ips).toEqual(["10.0.0.2", "10.0.0.3"]);
    });
  });

  const given: [ip: string, code: string][] = [
    ["10.0.0.1", "ip_not_available"],
    ["10.0.0.9", "ip_not_available"],
    ["10.0.7.1", "no_subnet_available"],
    ["192.168.0.1", "invalid_input"],
    ["here", "invalid_input"],
  ];

  it.each(given)("%s is refused with %s", async (ip, code) => {
    await withHetzner({}, async ({ client }) => {
      const { network } = await prepare(client);
      const first = await createServer(client, { name: "first" });
      await attach(client, first, { network, ip: "10.0.0.9" });
      const answer = await attach(client, await createServer(client), { network, ip });
      expect([answer.status, codeOf(answer)]).toEqual([422, code]);
    });
  });

  it("need a subnet in the zone of the server", async () => {
    await withHetzner({}, async ({ client }) => {
      const bare = idOf(
        await client.act("POST", "/networks", { name: "n", ip_range: "10.9.0.0/16" }),
        "network",
      );
      const { network } = await prepare(client);
      const far = await createServer(client, { server_type: "cpx22", location: "ash" });
      expect(codeOf(await attach(client, far, { network: bare }))).toBe("no_subnet_available");
      expect(codeOf(await attach(client, far, { network }))).toBe("no_subnet_available");
    });
  });

  it("may have up to five aliases, which can be changed and come free", async () => {
    await withHetzner({}, async ({ client }) => {
      const { network } = await prepare(client);
      const server = await createServer(client);
      await attach(client, server, { network, ip: "10.0.0.5", alias_ips: ["10.0.0.6"] });
      const change = (alias_ips: string[]): Promise<HetznerAnswer> =>
        client.request("POST", `/servers/${server}/actions/change_alias_ips`, { network, alias_ips });
      expect((await change(["10.0.0.7"])).status).toBe(201);
      await expect
        .poll(async () => at(await client.get(`/servers/${server}`), "server", "private_net", 0, "alias_ips"))
        .toEqual(["10.0.0.7"]);
      const six = ["10.0.0.11", "10.0.0.12", "10.0.0.13", "10.0.0.14", "10.0.0.15", "10.0.0.16"];
      expect((await change(six)).status).toBe(422);
      const other = await createServer(client, { name: "b" });
      expect(codeOf(await attach(client, other, { network, ip: "10.0.0.7" }))).toBe("ip_not_available");
      expect((await attach(client, other, { network, ip: "10.0.0.6" })).status).toBe(201);
    });
  });
});

describe("members", () => {
  it("are attached once, shown with their state, and free their address when they leave", async () => {
    const clock = createHeldClock();
    await withHetzner(
      { now: clock.now, speed: fixedTiming({ attach_to_network: 1_000 }) },
      async ({ client }) => {
        const { network } = await prepare(client);
        const server = await createServer(client);
        const body = { network, ip: "10.0.0.5" };
        await client.request("POST", `/servers/${server}/actions/attach_to_network`, body);
        expect(at(await client.get(`/networks/${network}/members`), "members")).toEqual([
          {
            type: "server",
            id: server,
            ip: "10.0.0.5",
            status: "attaching",
            alias_ips: [],
            subnet: "10.0.0.0/24",
          },
        ]);
        expect(at(await client.get(`/servers/${server}`), "server", "private_net")).toEqual([]);
        clock.move(1_000);
        expect(at(await client.get(`/networks/${network}/members?status=ok`), "members", 0, "id")).toBe(
          server,
        );
        expect(codeOf(await attach(client, server, body))).toBe("server_already_attached");
        await client.act("POST", `/servers/${server}/actions/detach_from_network`, { network });
        expect(at(await client.get(`/networks/${network}/members`), "members")).toEqual([]);
        const again = await client.request("POST", `/servers/${server}/actions/detach_from_network`, {
          network,
        });
        expect(again.status).toBe(404);
      },
    );
  });

  it("keep their subnet from being deleted, in the words that the provider retries on", async () => {
    await withHetzner({}, async ({ client }) => {
      const { network } = await prepare(client);
      const server = await createServer(client, { networks: [network] });
      const remove = (): Promise<HetznerAnswer> =>
        client.request("POST", `/networks/${network}/actions/delete_subnet`, { ip_range: "10.0.0.0/24" });
      const refused = await remove();
      expect([refused.status, codeOf(refused)]).toEqual([422, "service_error"]);
      expect(String(at(refused.body, "error", "message"))).toContain("servers are attached");
      await client.act("DELETE", `/servers/${server}`);
      expect((await remove()).status).toBe(201);
    });
  });

  it("are at most 100 in a network, three networks a server, never overlapping", async () => {
    await withHetzner({}, async ({ client, hetzner }) => {
      const { network } = await prepare(client);
      const view = hetzner.project();
      for (let i = 0; i < 100; i += 1) {
        const created = await view.api("POST", "/servers", order({ name: `m${i}`, networks: [network] }));
        expect(created.status).toBe(201);
      }
      const last = await createServer(client, { name: "last" });
      const refused = await attach(client, last, { network });
      expect([refused.status, codeOf(refused)]).toEqual([403, "resource_limit_exceeded"]);
      const ranges = ["10.0.0.0/8", "10.5.0.0/16", "172.16.0.0/16", "192.168.0.0/16", "192.168.0.0/24"];
      const answers: unknown[] = [];
      for (const range of ranges) {
        const subnets = [{ type: "cloud", network_zone: "eu-central" }];
        const body = { name: range.replace("/", "-"), ip_range: range, subnets };
        const id = idOf(await client.act("POST", "/networks", body), "network");
        answers.push(codeOf(await attach(client, last, { network: id })) ?? "ok");
      }
      expect(answers).toEqual(["ok", "networks_overlap", "ok", "ok", "resource_limit_exceeded"]);
    });
  });

  it("are detached when the network is deleted, unless it is protected", async () => {
    await withHetzner({}, async ({ client }) => {
      const { network } = await prepare(client);
      const server = await createServer(client, { networks: [network] });
      await client.act("POST", `/networks/${network}/actions/change_protection`, { delete: true });
      expect((await client.request("DELETE", `/networks/${network}`)).status).toBe(423);
      await client.act("POST", `/networks/${network}/actions/change_protection`, { delete: false });
      expect((await client.request("DELETE", `/networks/${network}`)).status).toBe(204);
      expect(at(await client.get(`/servers/${server}`), "server", "private_net")).toEqual([]);
    });
  });
});

it("a network that is being changed answers a second change with 409 conflict", async () => {
  const clock = createHeldClock();
  await withHetzner({ now: clock.now, speed: fixedTiming({ add_subnet: 1_000 }) }, async ({ client }) => {
    const network = idOf(
      await client.act("POST", "/networks", { name: "n", ip_range: "10.0.0.0/16" }),
      "network",
    );
    const add = (): Promise<HetznerAnswer> =>
      client.request("POST", `/networks/${network}/actions/add_subnet`, {
        type: "cloud",
        network_zone: "eu-central",
      });
    expect((await add()).status).toBe(201);
    const second = await add();
    expect([second.status, codeOf(second)]).toEqual([409, "conflict"]);
    clock.move(1_000);
    expect((await add()).status).toBe(201);
  });
});
