/** What goes with a server when it is deleted, and what only comes off it. */
import { removeFromServer } from "./firewall-members.ts";
import { removeImage } from "./images.ts";
import type { ServerRow } from "./model.ts";
import { detachPrimaryIp, removePrimaryIp } from "./primary-ips.ts";
import { detachVolume } from "./volumes.ts";
import type { Project, World } from "./world.ts";

/** The machine is the caller's to destroy. Networks lose the member, backups die, snapshots stay. */
export function removeServer(world: World, project: Project, server: ServerRow): void {
  for (const row of [server.ipv4, server.ipv6]) {
    if (row === null) continue;
    detachPrimaryIp(row);
    if (row.autoDelete) removePrimaryIp(world, project, row);
  }
  for (const [id, entry] of server.firewalls) {
    const firewall = project.firewalls.get(id);
    if (firewall === undefined) continue;
    for (const selector of entry.selectors) removeFromServer(firewall, server, selector);
    removeFromServer(firewall, server);
  }
  for (const net of server.privateNets.values()) {
    for (const ip of [net.ip, ...net.aliasIps]) net.network.addresses.delete(ip);
    net.network.members.delete(server.id);
  }
  server.privateNets.clear();
  for (const id of server.volumes) {
    const volume = project.volumes.get(id);
    if (volume) detachVolume(volume);
  }
  server.placementGroup?.servers.delete(server.id);
  project.servers.remove(server);
  server.removed = true;
  removeBackups(world, project, server);
}

export function removeBackups(world: World, project: Project, server: ServerRow): void {
  for (const image of project.images.all()) {
    if (image.boundTo === server.id) removeImage(world, project, image);
  }
}
