/** Proves lists of the simulated Hetzner: pages, order, filters, label selectors, and what is sold. */
import { describe, expect, it } from "vitest";
import { at, type HetznerClient } from "../support/hetzner-client.ts";
import { withHetzner } from "../support/hetzner.ts";
import { order } from "../support/hetzner-orders.ts";
import { isSchema } from "../support/openapi-schema.ts";

async function names(client: HetznerClient, path: string, key: string): Promise<unknown[]> {
  const list = (await client.get(path))[key];
  return Array.isArray(list) ? list.filter(isSchema).map((each) => each["name"]) : [];
}

describe("servers", () => {
  it("come in pages of 25, at most 50, with the numbers of the pages around", async () => {
    await withHetzner({}, async ({ client, hetzner }) => {
      for (let i = 0; i < 60; i += 1)
        await hetzner.project().api("POST", "/servers", order({ name: `s${i}` }));
      const first = await client.request("GET", "/servers");
      expect(at(first.body, "meta", "pagination")).toEqual({
        page: 1,
        per_page: 25,
        previous_page: null,
        next_page: 2,
        last_page: 3,
        total_entries: 60,
      });
      expect(first.headers.get("link")).toContain(`${hetzner.url}/servers?page=2>; rel="next"`);
      const last = await client.get("/servers?page=2&per_page=50");
      expect(at(last, "meta", "pagination")).toMatchObject({
        previous_page: 1,
        next_page: null,
        last_page: 2,
      });
      expect(await names(client, "/servers?page=2&per_page=50", "servers")).toHaveLength(10);
      expect(await names(client, "/servers?page=9", "servers")).toEqual([]);
      for (const wrong of ["per_page=51", "per_page=0", "page=0", "page=x", "sort=color", "status=happy"]) {
        const answer = await client.request("GET", `/servers?${wrong}`);
        expect([wrong, answer.status, at(answer.body, "error", "code")]).toEqual([
          wrong,
          422,
          "invalid_input",
        ]);
      }
    });
  });

  it("are found by name, status and labels, in the order asked for", async () => {
    await withHetzner({}, async ({ client }) => {
      const wishes = [
        { name: "b", labels: { env: "prod", tier: "1" } },
        { name: "a", labels: { env: "prod" } },
        { name: "c", labels: { env: "test" }, start_after_create: false },
      ];
      for (const wish of wishes) await client.act("POST", "/servers", order(wish));
      const list = (query: string): Promise<unknown[]> => names(client, `/servers?${query}`, "servers");
      expect(await list("")).toEqual(["b", "a", "c"]);
      expect(await list("sort=name")).toEqual(["a", "b", "c"]);
      expect(await list("sort=name:desc")).toEqual(["c", "b", "a"]);
      expect(await list("sort=created:desc&sort=name:asc")).toHaveLength(3);
      expect(await list("name=a")).toEqual(["a"]);
      expect(await list("name=x")).toEqual([]);
      expect(await list("status=off")).toEqual(["c"]);
      expect(await list("status=off&status=running")).toEqual(["b", "a", "c"]);
      expect(await list("label_selector=env%3Dprod")).toEqual(["b", "a"]);
      expect(await list(`label_selector=${encodeURIComponent("env in (prod,test),!tier")}`)).toEqual([
        "a",
        "c",
      ]);
      expect(await list(`label_selector=env%3Dprod&sort=name&name=b`)).toEqual(["b"]);
      const wrong = await client.request("GET", "/servers?label_selector=%3D%3D");
      expect(at(wrong.body, "error", "details", "fields", 0, "name")).toBe("label_selector");
    });
  });

  it("follow renaming and relabelling at once", async () => {
    await withHetzner({}, async ({ client }) => {
      const body = await client.act("POST", "/servers", order({ labels: { env: "prod" } }));
      const id = String(at(body, "server", "id"));
      expect(
        (await client.request("PUT", `/servers/${id}`, { name: "web-9", labels: { env: "test" } })).status,
      ).toBe(200);
      expect(await names(client, "/servers?name=web-1", "servers")).toEqual([]);
      expect(await names(client, "/servers?label_selector=env%3Dprod", "servers")).toEqual([]);
      expect(await names(client, "/servers?label_selector=env%3Dtest&name=web-9", "servers")).toEqual([
        "web-9",
      ]);
      const other = await client.act("POST", "/servers", order());
      const taken = await client.request("PUT", `/servers/${String(at(other, "server", "id"))}`, {
        name: "web-9",
      });
      expect(taken.status).toBe(409);
    });
  });
});

describe("what is sold", () => {
  it("images have an id per processor, and deprecated ones are only shown when asked for", async () => {
    await withHetzner({}, async ({ client }) => {
      const ubuntu = await client.get("/images?architecture=x86&include_deprecated=true&name=ubuntu-24.04");
      expect(at(ubuntu, "images", 0, "id")).toBe(161547269);
      expect(await names(client, "/images?name=ubuntu-24.04", "images")).toHaveLength(2);
      expect(await names(client, "/images?name=debian-11", "images")).toEqual([]);
      const old = await client.get("/images?name=debian-11&include_deprecated=true");
      expect(at(old, "images", 0, "deprecation", "unavailable_after")).toMatch(/^2026-11-14/);
      expect(await names(client, "/images?type=snapshot", "images")).toEqual([]);
    });
  });

  it("types have prices where they are sold; the prices of CX23 are those that the API gave in October 2026", async () => {
    await withHetzner({}, async ({ client, hetzner }) => {
      const body = await client.get("/server_types?name=cx23");
      expect(at(body, "server_types", 0, "prices", 0)).toMatchObject({
        location: "fsn1",
        price_hourly: { net: "0.0088000000" },
        price_monthly: { net: "5.4900000000", gross: "6.6429000000000000" },
      });
      const id = String(at(body, "server_types", 0, "id"));
      expect(at(await client.get(`/server_types/${id}`), "server_type", "name")).toBe("cx23");
      hetzner.setAvailable("cx23", "fsn1", false);
      const after = await client.get(`/server_types/${id}`);
      expect(at(after, "server_type", "locations", 0, "available")).toBe(false);
      const types = await names(client, "/server_types?per_page=50", "server_types");
      for (const name of ["cx23", "cx53", "cpx12", "cpx62", "ccx13", "ccx33", "cax11", "cax41"]) {
        expect(types).toContain(name);
      }
    });
  });

  it("locations, ISOs and prices are there; data centers are gone", async () => {
    await withHetzner({}, async ({ client }) => {
      expect(await names(client, "/locations", "locations")).toEqual([
        "fsn1",
        "nbg1",
        "hel1",
        "ash",
        "hil",
        "sin",
      ]);
      expect(await names(client, "/locations?name=ash", "locations")).toEqual(["ash"]);
      expect(await names(client, "/isos", "isos")).not.toEqual([]);
      expect(at(await client.get("/pricing"), "pricing", "server_backup", "percentage")).toBe("20.000000");
      const gone = await client.request("GET", "/datacenters");
      expect([gone.status, at(gone.body, "error", "code")]).toEqual([410, "deprecated_api_endpoint"]);
      expect(String(at(gone.body, "error", "details", "announcement"))).toMatch(/^https:/);
    });
  });
});
