/** What the clouds and the machine of `makeInstanceInputs()` would answer to the program. */
import type { Cloud } from "./pulumi-recorder.ts";

const answers: Record<string, Record<string, unknown>> = {
  server: { ipv4Address: "192.0.2.1", ipv6Address: "2001:db8::1" },
  "tls-request": { stdout: "a certificate request" },
  "tls-certificate": { certificate: "a certificate" },
  health: { stdout: "started 2026.9.6\n" },
};

const ids: Record<string, string> = { server: "42", firewall: "77", network: "42-11" };

export const instanceCloud: Cloud = (_type, name) => ({
  id: ids[name] ?? `id-of-${name}`,
  state: answers[name] ?? {},
});
