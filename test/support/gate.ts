/** A gate for a test, on a database and before clouds of the test's choice. */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Sql } from "postgres";
import { createGate, type Gate, type GateDeps, type RequestOutcome } from "../../reconciler/gate/gate.ts";
import type { BudgetKey } from "../../reconciler/db/rate-budgets.ts";
import type { CloudName } from "../../reconciler/cloud/http.ts";
import { createTestLog } from "./log.ts";

export type TestGate = {
  gate: Gate;
  healed: BudgetKey[];
  outcomes: RequestOutcome[];
};

export const testMasterKey = "ab".repeat(32);
export const testAccounts = {
  default: { hcloudToken: "h".repeat(64), cloudflareToken: "c".repeat(40) },
};

export async function startTestGate(
  sql: Sql,
  clouds: Partial<Record<CloudName, string>>,
  options: Partial<Pick<GateDeps, "holdMs" | "accounts" | "masterKey">> = {},
): Promise<TestGate> {
  const healed: BudgetKey[] = [];
  const outcomes: RequestOutcome[] = [];
  const gate = await createGate({
    sql,
    log: createTestLog().log,
    random: () => 0.5,
    // Port 9 (discard) takes nothing on any machine that tests run on.
    clouds: { hetzner: "http://127.0.0.1:9/v1", cloudflare: "http://127.0.0.1:9/client/v4", ...clouds },
    accounts: testAccounts,
    masterKey: testMasterKey,
    onHealed: (key) => void healed.push(key),
    onRequest: (_cloud, outcome) => void outcomes.push(outcome),
    ...options,
  });
  return { gate, healed, outcomes };
}

export type TestCloud = { url: string; close(): Promise<void> };

/** A cloud that does what the test says, byte by byte. */
export async function startTestCloud(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  listen: (listener: RequestListener) => ReturnType<typeof createServer> = createServer,
): Promise<TestCloud> {
  const server = listen(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
