/**
 * Proves firewalls at the simulated Hetzner: rules, servers by id and by label, limits, deletion. That traffic is
 * really filtered is nobody's claim: the sandbox has no packets to filter.
 */
import { describe, expect, it } from "vitest";
import { at, idOf, type HetznerClient } from "../support/hetzner-client.ts";
import { withHetzner } from "../support/hetzner.ts";
import { order } from "../support/hetzner-orders.ts";

const ssh = { direction: "in", protocol: "tcp", port: "22", source_ips: ["0.0.0.0/0", "::/0"] };

async function createFirewall(client: HetznerClient, body: Record<string, unknown> = {}): Promise<number> {
  return idOf(await client.act("POST", "/firewalls", { name: "fw", rules: [ssh], ...body }), "firewall");
}

function onServer(id: number): { type: string; server: { id: number } } {
  return { type: "server", server: { id } };
}

describe("rules", () => {
  const refusals: [what: string, rule: Record<string, unknown>][] = [
    ["tcp without a port", { ...ssh, port: undefined }],
    ["icmp with a port", { ...ssh, protocol: "icmp" }],
    ["an unknown protocol", { ...ssh, protocol: "sctp" }],
    ["port 0", { ...ssh, port: "0" }],
    ["a backward range", { ...ssh, port: "90-80" }],
    ["in without sources", { ...ssh, source_ips: [] }],
    ["out without destinations", { ...ssh, direction: "out", source_ips: [] }],
    ["host bits in a network", { ...ssh, source_ips: ["10.0.0.1/8"] }],
    ["101 networks", { ...ssh, source_ips: Array.from({ length: 101 }, (_, i) => `10.0.${i}.0/24`) }],
  ];

  it.each(refusals)("with %s are refused", async (_what, rule) => {
    await withHetzner({}, async ({ client, hetzner }) => {
      const answer = await client.request("POST", "/firewalls", { name: "fw", rules: [rule] });
      expect([answer.status, at(answer.body, "error", "code")]).toEqual([422, "invalid_input"]);
      expect(String(at(answer.body, "error", "details", "fields", 0, "name"))).toMatch(/^rules\.0\./);
      expect(hetzner.counts().firewalls).toBe(0);
    });
  });

  it("are replaced as a whole, also by none, and not by 51", async () => {
    await withHetzner({}, async ({ client }) => {
      const id = await createFirewall(client);
      const rules = async (): Promise<unknown> =>
        at(await client.get(`/firewalls/${id}`), "firewall", "rules");
      const set = { direction: "out", protocol: "udp", port: "50-60", destination_ips: ["192.0.2.0/24"] };
      await client.act("POST", `/firewalls/${id}/actions/set_rules`, { rules: [set] });
      expect(await rules()).toEqual([{ ...set, source_ips: [], description: null }]);
      await client.act("POST", `/firewalls/${id}/actions/set_rules`, { rules: [] });
      expect(await rules()).toEqual([]);
      const many = await client.request("POST", `/firewalls/${id}/actions/set_rules`, {
        rules: Array.from({ length: 51 }, () => ssh),
      });
      expect(many.status).toBe(422);
    });
  });
});

