/** Proves how the command line sends a request again, and that it never does a thing twice by that. Not that the server holds to its half. */
import { describe, expect, test } from "vitest";
import { createPatientFetch } from "../../reconciler/cli/requests.ts";

type Answer = number | "no answer" | { status: number; after: string };

function createServer(answers: Answer[]) {
  const keys: (string | null)[] = [];
  const waits: number[] = [];
  let made = 0;
  const fetchOnce = (_input: unknown, init?: RequestInit): Promise<Response> => {
    keys.push(new Headers(init?.headers).get("idempotency-key"));
    const answer = answers[keys.length - 1] ?? 200;
    if (answer === "no answer") return Promise.reject(new TypeError("fetch failed"));
    if (typeof answer === "number") return Promise.resolve(new Response("{}", { status: answer }));
    return Promise.resolve(
      new Response("{}", { status: answer.status, headers: { "retry-after": answer.after } }),
    );
  };
  const send = createPatientFetch({
    fetch: fetchOnce,
    sleep: (ms) => Promise.resolve(void waits.push(ms)),
    newKey: () => `key-${(made += 1)}`,
  });
  return { send, keys, waits };
}

describe("a request", () => {
  test.each<[what: string, answers: Answer[], status: number, sent: number]>([
    ["that is answered is sent once", [200], 200, 1],
    ["that is refused is sent once", [409], 409, 1],
    ["that failed for good is sent once", [500], 500, 1],
    ["that nobody answered is sent again", ["no answer", "no answer", 201], 201, 3],
    ["is sent again while the service restarts", [503, 502, 200], 200, 3],
    ["gives up after three", [503, 503, 503, 200], 503, 3],
  ])("%s", async (_what, answers, status, sent) => {
    const { send, keys } = createServer(answers);
    expect((await send("http://fleet.example", { method: "POST" })).status).toBe(status);
    expect(keys).toEqual(Array.from({ length: sent }, () => "key-1"));
  });

  test("that only looks needs no key, the next order has another one", async () => {
    const { send, keys } = createServer([]);
    await send("http://fleet.example");
    await send("http://fleet.example", { method: "PUT" });
    await send("http://fleet.example", { method: "DELETE" });
    expect(keys).toEqual([null, "key-1", "key-2"]);
  });

  test("waits for as long as it is told, within reason", async () => {
    const told = createServer([
      { status: 429, after: "7" },
      { status: 429, after: "100000" },
    ]);
    await told.send("http://fleet.example");
    expect(told.waits).toEqual([7000, 60_000]);
    const untold = createServer(["no answer", { status: 503, after: "soon" }]);
    await untold.send("http://fleet.example");
    expect(untold.waits).toEqual([500, 1000]);
  });

  test("that nobody ever answers fails as it did", async () => {
    const { send } = createServer(["no answer", "no answer", "no answer"]);
    await expect(send("http://fleet.example", { method: "POST" })).rejects.toThrow("fetch failed");
  });
});
