/**
 * Proves who is let in: Cloudflare to 443, the backend to SSH where it comes from outside, and what a person added. Cannot
 * prove that Hetzner filters so; the private network is not filtered by it at all.
 */
import { describe, expect, it } from "vitest";
import { firewallRules, type FirewallPolicy } from "../../components/firewall-rules.ts";

const cloudflareRanges = ["173.245.48.0/20", "2400:cb00::/32"];
const closed: FirewallPolicy = { cloudflareRanges, sshSources: [], sshPort: 22, extra: [] };
const https = {
  direction: "in",
  protocol: "tcp",
  port: "443",
  sourceIps: cloudflareRanges,
  description: "https from cloudflare",
};
const ssh = {
  direction: "in",
  protocol: "tcp",
  port: "22",
  sourceIps: ["198.51.100.1/32"],
  description: "ssh from the backend",
};
const extra = {
  description: "game",
  protocol: "udp" as const,
  port: "5000-5010",
  sourceIps: ["192.0.2.0/24"],
};

describe("firewallRules", () => {
  it.each<[string, Partial<FirewallPolicy>, object[]]>([
    ["only Cloudflare comes in when the backend is inside", {}, [https]],
    ["the backend comes in by SSH when it is outside", { sshSources: ["198.51.100.1/32"] }, [https, ssh]],
    [
      "SSH is opened where it listens",
      { sshSources: ["198.51.100.1/32"], sshPort: 2222 },
      [https, { ...ssh, port: "2222" }],
    ],
    ["a person's rule stands behind ours", { extra: [extra] }, [https, { direction: "in", ...extra }]],
    [
      "everything together keeps one order",
      { sshSources: ["198.51.100.1/32"], extra: [extra, { ...extra, port: "9" }] },
      [https, ssh, { direction: "in", ...extra }, { direction: "in", ...extra, port: "9" }],
    ],
  ])("%s", (_what, change, rules) => {
    expect(firewallRules({ ...closed, ...change })).toEqual(rules);
  });

  it("is never empty, since the provider sends nothing for an emptied list", () => {
    expect(firewallRules({ ...closed, cloudflareRanges: [] })).not.toEqual([]);
  });

  it("opens neither the gateway's port nor anything to the whole world by itself", () => {
    const rules = firewallRules({ ...closed, sshSources: ["198.51.100.1/32"] });
    expect(rules.map((rule) => rule.port)).toEqual(["443", "22"]);
    for (const source of rules.flatMap((rule) => rule.sourceIps))
      expect(["0.0.0.0/0", "::/0"]).not.toContain(source);
  });

  it("shares no list with its policy, so that a later change of one is none of the other", () => {
    const lists = [["173.245.48.0/20"], ["198.51.100.1/32"], ["192.0.2.0/24"]] as const;
    const [cloudflare, backend, added] = lists.map((list) => [...list]);
    const policy: FirewallPolicy = {
      cloudflareRanges: cloudflare ?? [],
      sshSources: backend ?? [],
      sshPort: 22,
      extra: [{ ...extra, sourceIps: added ?? [] }],
    };
    for (const rule of firewallRules(policy)) rule.sourceIps.push("0.0.0.0/0");
    expect([cloudflare, backend, added]).toEqual(lists);
  });
});
