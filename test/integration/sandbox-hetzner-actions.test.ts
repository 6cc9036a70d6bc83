/**
 * Proves what the actions of servers do at the simulated Hetzner, and how they are listed. Nothing runs here: the
 * machines behind servers have tests of their own.
 */
import { describe, expect, it } from "vitest";
import { at, idOf } from "../support/hetzner-client.ts";
import { createHeldClock, withHetzner } from "../support/hetzner.ts";
import { order } from "../support/hetzner-orders.ts";

describe("actions", () => {
  it("switch power, and asking for what is so ends at once", async () => {
    await withHetzner({}, async ({ client }) => {
      const id = idOf(await client.act("POST", "/servers", order()), "server");
      const status = async (): Promise<unknown> => at(await client.get(`/servers/${id}`), "server", "status");
      const steps = [
        ["shutdown", "shutdown_server", "off"],
        ["poweron", "start_server", "running"],
        ["reboot", "reboot_server", "running"],
        ["reset", "reset_server", "running"],
        ["poweroff", "stop_server", "off"],
      ] as const;
      for (const [action, command, after] of steps) {
        const body = await client.act("POST", `/servers/${id}/actions/${action}`);
        expect([action, at(body, "action", "command"), await status()]).toEqual([action, command, after]);
      }
      const again = await client.request("POST", `/servers/${id}/actions/poweroff`);
      expect(at(again.body, "action", "status")).toBe("success");
    });
  });

  it("change the type only of a server that is off, start it again, and never shrink a disk", async () => {
    await withHetzner({}, async ({ client }) => {
      const id = idOf(await client.act("POST", "/servers", order()), "server");
      const change = (type: string, upgrade: boolean): ReturnType<typeof client.request> =>
        client.request("POST", `/servers/${id}/actions/change_type`, {
          server_type: type,
          upgrade_disk: upgrade,
        });
      expect(at((await change("cx33", true)).body, "error", "code")).toBe("server_not_stopped");
      await client.act("POST", `/servers/${id}/actions/poweroff`);
      expect(at((await change("cax21", true)).body, "error", "code")).toBe("invalid_server_type");
      await client.act("POST", `/servers/${id}/actions/change_type`, {
        server_type: "cx33",
        upgrade_disk: true,
      });
      expect(at(await client.get(`/servers/${id}`), "server")).toMatchObject({
        status: "running",
        primary_disk_size: 80,
        server_type: { name: "cx33" },
      });
      await client.act("POST", `/servers/${id}/actions/poweroff`);
      expect(at((await change("cx23", false)).body, "error", "code")).toBe("invalid_server_type");
    });
  });

  it("rebuild with another image, keep id and addresses, and obey protection", async () => {
    await withHetzner({}, async ({ client }) => {
      const id = idOf(await client.act("POST", "/servers", order()), "server");
      const before = at(await client.get(`/servers/${id}`), "server", "public_net", "ipv4", "ip");
      await client.act("POST", `/servers/${id}/actions/rebuild`, {
        image: "debian-13",
        user_data: "#cloud-config\n",
      });
      const after = await client.get(`/servers/${id}`);
      expect(at(after, "server", "image", "name")).toBe("debian-13");
      expect(at(after, "server", "public_net", "ipv4", "ip")).toBe(before);
      await client.act("POST", `/servers/${id}/actions/change_protection`, { delete: true, rebuild: true });
      const rebuild = await client.request("POST", `/servers/${id}/actions/rebuild`, { image: "debian-13" });
      const removal = await client.request("DELETE", `/servers/${id}`);
      expect([rebuild.status, at(rebuild.body, "error", "code")]).toEqual([423, "protected"]);
      expect([removal.status, at(removal.body, "error", "code")]).toEqual([423, "protected"]);
    });
  });

  it("take snapshots that outlive the server and backups that do not", async () => {
    await withHetzner({}, async ({ client }) => {
      const id = idOf(await client.act("POST", "/servers", order()), "server");
      const image = (type: string): ReturnType<typeof client.act> =>
        client.act("POST", `/servers/${id}/actions/create_image`, {
          type,
          description: type,
          labels: { a: "b" },
        });
      const refused = await client.request("POST", `/servers/${id}/actions/create_image`, { type: "backup" });
      expect(refused.status).toBe(422);
      await client.act("POST", `/servers/${id}/actions/enable_backup`);
      const backup = idOf(await image("backup"), "image");
      const snapshot = idOf(await image("snapshot"), "image");
      expect(at(await client.get(`/images/${backup}`), "image", "bound_to")).toBe(id);
      expect(at(await client.get(`/images/${snapshot}`), "image")).toMatchObject({
        status: "available",
        name: null,
        bound_to: null,
        created_from: { id },
      });
      await client.act("DELETE", `/servers/${id}`);
      expect((await client.request("GET", `/images/${backup}`)).status).toBe(404);
      const again = await client.act("POST", "/servers", order({ image: snapshot }));
      expect(at(again, "server", "image", "id")).toBe(snapshot);
      expect((await client.request("DELETE", `/images/${snapshot}`)).status).toBe(204);
    });
  });

  it("enable rescue for an hour or until the next boot", async () => {
    const clock = createHeldClock();
    await withHetzner({ now: clock.now }, async ({ client }) => {
      const id = idOf(await client.act("POST", "/servers", order()), "server");
      const rescue = async (): Promise<unknown> =>
        at(await client.get(`/servers/${id}`), "server", "rescue_enabled");
      await client.act("POST", `/servers/${id}/actions/enable_rescue`, { type: "linux64" });
      expect(await rescue()).toBe(true);
      clock.move(60 * 60 * 1000);
      expect(await rescue()).toBe(false);
      await client.act("POST", `/servers/${id}/actions/enable_rescue`, { type: "linux64" });
      await client.act("POST", `/servers/${id}/actions/reset`);
      expect(await rescue()).toBe(false);
    });
  });

  it("name addresses in reverse and give default names back", async () => {
    await withHetzner({ addressBase: "127.78.0.0/16" }, async ({ client }) => {
      const id = idOf(await client.act("POST", "/servers", order()), "server");
      const name = (ip: string, dns_ptr: string | null): ReturnType<typeof client.act> =>
        client.act("POST", `/servers/${id}/actions/change_dns_ptr`, { ip, dns_ptr });
      const pointer = async (): Promise<unknown> =>
        at(await client.get(`/servers/${id}`), "server", "public_net", "ipv4", "dns_ptr");
      await name("127.78.0.1", "x.example.com");
      expect(await pointer()).toBe("x.example.com");
      await name("127.78.0.1", null);
      expect(await pointer()).toBe("static.1.0.78.127.clients.your-server.de");
    });
  });

  it("are listed for their server, with progress and paging, and by id only across the project", async () => {
    await withHetzner({}, async ({ client }) => {
      const id = idOf(await client.act("POST", "/servers", order()), "server");
      const list = await client.get(`/servers/${id}/actions?sort=id:desc&per_page=1`);
      expect(at(list, "actions", 0, "command")).toBe("start_server");
      expect(at(list, "meta", "pagination", "total_entries")).toBe(2);
      const all = await client.request("GET", "/actions");
      expect([all.status, at(all.body, "error", "code")]).toEqual([410, "deprecated_api_endpoint"]);
      expect(at(await client.get("/actions?id=999999"), "actions")).toEqual([]);
    });
  });
});
