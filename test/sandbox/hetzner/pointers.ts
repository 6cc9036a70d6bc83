/** Reverse DNS of public addresses, asked for through the server or through the primary IP. */
import { z } from "zod";
import type { ResourceRef } from "./action-log.ts";
import { actionAnswer, startAction } from "./actions.ts";
import { hostNameField, readBody } from "./bodies.ts";
import { invalidField } from "./errors.ts";
import { productLimits } from "./limits.ts";
import type { PrimaryIpRow } from "./model.ts";
import type { Answer, Call } from "./world.ts";

const body = z.object({ ip: z.string(), dns_ptr: hostNameField.nullish() });

/** `null` gives an IPv4 address its default name back and takes the name of an IPv6 address away. */
export function changePointer(call: Call, candidates: PrimaryIpRow[], resource: ResourceRef): Answer {
  const { ip, dns_ptr: name } = readBody(call, body);
  const row = candidates.find((candidate) => holds(candidate, ip));
  if (row === undefined) throw invalidField("ip", "is not an address of this resource");
  if (!row.dnsPtr.has(ip) && row.dnsPtr.size >= productLimits.ipv6PointersPerAddress) {
    throw invalidField("ip", "too many reverse DNS entries");
  }
  const action = startAction(call, {
    command: "change_dns_ptr",
    resources: [resource],
    effect: () => {
      if (name === undefined || name === null) row.dnsPtr.delete(ip);
      else row.dnsPtr.set(ip, name);
    },
  });
  return actionAnswer(call, action);
}

function holds(row: PrimaryIpRow, ip: string): boolean {
  if (row.type === "ipv4") return row.ip === ip;
  const prefix = row.ip.replace(/::\/64$/, "");
  return ip === prefix || ip.startsWith(`${prefix}:`);
}
