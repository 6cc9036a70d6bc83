/** Rules of a firewall: what the API takes and how it shows it. */
import { z } from "zod";
import { isRuleAddress } from "./addresses.ts";
import { limitExceeded } from "./errors.ts";
import { productLimits } from "./limits.ts";
import type { FirewallRow, FirewallRule, ServerRow } from "./model.ts";
import type { Project } from "./world.ts";

const PORT = /^(\d{1,5})(?:-(\d{1,5}))?$/;
const protocolsWithPort = ["tcp", "udp"];

function isPortRange(text: string): boolean {
  const match = PORT.exec(text);
  if (!match) return false;
  const [from, to] = [Number(match[1]), Number(match[2] ?? match[1])];
  return from >= 1 && to <= 65_535 && from <= to;
}

const addressList = z
  .array(z.string().refine(isRuleAddress, "is not the start of the cidr block"))
  .max(productLimits.addressesPerRule, "has too many addresses")
  .optional();

const ruleField = z
  .object({
    description: z.string().max(255, "is too long").nullish(),
    direction: z.enum(["in", "out"]),
    source_ips: addressList,
    destination_ips: addressList,
    protocol: z.enum(["tcp", "udp", "icmp", "esp", "gre"]),
    port: z.string().nullish(),
  })
  .superRefine((rule, context) => {
    const problem = (field: string, message: string): void =>
      context.addIssue({ code: "custom", path: [field], message });
    const withPort = protocolsWithPort.includes(rule.protocol);
    const port = rule.port ?? undefined;
    if (withPort && port === undefined) problem("port", "is required for this protocol");
    if (withPort && port !== undefined && !isPortRange(port))
      problem("port", "is not a port or a range of ports");
    if (!withPort && port !== undefined) problem("port", "is not allowed for this protocol");
    const wanted = rule.direction === "in" ? "source_ips" : "destination_ips";
    if ((rule[wanted] ?? []).length === 0) problem(wanted, "is required for this direction");
  });

export const rulesField = z.array(ruleField).max(productLimits.rulesPerFirewall, "has too many rules");

export function toRules(rules: z.infer<typeof rulesField>): FirewallRule[] {
  return rules.map((rule) => ({
    description: rule.description ?? null,
    direction: rule.direction,
    source_ips: rule.source_ips ?? [],
    destination_ips: rule.destination_ips ?? [],
    protocol: rule.protocol,
    port: rule.port ?? null,
  }));
}

/** One rule with three networks is three effective rules. */
function countEffective(rules: FirewallRule[]): number {
  return rules.reduce(
    (sum, rule) => sum + Math.max(1, rule.source_ips.length, rule.destination_ips.length),
    0,
  );
}

/** 403 when the server would have more than 500 effective rules with `firewall` holding `rules`. */
export function requireEffectiveRoom(
  project: Project,
  server: ServerRow,
  firewall: FirewallRow,
  rules: FirewallRule[],
): void {
  let sum = countEffective(rules);
  for (const id of server.firewalls.keys()) {
    if (id !== firewall.id) sum += countEffective(project.firewalls.get(id)?.rules ?? []);
  }
  if (sum > productLimits.effectiveRulesPerServer) {
    throw limitExceeded("effective rules limit exceeded", "firewall_effective_rules_limit");
  }
}
