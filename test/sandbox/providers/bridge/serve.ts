/** One provider as a gRPC server that the engine attaches to (PULUMI_DEBUG_PROVIDERS). */
import * as grpc from "@grpc/grpc-js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import plugins from "@pulumi/pulumi/proto/plugin_pb.js";
import services from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import {
  autonamingOf,
  refusedConnection,
  toCheckResponse,
  toDiffResponse,
  toServiceError,
} from "./answers.ts";
import { readEngineEnvironment, type EngineEnvironment } from "./engine-environment.ts";
import { connectEngineLog, type EngineLog } from "./engine-log.ts";
import { startFront, type Front } from "./front.ts";
import { ProcessDeath, type Plugin, type PluginRun } from "./plugin.ts";
import { fromStruct, toStruct } from "./values.ts";

export type ServedProvider = { name: string; port: number; close(): Promise<void> };

/** One engine run as this server sees it: its connection. */
type Run = {
  plugin: PluginRun | undefined;
  log: EngineLog | undefined;
  environment: EngineEnvironment;
  end: AbortController;
};

/** Of `getPeer()`: the port that the front used for this engine's connection. */
const portOf = (peer: string): number => Number(peer.slice(peer.lastIndexOf(":") + 1));

/** Listens on 127.0.0.1:`at` (0: a free port). Every engine run has a connection, configuration and death of its own. */
export async function serveProvider(plugin: Plugin, at = 0): Promise<ServedProvider> {
  const runs = new Map<number, Run>();
  const server = new grpc.Server({
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
  });
  const behind: { front?: Front } = {};

  const runOf = (port: number): Run => {
    const known = runs.get(port);
    if (known) return known;
    const fresh: Run = { plugin: undefined, log: undefined, environment: {}, end: new AbortController() };
    runs.set(port, fresh);
    return fresh;
  };

  /** Answers with what `work` returns. A plugin that dies cuts this run's connection instead. */
  function unary<Request, Response>(
    work: (request: Request, run: Run) => Promise<Response> | Response,
  ): grpc.handleUnaryCall<Request, Response> {
    return (call, callback) => {
      const port = portOf(call.getPeer());
      void (async () => work(call.request, runOf(port)))().then(
        (response) => callback(null, response),
        (error: unknown) => {
          if (error instanceof ProcessDeath) behind.front?.cut(port);
          else if (error instanceof NotConfigured) callback(refusedConnection(behind.front?.port ?? 0));
          else callback(toServiceError(error));
        },
      );
    };
  }

  /** The same for what needs a configured plugin. */
  function step<Request, Response>(
    work: (request: Request, plugin: PluginRun) => Promise<Response> | Response,
  ): grpc.handleUnaryCall<Request, Response> {
    return unary((request: Request, run) => {
      if (!run.plugin) throw new NotConfigured();
      return work(request, run.plugin);
    });
  }

  server.addService(services.ResourceProviderService, {
    getPluginInfo: unary(() => new plugins.PluginInfo().setVersion(plugin.version)),
    attach: unary(async (request: InstanceType<typeof plugins.PluginAttach>, run) => {
      run.log = connectEngineLog(request.getAddress());
      run.environment = await readEngineEnvironment(request.getAddress());
      return new empty.Empty();
    }),
    getSchema: unary(() =>
      new messages.GetSchemaResponse().setSchema(
        JSON.stringify({ name: plugin.name, version: plugin.version }),
      ),
    ),
    cancel: unary((_request: unknown, run) => {
      run.end.abort();
      return new empty.Empty();
    }),
    checkConfig: unary((request: InstanceType<typeof messages.CheckRequest>) =>
      toCheckResponse(plugin.checkConfig(fromStruct(request.getNews()))),
    ),
    diffConfig: unary(() =>
      new messages.DiffResponse().setChanges(messages.DiffResponse.DiffChanges.DIFF_NONE),
    ),
    configure: unary((request: InstanceType<typeof messages.ConfigureRequest>, run) => {
      run.plugin = plugin.open(fromStruct(request.getArgs()), {
        signal: run.end.signal,
        environment: run.environment,
        log: (severity, urn, message) => run.log?.say(severity, urn, message),
        status: (urn, message) => run.log?.say("info", urn, message, { ephemeral: true }),
      });
      return new messages.ConfigureResponse()
        .setSupportspreview(true)
        .setAcceptsecrets(plugin.acceptsSecrets)
        .setSupportsAutonamingConfiguration(plugin.supportsAutonaming);
    }),

    check: step((request: InstanceType<typeof messages.CheckRequest>, { check }) =>
      toCheckResponse(
        check({
          urn: request.getUrn(),
          news: fromStruct(request.getNews()),
          olds: fromStruct(request.getOlds()),
          naming: { seed: request.getRandomseed_asU8(), autonaming: autonamingOf(request) },
        }),
      ),
    ),
    diff: step((request: InstanceType<typeof messages.DiffRequest>, { diff }) =>
      toDiffResponse(
        diff({
          urn: request.getUrn(),
          olds: fromStruct(request.getOlds()),
          news: fromStruct(request.getNews()),
          ignoreChanges: request.getIgnorechangesList(),
        }),
      ),
    ),
    create: step(async (request: InstanceType<typeof messages.CreateRequest>, { create }) => {
      const { id, state } = await create({
        urn: request.getUrn(),
        inputs: fromStruct(request.getProperties()),
        preview: request.getPreview(),
      });
      return new messages.CreateResponse().setId(id).setProperties(toStruct(state));
    }),
    read: step(async (request: InstanceType<typeof messages.ReadRequest>, { read }) => {
      const found = await read({
        urn: request.getUrn(),
        id: request.getId(),
        state: fromStruct(request.getProperties()),
        inputs: fromStruct(request.getInputs()),
      });
      const response = new messages.ReadResponse();
      if (!found) return response;
      return response.setId(found.id).setProperties(toStruct(found.state)).setInputs(toStruct(found.inputs));
    }),
    update: step(async (request: InstanceType<typeof messages.UpdateRequest>, { update }) => {
      const state = await update({
        urn: request.getUrn(),
        id: request.getId(),
        olds: fromStruct(request.getOlds()),
        news: fromStruct(request.getNews()),
        ignoreChanges: request.getIgnorechangesList(),
        preview: request.getPreview(),
      });
      return new messages.UpdateResponse().setProperties(toStruct(state));
    }),
    delete: step(async (request: InstanceType<typeof messages.DeleteRequest>, run) => {
      const state = fromStruct(request.getProperties());
      await run.delete({ urn: request.getUrn(), id: request.getId(), state });
      return new empty.Empty();
    }),
    invoke: step(async (request: InstanceType<typeof messages.InvokeRequest>, { invoke }) => {
      const result = await invoke(request.getTok(), fromStruct(request.getArgs()));
      return new messages.InvokeResponse().setReturn(toStruct(result));
    }),
  });

  const front = await startFront(await bind(server), at);
  behind.front = front;
  front.onEnd((port) => {
    const run = runs.get(port);
    run?.end.abort();
    run?.log?.close();
    runs.delete(port);
  });
  return {
    name: plugin.name,
    port: front.port,
    async close() {
      await front.close();
      server.forceShutdown();
    },
  };
}

/**
 * An engine configures before it asks for anything else, so this is one whose plugin died and that has dialled again: it
 * must find nobody.
 */
class NotConfigured extends Error {}

function bind(server: grpc.Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
      if (error) reject(error);
      else resolve(port);
    });
  });
}
