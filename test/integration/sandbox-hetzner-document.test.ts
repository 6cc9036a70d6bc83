/**
 * Calls every operation that the simulated Hetzner has, with success, and compares request and answer with the
 * official document: none is left out, and the document's collections that are simulated are simulated whole.
 */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { createHetznerCheck } from "../sandbox/hetzner/check.ts";
import { startHetzner } from "../sandbox/hetzner/hetzner.ts";
import { at, createHetznerClient, idOf, type HetznerClient } from "../support/hetzner-client.ts";
import { order, prepare } from "../support/hetzner-orders.ts";
import { parseOpenApiDocument } from "../support/openapi-document.ts";
import { findSpec } from "../support/specs.ts";

/** Collections of the document that nothing of ours uses, and data centers, which are gone. */
const notSimulated =
  /^\w+ \/(certificates|floating_ips|load_balancers|load_balancer_types|zones|datacenters|servers\/\{id\}\/metrics)/;

function documentedOperations(file: string): string[] {
  const document = parseOpenApiDocument(readFileSync(file, "utf8"));
  return Object.entries(document.paths)
    .flatMap(([path, item]) => Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`))
    .filter((key) => /^(GET|POST|PUT|DELETE) /.test(key) && !notSimulated.test(key));
}

type Ids = Record<
  "server" | "firewall" | "network" | "image" | "primary_ip" | "volume" | "group" | "key",
  number
>;

async function createAll(client: HetznerClient): Promise<Ids> {
  const { key, network, firewall } = await prepare(client);
  const group = idOf(
    await client.act("POST", "/placement_groups", { name: "g", type: "spread" }),
    "placement_group",
  );
  const server = idOf(
    await client.act("POST", "/servers", order({ ssh_keys: [key], labels: { a: "b" } })),
    "server",
  );
  const ip = { name: "ip", type: "ipv4", location: "fsn1" };
  const primary = idOf(await client.act("POST", "/primary_ips", ip), "primary_ip");
  const volume = idOf(
    await client.act("POST", "/volumes", { name: "v", size: 10, location: "fsn1" }),
    "volume",
  );
  const image = idOf(await client.act("POST", `/servers/${server}/actions/create_image`, {}), "image");
  return { server, firewall, network, image, primary_ip: primary, volume, group, key };
}

type Step = [path: string, body?: Record<string, unknown>];

function serverSteps(ids: Ids): Step[] {
  const { network } = ids;
  return [
    ["attach_to_network", { network, ip: "10.0.0.5" }],
    ["change_alias_ips", { network, alias_ips: ["10.0.0.6"] }],
    ["detach_from_network", { network }],
    ["enable_backup"],
    ["disable_backup"],
    ["enable_rescue", { type: "linux64" }],
    ["disable_rescue"],
    ["attach_iso", { iso: "debian-13.1.0-amd64-netinst.iso" }],
    ["detach_iso"],
    ["reset_password"],
    ["request_console"],
    ["change_protection", { delete: true, rebuild: true }],
    ["change_protection", { delete: false, rebuild: false }],
    ["rebuild", { image: "debian-13" }],
    ["reboot"],
    ["reset"],
    ["shutdown"],
    ["poweron"],
    ["poweroff"],
    ["add_to_placement_group", { placement_group: ids.group }],
    ["remove_from_placement_group"],
    ["change_type", { server_type: "cx33", upgrade_disk: false }],
    ["poweroff"],
  ];
}

function otherSteps(ids: Ids): Record<string, Step[]> {
  const target = [{ type: "server", server: { id: ids.server } }];
  const subnet = { type: "cloud", network_zone: "eu-central", ip_range: "10.0.9.0/24" };
  const route = { destination: "10.9.0.0/16", gateway: "10.0.0.9" };
  return {
    [`firewalls/${ids.firewall}`]: [
      ["apply_to_resources", { apply_to: target }],
      ["set_rules", { rules: [] }],
      ["remove_from_resources", { remove_from: target }],
    ],
    [`networks/${ids.network}`]: [
      ["add_subnet", subnet],
      ["delete_subnet", { ip_range: "10.0.9.0/24" }],
      ["add_route", route],
      ["delete_route", route],
      ["change_ip_range", { ip_range: "10.0.0.0/15" }],
      ["change_protection", { delete: false }],
    ],
    [`images/${ids.image}`]: [["change_protection", { delete: false }]],
    [`volumes/${ids.volume}`]: [
      ["attach", { server: ids.server }],
      ["detach"],
      ["resize", { size: 20 }],
      ["change_protection", { delete: false }],
    ],
    [`primary_ips/${ids.primary_ip}`]: [
      ["assign", { assignee_type: "server", assignee_id: ids.server }],
      ["unassign"],
      ["change_protection", { delete: false }],
    ],
  };
}

async function actOnAll(client: HetznerClient, ids: Ids): Promise<void> {
  for (const [action, body] of serverSteps(ids)) {
    await client.act("POST", `/servers/${ids.server}/actions/${action}`, body);
  }
  const address = at(await client.get(`/servers/${ids.server}`), "server", "public_net", "ipv4");
  const pointer = { ip: at(address, "ip"), dns_ptr: "x.example.com" };
  await client.act("POST", `/servers/${ids.server}/actions/change_dns_ptr`, pointer);
  await client.act("POST", `/primary_ips/${String(at(address, "id"))}/actions/change_dns_ptr`, pointer);
  await client.act("POST", `/primary_ips/${String(at(address, "id"))}/actions/unassign`);
  for (const [owner, steps] of Object.entries(otherSteps(ids))) {
    for (const [action, body] of steps) await client.act("POST", `/${owner}/actions/${action}`, body);
  }
}

const collections: [path: string, id: keyof Ids | undefined, withActions: boolean][] = [
  ["servers", "server", true],
  ["firewalls", "firewall", true],
  ["networks", "network", true],
  ["images", "image", true],
  ["primary_ips", "primary_ip", true],
  ["volumes", "volume", true],
  ["placement_groups", "group", false],
  ["ssh_keys", "key", false],
  ["locations", undefined, false],
  ["server_types", undefined, false],
  ["isos", undefined, false],
];

async function readAll(client: HetznerClient, ids: Ids): Promise<void> {
  for (const [path, key, withActions] of collections) {
    const list = await client.get(`/${path}`);
    const id = key === undefined ? String(at(list, path, 0, "id")) : String(ids[key]);
    await client.get(`/${path}/${id}`);
    if (!withActions) continue;
    const actions = await client.get(`/${path}/${id}/actions`);
    const action = String(at(actions, "actions", 0, "id"));
    await client.get(`/${path}/${id}/actions/${action}`);
    await client.get(`/${path}/actions?status=success`);
    await client.get(`/${path}/actions/${action}`);
    await client.get(`/actions/${action}`);
  }
  await client.get("/pricing");
  await client.get(`/networks/${ids.network}/members`);
}

async function changeAndDeleteAll(client: HetznerClient, ids: Ids): Promise<void> {
  for (const [path, key] of collections) {
    if (key === undefined) continue;
    const change = path === "images" ? { description: "new" } : { name: "new", labels: { c: "d" } };
    await client.act("PUT", `/${path}/${ids[key]}`, change);
    await client.act("DELETE", `/${path}/${ids[key]}`);
  }
}

const file = findSpec("hetzner.json");
const check = createHetznerCheck();
const note = check.available ? "" : ` (${check.note})`;

it.skipIf(!check.available)(`every operation answers as the official document says${note}`, async () => {
  const hetzner = await startHetzner({
    check: (exchange) => {
      if (exchange.status < 300) check.check(exchange);
    },
  });
  try {
    const client = createHetznerClient(hetzner.url, hetzner.token);
    const ids = await createAll(client);
    await actOnAll(client, ids);
    await readAll(client, ids);
    await changeAndDeleteAll(client, ids);
  } finally {
    await hetzner.close();
  }
  expect(check.violations).toEqual([]);
  expect(check.requestViolations).toEqual([]);
  const called = new Set(check.seen.keys());
  expect(documentedOperations(file ?? "").filter((key) => !called.has(key))).toEqual([]);
  expect(called).toContain("GET /networks/{id}/members");
});
