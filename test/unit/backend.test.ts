/** Proves where states are looked for and what seals them, from the environment alone. */
import { describe, expect, test } from "vitest";
import { backendEnvironment, engineConnections } from "../../infra/backend.ts";
import { derivePassphrase } from "../../infra/seal.ts";

describe("backend and passphrase", () => {
  test("follow from database and master key, so that a person and the service mean the same", () => {
    const made = backendEnvironment({
      DATABASE_URL: "postgres://a:b@127.0.0.1:5432/clawfleet",
      CLAWFLEET_MASTER_KEY: "ab".repeat(32),
    });
    expect(made["PULUMI_BACKEND_URL"]).toBe("postgres://a:b@127.0.0.1:5432/clawfleet?sslmode=disable");
    expect(made["PULUMI_CONFIG_PASSPHRASE"]).toBe(derivePassphrase("ab".repeat(32)));
  });

  test("a remote database keeps its TLS, and what is named wins", () => {
    const remote = "postgres://a:b@db.example.com:5432/clawfleet";
    const bounds = { GOMAXPROCS: "1", PGAPPNAME: "clawfleet-engine" };
    expect(backendEnvironment({ DATABASE_URL: remote })).toEqual({ PULUMI_BACKEND_URL: remote, ...bounds });
    const named = { PULUMI_BACKEND_URL: "file://x", PULUMI_CONFIG_PASSPHRASE: "p" };
    expect(
      backendEnvironment({ ...named, DATABASE_URL: remote, CLAWFLEET_MASTER_KEY: "ab".repeat(32) }),
    ).toEqual({ ...named, ...bounds });
    expect(backendEnvironment({})).toEqual(bounds);
  });

  test("the engine's connections are bounded by its processors, unless somebody says otherwise", () => {
    expect(backendEnvironment({})["GOMAXPROCS"]).toBe(String(engineConnections / 2));
    const named = { GOMAXPROCS: "4", PGAPPNAME: "mine" };
    expect(backendEnvironment(named)).toEqual(named);
  });
});
