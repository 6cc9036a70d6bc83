/** Proves who is let in. That Hetzner enforces it is Hetzner's. */
import { describe, expect, test } from "vitest";
import { firewallRules } from "../../components/firewall-rules.ts";

const policy = { cloudflareRanges: ["198.51.100.0/24"], sshSources: [], sshPort: 22, extra: [] };

describe("firewall", () => {
  test("is closed but for 443 from Cloudflare", () => {
    expect(firewallRules(policy)).toEqual([
      {
        direction: "in",
        protocol: "tcp",
        port: "443",
        sourceIps: ["198.51.100.0/24"],
        description: "https from cloudflare",
      },
    ]);
  });

  test("opens SSH to the backend's public addresses only when it comes that way", () => {
    const rules = firewallRules({ ...policy, sshSources: ["203.0.113.7/32"], sshPort: 2222 });
    expect(rules.find(({ port }) => port === "2222")?.sourceIps).toEqual(["203.0.113.7/32"]);
    expect(firewallRules(policy).some(({ description }) => description.includes("ssh"))).toBe(false);
  });

  test("never opens the gateway's port, and adds what an override asks for", () => {
    const extra = [
      { description: "game", protocol: "udp" as const, port: "5000-5010", sourceIps: ["192.0.2.0/24"] },
    ];
    const rules = firewallRules({ ...policy, extra });
    expect(rules.map(({ port }) => port)).toEqual(["443", "5000-5010"]);
  });
});
