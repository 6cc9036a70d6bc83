/** The body with which a server is ordered; names are looked up first, as the official provider does. */
import { inSetOrder } from "../bridge/set-order.ts";
import { bagOf, listOf, type Bag } from "../bridge/values.ts";
import { omitEmpty } from "./bodies.ts";
import type { HcloudClient } from "./client.ts";

/** @throws when type, image, key or placement group is not there. */
export async function toOrder(client: HcloudClient, wanted: Bag): Promise<Bag> {
  const type = await findServerType(client, String(wanted["serverType"]));
  const image = await findImage(client, String(wanted["image"]), String(type["architecture"]));
  if (image["deprecated"] && wanted["allowDeprecatedImages"] !== true) {
    throw new Error(
      `image ${String(image["name"])} is deprecated. If you want to use it, specify the allow_deprecated_images option.`,
    );
  }
  const sshKeys: unknown[] = [];
  for (const key of listOf(wanted["sshKeys"])) sshKeys.push(await findSshKey(client, String(key)));
  return omitEmpty({
    name: wanted["name"],
    server_type: wanted["serverType"],
    image: image["id"],
    ssh_keys: sshKeys,
    location: wanted["location"],
    user_data: wanted["userData"],
    labels: wanted["labels"],
    firewalls: inSetOrder({ type: "set", items: "integer" }, wanted["firewallIds"]).map((firewall) => ({
      firewall,
    })),
    placement_group: await findPlacementGroup(client, wanted["placementGroupId"]),
    ...toPublicNet(wanted),
  });
}

/** A server that would reach nothing is started only once its networks are attached. */
function toPublicNet(wanted: Bag): Bag {
  const [block] = listOf(wanted["publicNets"]);
  if (block === undefined) return {};
  const { ipv4Enabled, ipv6Enabled, ipv4, ipv6 } = bagOf(block);
  const hasNone = ipv4Enabled === false && ipv6Enabled === false;
  return {
    public_net: {
      enable_ipv4: ipv4Enabled ?? true,
      enable_ipv6: ipv6Enabled ?? true,
      ...omitEmpty({ ipv4: ipv4 === 0 ? undefined : ipv4, ipv6: ipv6 === 0 ? undefined : ipv6 }),
    },
    start_after_create: hasNone && listOf(wanted["networks"]).length > 0 ? false : undefined,
  };
}

const isNumeric = (text: string) => /^\d+$/.test(text);

async function findServerType(client: HcloudClient, type: string): Promise<Bag> {
  const byId = isNumeric(type) ? await client.find(`/server_types/${type}`, "server_type") : undefined;
  if (byId) return byId;
  const answer = await client.call("GET", `/server_types?name=${encodeURIComponent(type)}`);
  const [named] = listOf(answer["server_types"]);
  if (named === undefined) throw new Error(`server type ${type} not found`);
  return bagOf(named);
}

async function findImage(client: HcloudClient, image: string, architecture: string): Promise<Bag> {
  const byId = isNumeric(image) ? await client.find(`/images/${image}`, "image") : undefined;
  if (byId) return byId;
  const query = `architecture=${architecture}&include_deprecated=true&name=${encodeURIComponent(image)}`;
  const [named] = listOf((await client.call("GET", `/images?${query}`))["images"]);
  if (named === undefined) throw new Error(`image ${image} for architecture ${architecture} not found`);
  return bagOf(named);
}

async function findSshKey(client: HcloudClient, key: string): Promise<unknown> {
  const byId = isNumeric(key) ? await client.find(`/ssh_keys/${key}`, "ssh_key") : undefined;
  if (byId) return byId["id"];
  const answer = await client.call("GET", `/ssh_keys?name=${encodeURIComponent(key)}`);
  const [named] = listOf(answer["ssh_keys"]);
  if (named === undefined) throw new Error(`SSH key not found: ${key}`);
  return bagOf(named)["id"];
}

async function findPlacementGroup(client: HcloudClient, id: unknown): Promise<unknown> {
  if (typeof id !== "number" || id === 0) return undefined;
  const found = await client.find(`/placement_groups/${id}`, "placement_group");
  if (!found) throw new Error(`placement group not found: ${id}`);
  return found["id"];
}
