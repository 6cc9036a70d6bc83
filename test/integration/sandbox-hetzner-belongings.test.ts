/**
 * Proves what belongs to servers at the simulated Hetzner: keys, primary IPs, volumes, placement groups, and what
 * happens to them when the server goes.
 */
import { describe, expect, it } from "vitest";
import { at, idOf } from "../support/hetzner-client.ts";
import { withHetzner } from "../support/hetzner.ts";
import { order, publicKey } from "../support/hetzner-orders.ts";

describe("around servers", () => {
  it("SSH keys are unique by name and by key", async () => {
    await withHetzner({}, async ({ client }) => {
      await client.act("POST", "/ssh_keys", { name: "a", public_key: publicKey });
      const sameKey = await client.request("POST", "/ssh_keys", {
        name: "b",
        public_key: `${publicKey} other`,
      });
      expect(at(sameKey.body, "error")).toMatchObject({
        code: "uniqueness_error",
        message: "SSH key with the same fingerprint already exists",
        details: { fields: [{ name: "public_key" }] },
      });
      const noKey = await client.request("POST", "/ssh_keys", { name: "c", public_key: "ssh-ed25519 AAAA" });
      expect([noKey.status, at(noKey.body, "error", "code")]).toEqual([422, "invalid_input"]);
    });
  });

  it("primary IPs go with the server when they were made with it, and stay when they were not", async () => {
    await withHetzner({}, async ({ client, hetzner }) => {
      const body = { name: "pip", type: "ipv4", location: "fsn1", labels: {}, auto_delete: false };
      const ip = idOf(await client.act("POST", "/primary_ips", body), "primary_ip");
      const id = idOf(await client.act("POST", "/servers", order({ public_net: { ipv4: ip } })), "server");
      expect(at(await client.get(`/primary_ips/${ip}`), "primary_ip", "assignee_id")).toBe(id);
      const assigned = await client.request("DELETE", `/primary_ips/${ip}`);
      expect(at(assigned.body, "error", "code")).toBe("must_be_unassigned");
      const unassign = await client.request("POST", `/primary_ips/${ip}/actions/unassign`);
      expect(at(unassign.body, "error", "code")).toBe("server_not_stopped");
      const taken = await client.request("POST", "/servers", order({ name: "b", public_net: { ipv4: ip } }));
      expect(at(taken.body, "error", "code")).toBe("primary_ip_assigned");
      await client.act("DELETE", `/servers/${id}`);
      expect(hetzner.counts().primaryIps).toBe(1);
      expect(at(await client.get(`/primary_ips/${ip}`), "primary_ip", "assignee_type")).toBe("unassigned");
      const wrong = await client.request("POST", "/servers", order({ public_net: { ipv6: ip } }));
      expect([wrong.status, at(wrong.body, "error", "code")]).toEqual([412, "primary_ip_version_mismatch"]);
      const elsewhere = await client.request(
        "POST",
        "/servers",
        order({ location: "nbg1", public_net: { ipv4: ip } }),
      );
      expect(at(elsewhere.body, "error", "code")).toBe("primary_ip_datacenter_mismatch");
    });
  });

  it("a primary IP can be taken off a server that is off and given to another", async () => {
    await withHetzner({}, async ({ client }) => {
      const id = idOf(await client.act("POST", "/servers", order({ start_after_create: false })), "server");
      const ip = at(await client.get(`/servers/${id}`), "server", "public_net", "ipv4", "id");
      await client.act("POST", `/primary_ips/${String(ip)}/actions/unassign`);
      expect(at(await client.get(`/servers/${id}`), "server", "public_net", "ipv4")).toBeNull();
      await client.act("POST", `/primary_ips/${String(ip)}/actions/assign`, {
        assignee_id: id,
        assignee_type: "server",
      });
      expect(at(await client.get(`/servers/${id}`), "server", "public_net", "ipv4", "id")).toBe(ip);
      const second = await client.act("POST", "/primary_ips", { name: "x", type: "ipv4", location: "fsn1" });
      const refused = await client.request(
        "POST",
        `/primary_ips/${idOf(second, "primary_ip")}/actions/assign`,
        {
          assignee_id: id,
          assignee_type: "server",
        },
      );
      expect(at(refused.body, "error", "code")).toBe("server_has_ipv4");
    });
  });

  it("volumes attach, detach, grow, and are refused while they are in use", async () => {
    await withHetzner({}, async ({ client }) => {
      const id = idOf(await client.act("POST", "/servers", order()), "server");
      const body = { name: "v", size: 10, server: id, format: "ext4" };
      const volume = idOf(await client.act("POST", "/volumes", body), "volume");
      expect((await client.request("DELETE", `/volumes/${volume}`)).status).toBe(422);
      const twice = await client.request("POST", `/volumes/${volume}/actions/attach`, { server: id });
      expect(at(twice.body, "error", "code")).toBe("volume_already_attached");
      await client.act("POST", `/volumes/${volume}/actions/resize`, { size: 20 });
      const shrink = await client.request("POST", `/volumes/${volume}/actions/resize`, { size: 15 });
      expect(shrink.status).toBe(422);
      await client.act("DELETE", `/servers/${id}`);
      expect(at(await client.get(`/volumes/${volume}`), "volume")).toMatchObject({ server: null, size: 20 });
      expect((await client.request("DELETE", `/volumes/${volume}`)).status).toBe(204);
    });
  });

  it("a spread group takes ten servers and lets none of them join a second group", async () => {
    await withHetzner({}, async ({ client }) => {
      const group = idOf(
        await client.act("POST", "/placement_groups", { name: "g", type: "spread" }),
        "placement_group",
      );
      for (let i = 0; i < 10; i += 1) {
        await client.act("POST", "/servers", order({ name: `s${i}`, placement_group: group }));
      }
      const eleventh = await client.request(
        "POST",
        "/servers",
        order({ name: "s10", placement_group: group }),
      );
      expect([eleventh.status, at(eleventh.body, "error", "code")]).toEqual([422, "placement_error"]);
      expect((await client.request("DELETE", `/placement_groups/${group}`)).status).toBe(422);
    });
  });
});
