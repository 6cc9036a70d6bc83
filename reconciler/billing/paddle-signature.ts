/** Whether a webhook was signed by Paddle. Pure: the clock is given. */
import { createHmac, timingSafeEqual } from "node:crypto";

/** Difference to our own clock, either way, up to which a signed event is taken; a retry is signed anew. */
export const toleranceSeconds = 300;

export type SignatureInput = {
  /** `Paddle-Signature: ts=<unix seconds>;h1=<hex>`, with several h1 while a secret is rotated. */
  header: string | null;
  rawBody: string;
  /** Several while one is being rotated: any of them with any h1 will do. */
  secrets: readonly string[];
  now: Date;
};

/** What is wrong with the signature, without any part of it; undefined when it is good. */
export function findSignatureProblem({ header, rawBody, secrets, now }: SignatureInput): string | undefined {
  if (header === null || header === "") return "there is no Paddle-Signature header";
  const parsed = parseHeader(header);
  if (!parsed) return "the Paddle-Signature header is not of the form ts=..;h1=..";
  if (Math.abs(now.getTime() / 1000 - parsed.seconds) > toleranceSeconds)
    return "its timestamp is outside of the tolerance";
  const signed = secrets.map((secret) =>
    createHmac("sha256", secret).update(`${parsed.timestamp}:${rawBody}`).digest(),
  );
  const matches = parsed.signatures.some((given) => signed.some((ours) => timingSafeEqual(ours, given)));
  return matches ? undefined : "no signature matches a secret of ours";
}

type Parsed = { timestamp: string; seconds: number; signatures: Buffer[] };

/** A second timestamp, or anything that is no hash where one must be, makes the whole header worthless. */
function parseHeader(header: string): Parsed | undefined {
  const parts = header.split(";").map((part) => part.trim().split("="));
  const valuesOf = (name: string) => parts.filter(([key]) => key === name).map(([, value = ""]) => value);
  const [timestamp, ...more] = valuesOf("ts");
  const hashes = valuesOf("h1");
  const whole = parts.every((part) => part.length === 2);
  if (!whole || timestamp === undefined || more.length > 0 || hashes.length === 0) return undefined;
  if (!/^\d{1,12}$/.test(timestamp) || !hashes.every((hash) => /^[0-9a-f]{64}$/i.test(hash)))
    return undefined;
  const signatures = hashes.map((hash) => Buffer.from(hash, "hex"));
  return { timestamp, seconds: Number(timestamp), signatures };
}
