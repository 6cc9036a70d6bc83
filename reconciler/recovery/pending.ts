/** Creates that a run began and nobody saw the end of. Pure. */
import type { StackState } from "../../infra/runner-protocol.ts";

export type Pending = {
  creates: string[];
  /** Creates of a type that no cloud can be asked for by name. */
  unknown: string[];
  /** Updates, deletes and the like: a refresh says how they ended. */
  others: string[];
};

/**
 * Every type of our programs: found by name (find-objects.ts), made a second time without harm (an attachment that is there
 * is as good as a new one, a command is idempotent), or without an object in any cloud.
 */
const resolvable =
  /^(hcloud:index\/(server|firewall|network|networkSubnet|sshKey|serverNetwork):|cloudflare:index\/(dnsRecord|originCaCertificate):|command:remote:Command$|pulumi:providers:|clawfleet:)/;

export function sortPending(state: StackState): Pending {
  const sorted: Pending = { creates: [], unknown: [], others: [] };
  for (const { type, resource } of state.pending_operations) {
    if (type !== "creating") sorted.others.push(resource.urn);
    else if (resolvable.test(resource.type)) sorted.creates.push(resource.urn);
    else sorted.unknown.push(resource.urn);
  }
  return sorted;
}
