/** Bodies that many tests of the simulated Hetzner send. */
import { idOf, type HetznerClient } from "./hetzner-client.ts";

export const publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIITmzEvsS+wdhXvz/PTNrhUGUSqJOltSM5/3bapZMwwM t";

/** A valid order of a small server in Falkenstein, changed by `changes`. */
export function order(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return { name: "web-1", server_type: "cx23", image: "ubuntu-24.04", location: "fsn1", ...changes };
}

/** One SSH key, one network with one subnet, one firewall. */
export async function prepare(
  client: HetznerClient,
): Promise<{ key: number; network: number; firewall: number }> {
  const key = idOf(await client.act("POST", "/ssh_keys", { name: "key", public_key: publicKey }), "ssh_key");
  const network = idOf(
    await client.act("POST", "/networks", { name: "net", ip_range: "10.0.0.0/16" }),
    "network",
  );
  const subnet = { type: "cloud", ip_range: "10.0.0.0/24", network_zone: "eu-central" };
  await client.act("POST", `/networks/${network}/actions/add_subnet`, subnet);
  const rules = [{ direction: "in", protocol: "tcp", port: "22", source_ips: ["0.0.0.0/0", "::/0"] }];
  const firewall = idOf(await client.act("POST", "/firewalls", { name: "fw", rules }), "firewall");
  return { key, network, firewall };
}
