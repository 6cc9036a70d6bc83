/** A worker's part of signing in: asks the machine for a one-time link and hands it back sealed. */
import type { Logger } from "pino";
import type { Sql } from "postgres";
import { remoteScripts } from "../../cloud-init/files.ts";
import { nodeCommand } from "../../cloud-init/remote-command.ts";
import { instanceOutputsSchema } from "../../infra/outputs.ts";
import { seal, sealContext } from "../../infra/seal.ts";
import { answerSignIn, takeSignIns, type SignInAnswer, type SignInRequest } from "../db/sign-ins.ts";
import { messageOf } from "../errors.ts";
import type { RunOnMachine } from "../health/machine-ssh.ts";
import { locate } from "../health/probe.ts";
import type { Binding } from "../queue/binding.ts";
import { toCustomerLink } from "./link.ts";

export type AnswerDeps = { sql: Sql; log: Logger; masterKey: string; run: RunOnMachine };

/** Whoever asked waits no longer. */
export const signInPatienceMs = 120_000;
/** OpenClaw's own command takes 9 s of a processor. */
const timeoutMs = 110_000;
const signInCommand = nodeCommand(remoteScripts.signIn);

export async function answerSignIns(deps: AnswerDeps, binding: Binding, signal: AbortSignal): Promise<void> {
  const requests = await takeSignIns(deps.sql, { binding, maxAgeMs: signInPatienceMs });
  await Promise.all(
    requests.map(async (request) =>
      answerSignIn(deps.sql, request.request, await answer(deps, request, signal)),
    ),
  );
}

async function answer(deps: AnswerDeps, request: SignInRequest, signal: AbortSignal): Promise<SignInAnswer> {
  try {
    const address = locate(deps.masterKey, request);
    if (!address) return { problem: "there is no machine yet" };
    const said = await deps.run(address, signInCommand, { timeoutMs, signal });
    if (said.kind === "unreachable") return { problem: `its machine lets nobody in: ${said.reason}` };
    if (said.kind === "cut-off") return { problem: `its gateway gave no link: ${said.reason}` };
    if (said.code !== 0) return { problem: `its gateway gave no link: ${said.stderr.trim().slice(0, 200)}` };
    const { url } = instanceOutputsSchema.parse(request.outputs);
    const link = toCustomerLink(said.stdout, new URL(url).host);
    return { link: seal(deps.masterKey, link, sealContext.instance(request.id)) };
  } catch (error) {
    deps.log.error({ err: error, stack: request.slug }, "cannot get a link to sign in");
    return { problem: messageOf(error) };
  }
}
