/** Asking for a one-time link into a customer's control page, from wherever there is no way to their machine. */
import { setTimeout as sleepFor } from "node:timers/promises";
import type { Sql } from "postgres";
import { z } from "zod";
import { open, sealContext } from "../../infra/seal.ts";
import { askSignIn, fetchSignIn, forgetOldSignIns } from "../db/sign-ins.ts";
import { ClawfleetError } from "../errors.ts";
import { signInPatienceMs } from "./answer.ts";

export type AskDeps = {
  sql: Sql;
  masterKey: string;
  /** Resolves after this time; absent: by the clock. */
  sleep?: (ms: number) => Promise<unknown>;
};

const pollMs = 250;

/** Whoever has it is the customer, once and within ten minutes. @throws conflict: with what keeps it from being made */
export async function askForLink(
  { sql, masterKey, sleep = sleepFor }: AskDeps,
  asked: { instanceId: string; slug: string; actor: string },
): Promise<string> {
  await forgetOldSignIns(sql);
  const request = await askSignIn(sql, asked);
  for (let waitedMs = 0; waitedMs < signInPatienceMs; waitedMs += pollMs) {
    const answer = await fetchSignIn(sql, request);
    if (answer?.link)
      return z.string().parse(open(masterKey, answer.link, sealContext.instance(asked.instanceId)));
    if (answer) throw refused(asked.slug, answer.problem ?? "no reason was given");
    await sleep(pollMs);
  }
  throw refused(asked.slug, "no worker of its cell has answered");
}

function refused(slug: string, why: string): ClawfleetError {
  return new ClawfleetError({
    code: "conflict",
    message: `nobody can be signed in to ${slug}: ${why}`,
    remedy: `fleet show ${slug} says how it is; fleet cells names the workers`,
    retry: { kind: "retryable" },
  });
}
