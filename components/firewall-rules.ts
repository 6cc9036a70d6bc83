/** Who may reach an instance from outside. Everything that no rule names is closed. Pure. */
import type { z } from "zod";
import type { firewallRuleSchema } from "../infra/config.ts";

export type FirewallRule = {
  direction: "in";
  protocol: "tcp" | "udp" | "icmp";
  port?: string;
  sourceIps: string[];
  description: string;
};

export type FirewallPolicy = {
  /** Ranges of Cloudflare's proxies, IPv4 and IPv6: the only ones that reach 443. */
  cloudflareRanges: readonly string[];
  /** Public addresses of the backend with reach `public`; empty with reach `private`, where SSH has no public way. */
  sshSources: readonly string[];
  sshPort: number;
  extra: readonly z.infer<typeof firewallRuleSchema>[];
};

/**
 * Rules of an instance's firewall. Hetzner firewalls do not filter the private network, so the gateway port needs no
 * rule: it is bound to the private address and has none here. Never empty: the provider sends nothing for an emptied list.
 */
export function firewallRules(policy: FirewallPolicy): FirewallRule[] {
  const rules: FirewallRule[] = [
    {
      direction: "in",
      protocol: "tcp",
      port: "443",
      sourceIps: [...policy.cloudflareRanges],
      description: "https from cloudflare",
    },
  ];
  if (policy.sshSources.length > 0) {
    rules.push({
      direction: "in",
      protocol: "tcp",
      port: String(policy.sshPort),
      sourceIps: [...policy.sshSources],
      description: "ssh from the backend",
    });
  }
  for (const rule of policy.extra) {
    rules.push({
      direction: "in",
      protocol: rule.protocol,
      port: rule.port,
      sourceIps: [...rule.sourceIps],
      description: rule.description,
    });
  }
  return rules;
}
