/** Answers and errors of a provider in the engine's protobuf messages. */
import * as grpc from "@grpc/grpc-js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import type { Autonaming } from "./autoname.ts";
import type { DiffResult } from "./diff.ts";
import { initFailure } from "./init-failure.ts";
import { HalfMade, messageOf, NoSuchToken, type CheckResult } from "./plugin.ts";
import { toStruct } from "./values.ts";

type CheckRequest = InstanceType<typeof messages.CheckRequest>;

export function toCheckResponse({ inputs, failures }: CheckResult) {
  return new messages.CheckResponse()
    .setInputs(toStruct(inputs))
    .setFailuresList(failures.map((reason) => new messages.CheckFailure().setReason(reason)));
}

export function toDiffResponse(diff: DiffResult) {
  const { DIFF_SOME, DIFF_NONE } = messages.DiffResponse.DiffChanges;
  const response = new messages.DiffResponse()
    .setChanges(diff.changed.length > 0 ? DIFF_SOME : DIFF_NONE)
    .setDiffsList(diff.changed)
    .setReplacesList(diff.replaces)
    .setStablesList(diff.stables)
    .setDeletebeforereplace(diff.deleteBeforeReplace);
  if (!diff.detailed) return response;
  response.setHasdetaileddiff(true);
  for (const [path, kind] of Object.entries(diff.detailed)) {
    response
      .getDetaileddiffMap()
      .set(path, new messages.PropertyDiff().setKind(messages.PropertyDiff.Kind[kind]));
  }
  return response;
}

/** What the stack's autonaming configuration says about this resource. */
export function autonamingOf(request: CheckRequest): Autonaming | undefined {
  const options = request.getAutonaming();
  if (!options) return undefined;
  const { ENFORCE, DISABLE } = messages.CheckRequest.AutonamingOptions.Mode;
  const mode = options.getMode();
  return {
    mode: mode === ENFORCE ? "enforce" : mode === DISABLE ? "disable" : "propose",
    proposed: options.getProposedName(),
  };
}

export function toServiceError(error: unknown): grpc.ServiceError {
  if (error instanceof HalfMade) return initFailure(error);
  const code = error instanceof NoSuchToken ? grpc.status.UNIMPLEMENTED : grpc.status.UNKNOWN;
  return serviceError(code, messageOf(error));
}

/** What the engine's client says by itself when nobody listens any more. */
export function refusedConnection(port: number): grpc.ServiceError {
  return serviceError(
    grpc.status.UNAVAILABLE,
    `connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:${port}: connect: connection refused"`,
  );
}

function serviceError(code: grpc.status, message: string): grpc.ServiceError {
  return Object.assign(new Error(message), { code, details: message, metadata: new grpc.Metadata() });
}
