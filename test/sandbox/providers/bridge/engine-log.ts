/** Lines that a provider shows under its resource while it works. */
import * as grpc from "@grpc/grpc-js";
import services from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/engine_pb.js";
import type { Severity } from "./plugin.ts";

export type EngineLog = {
  /** An ephemeral line is replaced by the next one. */
  say(severity: Severity, urn: string, message: string, options?: { ephemeral: boolean }): void;
  close(): void;
};

export function connectEngineLog(address: string): EngineLog {
  const client = new services.EngineClient(address, grpc.credentials.createInsecure());
  const severities = {
    info: messages.LogSeverity.INFO,
    warning: messages.LogSeverity.WARNING,
    error: messages.LogSeverity.ERROR,
  };
  return {
    say(severity, urn, message, options) {
      const request = new messages.LogRequest()
        .setSeverity(severities[severity])
        .setUrn(urn)
        .setMessage(message)
        .setEphemeral(options?.ephemeral ?? false);
      client.log(request, () => undefined);
    },
    close: () => client.close(),
  };
}
