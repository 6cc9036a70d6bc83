/**
 * Proves which texts lose their secrets before anybody stores or shows them. Cannot prove that every text goes through it;
 * the test that greps a whole run does.
 */
import { describe, expect, it } from "vitest";
import { createRedact, redacted } from "../../reconciler/operations/redact.ts";

const pem = (kind: string, end = "\n") =>
  [`-----BEGIN ${kind}PRIVATE KEY-----`, "b3BlbnNzaC1rZXktdjEAAAAA", `-----END ${kind}PRIVATE KEY-----`].join(
    end,
  );

describe("a value that is known", () => {
  const redact = createRedact(["hcloud-token-1", "hcloud-token-12", "k$&y(.*)+$1", "geheim-ä€😀"]);

  it.each([
    ["token hcloud-token-1 refused", `token ${redacted} refused`],
    ["hcloud-token-1hcloud-token-1", `${redacted}${redacted}`],
    ["the longer hcloud-token-12 whole", `the longer ${redacted} whole`],
    ["a k$&y(.*)+$1 that looks like a pattern", `a ${redacted} that looks like a pattern`],
    ["not ASCII: geheim-ä€😀!", `not ASCII: ${redacted}!`],
    ["over\nlines hcloud-token-1\nand more", `over\nlines ${redacted}\nand more`],
    ["HCLOUD-TOKEN-1 is another", "HCLOUD-TOKEN-1 is another"],
    ["", ""],
  ])("is taken out of %j", (text, clean) => {
    expect(redact(text)).toBe(clean);
  });

  it.each(["", "a", "1234567"])(
    "is left when it is as short as %j, or half of every text would go",
    (short) => {
      expect(createRedact([short])("a1234567 b")).toBe("a1234567 b");
    },
  );

  it("counts from eight letters on", () => {
    expect(createRedact(["12345678"])("x12345678x")).toBe(`x${redacted}x`);
  });
});

describe("a secret that is known by its shape", () => {
  const redact = createRedact([]);

  it.each([
    ["an OpenSSH key", pem("OPENSSH ")],
    ["a key of PKCS 8", pem("")],
    ["an EC key", pem("EC ")],
    ["a key in JSON", pem("OPENSSH ", "\\n")],
    ["a key on one line", pem("RSA ", " ")],
    ["a test key of Stripe", "sk_test_51AbCdEf"],
    ["a live key of Stripe", "sk_live_51AbCdEf"],
    ["a restricted key of Stripe", "rk_live_51AbCdEf"],
    ["a webhook secret of Stripe", "whsec_AbCdEf123"],
    ["a key of Anthropic", "sk-ant-api03-Ab_Cd-Ef"],
  ])("%s is taken out", (_what, secret) => {
    expect(redact(`before ${secret} after`)).toBe(`before ${redacted} after`);
    expect(redact(`{"key":"${secret}"}`)).toBe(`{"key":"${redacted}"}`);
  });

  it.each([
    ["authorization: Bearer abc.DEF-1_2~3+4/5=", `authorization: Bearer ${redacted}`],
    ["postgres://user:pa55:w0rd@db:5432/x", `postgres://user:${redacted}@db:5432/x`],
    ["postgresql://user:p%40ss@db/x and more", `postgresql://user:${redacted}@db/x and more`],
  ])("is taken out of %j, and what is around it stays", (text, clean) => {
    expect(redact(text)).toBe(clean);
  });

  it("is taken out every time that it comes", () => {
    expect(redact(`${pem("")} and ${pem("EC ")}`)).toBe(`${redacted} and ${redacted}`);
    expect(redact("whsec_a whsec_b")).toBe(`${redacted} ${redacted}`);
  });

  it.each([
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
    "pk_live_51AbCdEf",
    "postgres://db:5432/x",
    "postgres://user@db/x",
    "task_test_1 is no key",
    "ssh-ed25519 AAAAC3Nza",
  ])("is not seen in %j", (text) => {
    expect(redact(text)).toBe(text);
  });

  it("is taken out by a redaction that was used before", () => {
    expect([redact("whsec_a"), redact("whsec_a")]).toEqual([redacted, redacted]);
  });
});
