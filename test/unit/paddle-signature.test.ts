/**
 * Proves by table which signatures are taken for Paddle's, with a hash that was computed apart from our code. Cannot prove
 * that Paddle signs so.
 */
import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { findSignatureProblem, toleranceSeconds } from "../../reconciler/billing/paddle-signature.ts";

const now = new Date("2026-11-20T12:00:00Z");
const seconds = now.getTime() / 1000;
const rawBody = '{"event_id":"evt_1","text":"Grüße"}';
const secrets = ["pdl_ntfset_old", "pdl_ntfset_new"];

const h1 = (secret = "pdl_ntfset_new", ts: number | string = seconds, body = rawBody) =>
  createHmac("sha256", secret).update(`${ts}:${body}`).digest("hex");
const header = (ts = seconds, ...hashes: string[]) =>
  [`ts=${ts}`, ...hashes.map((hash) => `h1=${hash}`)].join(";");
const problemOf = (text: string | null, change: object = {}) =>
  findSignatureProblem({ header: text, rawBody, secrets, now, ...change });

it("takes the hash that another tool made of a known message", () => {
  // printf '1:{}' | openssl dgst -sha256 -hmac secret
  const known = "24b3563d1c10654ea38e2d983adf97d9c40f6103e9cf9041c116f0d1f8676eb4";
  const input = { header: `ts=1;h1=${known}`, rawBody: "{}", secrets: ["secret"], now: new Date(1000) };
  expect(findSignatureProblem(input)).toBeUndefined();
});

describe("a signature is good", () => {
  it.each<[string, string]>([
    ["by the new secret", header(seconds, h1())],
    ["by the old one, while they are rotated", header(seconds, h1("pdl_ntfset_old"))],
    ["as the first of two", header(seconds, h1(), h1("somebody's"))],
    ["as the last of two", header(seconds, h1("somebody's"), h1())],
    ["as the second of three", header(seconds, h1("a"), h1("pdl_ntfset_old"), h1("b"))],
    ["in capital hex", header(seconds, h1().toUpperCase())],
    ["with spaces after the semicolons", header(seconds, h1()).replace(";", "; ")],
    ["with the hash before the time", `h1=${h1()};ts=${seconds}`],
    ["beside a version that we do not know", `${header(seconds, h1())};h2=later`],
    ["at the end of the tolerance", header(seconds - toleranceSeconds, h1(undefined, seconds - 300))],
    ["of a clock a little ahead", header(seconds + 200, h1(undefined, seconds + 200))],
  ])("%s", (_what, text) => {
    expect(problemOf(text)).toBeUndefined();
  });
});

describe("a signature is refused", () => {
  it.each<[string, string | null, RegExp]>([
    ["absent", null, /no Paddle-Signature/],
    ["empty", "", /no Paddle-Signature/],
    ["of another secret", header(seconds, h1("pdl_ntfset_other")), /matches/],
    ["of another body", header(seconds, h1(undefined, undefined, `${rawBody} `)), /matches/],
    ["of another time than it says", header(seconds, h1(undefined, seconds - 1)), /matches/],
    ["too old by a second", header(seconds - 301, h1(undefined, seconds - 301)), /tolerance/],
    ["from too far ahead", header(seconds + 301, h1(undefined, seconds + 301)), /tolerance/],
    ["without a time", `h1=${h1()}`, /form/],
    ["with two times", `ts=${seconds};ts=${seconds - 9999};h1=${h1()}`, /form/],
    ["with a time that is none", `ts=now;h1=${h1("pdl_ntfset_new", "now")}`, /form/],
    ["with a negative time", `ts=-1;h1=${h1("pdl_ntfset_new", "-1")}`, /form/],
    ["without a hash", `ts=${seconds}`, /form/],
    ["with a short hash", `ts=${seconds};h1=abcd`, /form/],
    ["with a hash that is none", `ts=${seconds};h1=${"z".repeat(64)}`, /form/],
    ["with an empty hash beside a good one", `ts=${seconds};h1=;h1=${h1()}`, /form/],
    ["of Stripe's form", `t=${seconds},v1=${h1()}`, /form/],
  ])("%s", (_what, text, reason) => {
    expect(problemOf(text)).toMatch(reason);
  });

  it("when there is no secret at all", () => {
    expect(problemOf(header(seconds, h1()), { secrets: [] })).toMatch(/matches/);
  });

  it("without repeating any part of it", () => {
    const given = header(seconds, h1("pdl_ntfset_other"));
    expect(problemOf(given)).not.toContain(h1("pdl_ntfset_other").slice(0, 8));
  });
});