describe("resources", () => {
  it("are applied once, shown on both sides, and removed", async () => {
    await withHetzner({}, async ({ client }) => {
      const firewall = await createFirewall(client);
      const server = idOf(await client.act("POST", "/servers", order()), "server");
      const apply = { apply_to: [onServer(server)] };
      await client.act("POST", `/firewalls/${firewall}/actions/apply_to_resources`, apply);
      expect(at(await client.get(`/firewalls/${firewall}`), "firewall", "applied_to")).toEqual([
        onServer(server),
      ]);
      expect(at(await client.get(`/servers/${server}`), "server", "public_net", "firewalls")).toEqual([
        { id: firewall, status: "applied" },
      ]);
      const again = await client.request("POST", `/firewalls/${firewall}/actions/apply_to_resources`, apply);
      expect([again.status, at(again.body, "error", "code")]).toEqual([422, "firewall_already_applied"]);
      const inUse = await client.request("DELETE", `/firewalls/${firewall}`);
      expect([inUse.status, at(inUse.body, "error", "code")]).toEqual([422, "resource_in_use"]);
      await client.act("POST", `/firewalls/${firewall}/actions/remove_from_resources`, {
        remove_from: [onServer(server)],
      });
      expect((await client.request("DELETE", `/firewalls/${firewall}`)).status).toBe(204);
    });
  });

  it("may be none, as the provider sends it", async () => {
    await withHetzner({}, async ({ client }) => {
      const firewall = await createFirewall(client);
      const body = await client.act("POST", `/firewalls/${firewall}/actions/remove_from_resources`, {
        remove_from: [],
      });
      expect(body).toEqual({ actions: [] });
    });
  });

  it("that do not exist are 404 in an action and 422 on create", async () => {
    await withHetzner({}, async ({ client }) => {
      const firewall = await createFirewall(client);
      const apply = await client.request("POST", `/firewalls/${firewall}/actions/apply_to_resources`, {
        apply_to: [onServer(77)],
      });
      expect([apply.status, at(apply.body, "error", "code")]).toEqual([404, "firewall_resource_not_found"]);
      const create = await client.request("POST", "/firewalls", { name: "b", apply_to: [onServer(77)] });
      expect([create.status, at(create.body, "error", "code")]).toEqual([422, "firewall_resource_not_found"]);
    });
  });

  it("are at most five firewalls a server, and need a public interface", async () => {
    await withHetzner({}, async ({ client }) => {
      const firewalls: number[] = [];
      for (let i = 0; i < 6; i += 1) firewalls.push(await createFirewall(client, { name: `fw${i}` }));
      const five = firewalls.slice(0, 5).map((firewall) => ({ firewall }));
      const server = idOf(await client.act("POST", "/servers", order({ firewalls: five })), "server");
      const sixth = await client.request(
        "POST",
        `/firewalls/${firewalls[5] ?? 0}/actions/apply_to_resources`,
        {
          apply_to: [onServer(server)],
        },
      );
      expect([sixth.status, at(sixth.body, "error", "code")]).toEqual([403, "resource_limit_exceeded"]);
      const hidden = order({
        name: "hidden",
        start_after_create: false,
        public_net: { enable_ipv4: false, enable_ipv6: false },
      });
      const inner = idOf(await client.act("POST", "/servers", hidden), "server");
      const refused = await client.request(
        "POST",
        `/firewalls/${firewalls[5] ?? 0}/actions/apply_to_resources`,
        {
          apply_to: [onServer(inner)],
        },
      );
      expect(at(refused.body, "error", "code")).toBe("private_net_only_server");
    });
  });
});

describe("label selectors", () => {
  it("follow the labels of servers, old and new", async () => {
    await withHetzner({}, async ({ client }) => {
      const old = idOf(await client.act("POST", "/servers", order({ labels: { role: "web" } })), "server");
      const apply_to = [{ type: "label_selector", label_selector: { selector: "role=web" } }];
      const firewall = await createFirewall(client, { apply_to });
      const applied = async (): Promise<unknown> =>
        at(await client.get(`/firewalls/${firewall}`), "firewall", "applied_to", 0, "applied_to_resources");
      expect(await applied()).toEqual([onServer(old)]);
      const fresh = order({ name: "web-2", labels: { role: "web" } });
      const young = idOf(await client.act("POST", "/servers", fresh), "server");
      expect(await applied()).toEqual([onServer(old), onServer(young)]);
      await client.request("PUT", `/servers/${old}`, { labels: { role: "db" } });
      expect(await applied()).toEqual([onServer(young)]);
      expect(at(await client.get(`/servers/${old}`), "server", "public_net", "firewalls")).toEqual([]);
      const byHand = await client.request("POST", `/firewalls/${firewall}/actions/remove_from_resources`, {
        remove_from: [onServer(young)],
      });
      expect(at(byHand.body, "error", "code")).toBe("firewall_managed_by_label_selector");
      expect((await client.request("DELETE", `/firewalls/${firewall}`)).status).toBe(422);
      await client.act("POST", `/firewalls/${firewall}/actions/remove_from_resources`, {
        remove_from: apply_to,
      });
      expect((await client.request("DELETE", `/firewalls/${firewall}`)).status).toBe(204);
      expect(at(await client.get(`/servers/${young}`), "server", "public_net", "firewalls")).toEqual([]);
    });
  });
});
