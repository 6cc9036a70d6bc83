/** The language host as a process: prints its port, as the engine expects of a plugin, and ends with the engine. */
import * as grpc from "@grpc/grpc-js";
import services from "@pulumi/pulumi/proto/language_grpc_pb.js";
import { createLanguageRuntime } from "./language-runtime.ts";

/** How long the host may outlive an engine that was killed, ms. */
const ORPHAN_CHECK_MS = 1000;

const engineAddress = process.argv.slice(2).findLast((argument) => !argument.startsWith("-")) ?? "";
const runtime = createLanguageRuntime({ engineAddress, environment: process.env });

const server = new grpc.Server({ "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 });
server.addService(services.LanguageRuntimeService, runtime.handlers);
server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.stdout.write(`${port}\n`);
});

function end(): void {
  runtime.stop();
  process.exit(0);
}

const engineProcess = process.ppid;
setInterval(() => {
  if (process.ppid !== engineProcess) end();
}, ORPHAN_CHECK_MS);
process.once("SIGTERM", end);
// How the engine closes a plugin, together with the plugin's children; it kills what is still there after 5 s.
process.once("SIGINT", () => void runtime.idle().then(end));
