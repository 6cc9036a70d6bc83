/**
 * Proves what a reader of an instance's page is told, and when: lines as they are written, from where a lost connection broke off,
 * nothing of whoever had the name before, and an end when the session ends. Without a browser.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { insertEvents, insertOperation, notifyOperation } from "../../reconciler/operations/rows.ts";
import { startAdminApp, type AdminApp } from "../support/admin-app.ts";
import { makeKey, openConsole } from "../support/console.ts";

let api: AdminApp;
let key: string;
let instanceId: string;
beforeAll(async () => {
  api = await startAdminApp();
  key = await makeKey(api, "anna", ["read"]);
  const { body } = await api.request("POST", "/api/v1/instances", { body: { slug: "ada", plan: "starter" } });
  instanceId = (body as { instance: { id: string } }).instance.id;
});
afterAll(() => api?.close());

type Said = { event: string; id: string | undefined; data: string };

async function* follow(cookie: string, headers: Record<string, string> = {}): AsyncGenerator<Said> {
  const answer = await api.app.request("/console/instances/ada/events", {
    headers: { cookie, accept: "text/event-stream", ...headers },
  });
  expect([answer.status, answer.headers.get("x-accel-buffering")]).toEqual([200, "no"]);
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of answer.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    const parts = text.split("\n\n");
    text = parts.pop() ?? "";
    for (const part of parts) {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(part)?.[1];
      yield { event: field("event") ?? "", id: field("id"), data: field("data") ?? "" };
    }
  }
}

/** The next one of this kind. */
async function next(said: AsyncGenerator<Said>, event: string): Promise<Said> {
  for (;;) {
    const { value, done } = await said.next();
    if (done) throw new Error(`it ended before ${event}`);
    if (value.event === event) return value;
  }
}

async function operate(owner: string | null = instanceId): Promise<(...messages: string[]) => Promise<void>> {
  const { sql } = api.database;
  const what = { stack: "ada", instanceId: owner, kind: "up", reason: "operator", actor: "anna" } as const;
  const id = await insertOperation(sql, { ...what, generation: 1, worker: "test", now: new Date() });
  let seq = 0;
  return async (...messages) => {
    const events = messages.map(
      (message) => ({ kind: "stage", message, data: {}, seq: seq++, at: new Date() }) as const,
    );
    await insertEvents(sql, id, events);
    await notifyOperation(sql, "ada");
  };
}

test("lines come as they are written, and after a broken connection from where it broke", async () => {
  const { cookie } = await openConsole(api, key);
  const stranger = await operate(null);
  const say = await operate();
  await stranger("of somebody else");
  await say("one", "two");
  const said = follow(cookie);
  expect(JSON.parse((await next(said, "line")).data)).toMatchObject({ message: "one", kind: "stage" });
  const two = await next(said, "line");
  await say("three");
  expect(JSON.parse((await next(said, "line")).data)).toMatchObject({ message: "three" });
  await said.return(undefined);
  const again = follow(cookie, { "last-event-id": two.id ?? "" });
  expect(JSON.parse((await next(again, "line")).data)).toMatchObject({ message: "three" });
  const more = await operate();
  await more("of the next operation");
  expect(JSON.parse((await next(again, "line")).data)).toMatchObject({ message: "of the next operation" });
  await again.return(undefined);
});

test("whatever the page shows otherwise is said, with the status that it has now", async () => {
  const { cookie } = await openConsole(api, key);
  const said = follow(cookie);
  await next(said, "beat");
  await api.database
    .sql`update clawfleet.instances set status = 'parked', status_detail = 'so it is' where id = ${instanceId}`;
  expect((await next(said, "changed")).data).toBe("parked");
  await said.return(undefined);
});

test("it ends with the session", async () => {
  const visitor = await openConsole(api, key);
  const said = follow(visitor.cookie);
  await next(said, "beat");
  await visitor.submit("/console/sign-out");
  await next(said, "ended");
  expect((await said.next()).done).toBe(true);
});
