/** Proves that OpenClaw's one-time link leads to the customer's name, and what is no such link is refused. Opening it is the lab's part. */
import { describe, expect, test } from "vitest";
import { toCustomerLink } from "../../reconciler/sign-in/link.ts";

const token = "x".repeat(43);
const browserUrl = `http://127.0.0.1:18789/#bootstrapToken=${token}&bootstrapProfile=owner&gatewayUrl=ws%3A%2F%2F127.0.0.1%3A18789`;

test("page and socket are at the customer's name, by TLS; token and profile stay", () => {
  const link = new URL(toCustomerLink(JSON.stringify({ browserUrl, port: 18_789 }), "ada.claws.example"));
  expect(link.origin).toBe("https://ada.claws.example");
  expect(Object.fromEntries(new URLSearchParams(link.hash.slice(1)))).toEqual({
    bootstrapToken: token,
    bootstrapProfile: "owner",
    gatewayUrl: "wss://ada.claws.example",
  });
});

describe("no link", () => {
  test.each([
    ["nothing", ""],
    ["words", "Gateway is not running"],
    ["another document", "{}"],
    ["a page without a token", JSON.stringify({ browserUrl: "http://127.0.0.1:18789/" })],
  ])("%s", (_what, printed) => {
    expect(() => toCustomerLink(printed, "ada.claws.example")).toThrow(/^openclaw dashboard/);
  });
});
