/**
 * Proves on real rows who asks a machine for a one-time link, that it is handed over sealed and once, and that every other end is
 * an answer too. What the machine prints is given; opening a link is the lab's part.
 */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { askSignIn, fetchSignIn } from "../../reconciler/db/sign-ins.ts";
import type { MachineAnswer } from "../../reconciler/health/machine-ssh.ts";
import type { Binding } from "../../reconciler/queue/binding.ts";
import { answerSignIns } from "../../reconciler/sign-in/answer.ts";
import { askForLink } from "../../reconciler/sign-in/ask.ts";
import { startWard, unreachable, type Ward } from "../support/ward.ts";

const token = "x".repeat(43);
const browserUrl = `http://127.0.0.1:18789/#bootstrapToken=${token}&gatewayUrl=ws%3A%2F%2F127.0.0.1%3A18789`;
const printed: MachineAnswer = { kind: "ran", code: 0, stdout: JSON.stringify({ browserUrl }), stderr: "" };
const all: Binding = { kind: "all" };

let ward: Ward;
let instanceId: string;
let asked: string[];
beforeAll(async () => {
  ward = await startWard();
});
beforeEach(async () => {
  await ward.clear();
  asked = [];
  const { sql } = ward.side.apply;
  await sql`truncate clawfleet.sign_ins`;
  const [row] = await sql<{ id: string }[]>`select id from clawfleet.instances where slug = 'bob'`;
  instanceId = row?.id ?? "";
});
afterAll(() => ward.close());

async function answer(machine: MachineAnswer, binding: Binding = all): Promise<void> {
  const { sql, log, masterKey } = ward.side.apply;
  const run = async ({ host }: { host: string }) => {
    asked.push(host);
    return machine;
  };
  await answerSignIns({ sql, log, masterKey, run }, binding, new AbortController().signal);
}

/** As the page does it: waits, and a worker answers meanwhile. */
function signIn(machine: MachineAnswer): Promise<string> {
  const { sql, masterKey } = ward.side.apply;
  const who = { instanceId, slug: "bob", actor: "test" };
  return askForLink({ sql, masterKey, sleep: () => answer(machine) }, who);
}

test("a link under the customer's own name, sealed in its row, and gone once it was fetched", async () => {
  const { sql } = ward.side.apply;
  const request = await askSignIn(sql, { instanceId, actor: "test" });
  await answer(printed);
  const [row] = await sql<{ link: Uint8Array }[]>`select link from clawfleet.sign_ins`;
  expect(Buffer.from(row?.link ?? []).toString("latin1")).not.toContain(token);
  expect((await fetchSignIn(sql, request))?.link).toBeTruthy();
  expect(await fetchSignIn(sql, request)).toBeUndefined();

  const link = await signIn(printed);
  expect(link).toMatch(/^https:\/\/anna\.claws\.example\/#/);
  expect(link).toContain(token);
});

test("a request is answered by one worker, and by none of other cells", async () => {
  await askSignIn(ward.side.apply.sql, { instanceId, actor: "test" });
  await answer(printed, { kind: "cells", cells: ["elsewhere"] });
  expect(asked).toEqual([]);
  await Promise.all([answer(printed), answer(printed), answer(printed)]);
  expect(asked).toHaveLength(1);
});

test("nobody is asked for those who wait no longer", async () => {
  const { sql } = ward.side.apply;
  await askSignIn(sql, { instanceId, actor: "test" });
  await sql`update clawfleet.sign_ins set asked_at = now() - interval '3 minutes'`;
  await answer(printed);
  expect(asked).toEqual([]);
});

test.each<[string, MachineAnswer, RegExp]>([
  ["lets nobody in", unreachable, /lets nobody in: ETIMEDOUT/],
  ["was cut off", { kind: "cut-off", reason: "no end within 110 s" }, /gave no link: no end within 110 s/],
  ["refuses", { kind: "ran", code: 1, stdout: "", stderr: "no gateway\n" }, /gave no link: no gateway/],
  [
    "prints something else",
    { kind: "ran", code: 0, stdout: `secret ${token}`, stderr: "" },
    /printed no browserUrl$/,
  ],
])("a machine that %s: whoever asked hears why, and no token", async (_what, machine, why) => {
  const refusal = await signIn(machine).catch((error: unknown) => error);
  expect(refusal).toMatchObject({ code: "conflict", message: expect.stringMatching(why) });
  expect(String(refusal)).not.toContain(token);
});
