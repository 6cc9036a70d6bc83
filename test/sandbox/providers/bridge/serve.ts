/** One provider as a gRPC server that the engine attaches to (PULUMI_DEBUG_PROVIDERS). */
import * as grpc from "@grpc/grpc-js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import plugins from "@pulumi/pulumi/proto/plugin_pb.js";
import services from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import { checkInputs, plainInputs } from "./check.ts";
import {
  HalfMade,
  ProcessDeath,
  type Call,
  type ProviderDefinition,
  type ResourceDefinition,
  type Session,
} from "./definition.ts";
import { diffResource } from "./diff.ts";
import { initFailure } from "./init-failure.ts";
import { connectEngineLog, type EngineLog } from "./engine-log.ts";
import { startFront } from "./front.ts";
import { previewState } from "./preview-state.ts";
import { fromStruct, isBag, secretValue, toStruct, unwrapSecret, type Bag } from "./values.ts";

export type ServedProvider = { name: string; port: number; close(): Promise<void> };

/** One engine run as this server sees it: its connection. */
type Run = { config: Bag; log: EngineLog | undefined; dead: boolean };

type Unary<Request, Response> = grpc.handleUnaryCall<Request, Response>;

export async function serveProvider(definition: ProviderDefinition): Promise<ServedProvider> {
  const runs = new Map<number, Run>();
  const resources = new Map(definition.resources.map((resource) => [resource.token, resource]));
  const functions = new Map(definition.functions.map((one) => [one.token, one]));
  const server = new grpc.Server({
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
  });

  const runOf = (peer: string): Run => {
    const port = Number(peer.slice(peer.lastIndexOf(":") + 1));
    const known = runs.get(port);
    if (known) return known;
    const fresh: Run = { config: {}, log: undefined, dead: false };
    runs.set(port, fresh);
    return fresh;
  };

  /** Answers with what `work` returns; a provider that has died for this run cuts the run's connection instead. */
  function unary<Request, Response>(
    work: (request: Request, run: Run) => Promise<Response> | Response,
  ): Unary<Request, Response> {
    return (call, callback) => {
      const run = runOf(call.getPeer());
      const port = Number(call.getPeer().slice(call.getPeer().lastIndexOf(":") + 1));
      void (async () => work(call.request, run))().then(
        (response) => callback(null, response),
        (error: unknown) => {
          if (!(error instanceof ProcessDeath)) return callback(toServiceError(error));
          run.dead = true;
          return front.cut(port);
        },
      );
    };
  }

  const resourceOf = (urn: string): ResourceDefinition => {
    const token = urn.split("::")[2]?.split("$").at(-1) ?? "";
    const found = resources.get(token);
    if (!found)
      throw Object.assign(new Error(`no such resource: ${token}`), { code: grpc.status.UNIMPLEMENTED });
    return found;
  };
  const callOf = (urn: string, run: Run): Call => ({ urn, session: sessionOf(run) });

  server.addService(services.ResourceProviderService, {
    getPluginInfo: unary(() => new plugins.PluginInfo().setVersion(definition.version)),
    attach: unary((request: InstanceType<typeof plugins.PluginAttach>, run) => {
      run.log = connectEngineLog(request.getAddress());
      return new empty.Empty();
    }),
    checkConfig: unary((request: InstanceType<typeof messages.CheckRequest>) => {
      const config = fromStruct(request.getNews());
      const failures = definition.checkConfig?.(plainConfig(config)) ?? [];
      const marked = Object.fromEntries(
        Object.entries(config).map(([name, value]) => [
          name,
          definition.secretConfig.includes(name) ? secretValue(unwrapSecret(value)) : value,
        ]),
      );
      return new messages.CheckResponse()
        .setInputs(toStruct(marked))
        .setFailuresList(failures.map(toFailure));
    }),
    diffConfig: unary(() =>
      new messages.DiffResponse().setChanges(messages.DiffResponse.DiffChanges.DIFF_NONE),
    ),
    configure: unary((request: InstanceType<typeof messages.ConfigureRequest>, run) => {
      run.config = plainConfig(fromStruct(request.getArgs()));
      return new messages.ConfigureResponse()
        .setSupportspreview(true)
        .setSupportsAutonamingConfiguration(true);
    }),
    check: unary((request: InstanceType<typeof messages.CheckRequest>) => {
      const resource = resourceOf(request.getUrn());
      const context = {
        logicalName: logicalName(request.getUrn()),
        randomSeed: request.getRandomseed_asU8(),
      };
      const checked = checkInputs(
        resource,
        fromStruct(request.getNews()),
        fromStruct(request.getOlds()),
        context,
      );
      return new messages.CheckResponse()
        .setInputs(toStruct(checked.inputs))
        .setFailuresList(checked.failures.map(toFailure));
    }),
    diff: unary((request: InstanceType<typeof messages.DiffRequest>) => {
      const resource = resourceOf(request.getUrn());
      return toDiffResponse(resource, fromStruct(request.getOlds()), fromStruct(request.getNews()));
    }),
    create: unary(async (request: InstanceType<typeof messages.CreateRequest>, run) => {
      const resource = resourceOf(request.getUrn());
      const inputs = plainInputs(fromStruct(request.getProperties()));
      const response = new messages.CreateResponse();
      if (request.getPreview()) return response.setProperties(toStruct(previewState(resource, inputs)));
      const { id, state } = await resource.create(callOf(request.getUrn(), run), inputs);
      return response.setId(id).setProperties(toStruct(state));
    }),
    read: unary(async (request: InstanceType<typeof messages.ReadRequest>, run) => {
      const resource = resourceOf(request.getUrn());
      const old = fromStruct(request.getProperties());
      const state = await resource.read(callOf(request.getUrn(), run), request.getId(), old);
      const response = new messages.ReadResponse();
      if (!state) return response;
      const inputs = refreshInputs(resource, fromStruct(request.getInputs()), state);
      return response.setId(request.getId()).setProperties(toStruct(state)).setInputs(toStruct(inputs));
    }),
    update: unary(async (request: InstanceType<typeof messages.UpdateRequest>, run) => {
      const resource = resourceOf(request.getUrn());
      const inputs = plainInputs(fromStruct(request.getNews()));
      const old = fromStruct(request.getOlds());
      const response = new messages.UpdateResponse();
      if (request.getPreview())
        return response.setProperties(toStruct({ ...old, ...previewState(resource, inputs, old) }));
      const { changed } = diffResource(resource, old, inputs);
      const state = await resource.update(
        callOf(request.getUrn(), run),
        request.getId(),
        old,
        inputs,
        changed,
      );
      return response.setProperties(toStruct(state));
    }),
    delete: unary(async (request: InstanceType<typeof messages.DeleteRequest>, run) => {
      const resource = resourceOf(request.getUrn());
      await resource.delete(
        callOf(request.getUrn(), run),
        request.getId(),
        fromStruct(request.getProperties()),
      );
      return new empty.Empty();
    }),
    invoke: unary(async (request: InstanceType<typeof messages.InvokeRequest>, run) => {
      const found = functions.get(request.getTok());
      if (!found)
        throw Object.assign(new Error(`no such function: ${request.getTok()}`), {
          code: grpc.status.UNIMPLEMENTED,
        });
      const result = await found.invoke(callOf("", run), fromStruct(request.getArgs()));
      return new messages.InvokeResponse().setReturn(toStruct(result));
    }),
    cancel: unary(() => new empty.Empty()),
    getSchema: unary(() =>
      new messages.GetSchemaResponse().setSchema(
        JSON.stringify({ name: definition.name, version: definition.version }),
      ),
    ),
  });

  const inner = await bind(server);
  const front = await startFront(inner);
  front.onEnd((port) => {
    runs.get(port)?.log?.close();
    runs.delete(port);
  });
  return {
    name: definition.name,
    port: front.port,
    async close() {
      await front.close();
      server.forceShutdown();
    },
  };
}

function sessionOf(run: Run): Session {
  if (run.dead) throw new ProcessDeath("the plugin has died");
  return { config: run.config, log: (severity, urn, message) => run.log?.say(severity, urn, message) };
}

function plainConfig(config: Bag): Bag {
  return Object.fromEntries(Object.entries(config).map(([name, value]) => [name, unwrapSecret(value)]));
}

function toFailure(reason: string) {
  return new messages.CheckFailure().setReason(reason);
}

function logicalName(urn: string): string {
  return urn.slice(urn.lastIndexOf("::") + 2);
}

function toDiffResponse(resource: ResourceDefinition, state: Bag, inputs: Bag) {
  const diff = diffResource(resource, state, inputs);
  const kinds = messages.PropertyDiff.Kind;
  const response = new messages.DiffResponse()
    .setChanges(
      diff.changed.length > 0
        ? messages.DiffResponse.DiffChanges.DIFF_SOME
        : messages.DiffResponse.DiffChanges.DIFF_NONE,
    )
    .setDiffsList(diff.changed)
    .setReplacesList(diff.replaces)
    .setStablesList(diff.stables)
    .setDeletebeforereplace(diff.deleteBeforeReplace);
  if (resource.style === "framework") return response;
  response.setHasdetaileddiff(true);
  for (const [path, kind] of Object.entries(diff.detailed)) {
    response.getDetaileddiffMap().set(path, new messages.PropertyDiff().setKind(kinds[kind]));
  }
  return response;
}

/** What was given stays given; its value is the one that the cloud has now. */
function refreshInputs(resource: ResourceDefinition, inputs: Bag, state: Bag): Bag {
  const refreshed: Bag = { ...inputs };
  for (const name of Object.keys(inputs)) {
    const property = resource.properties[name];
    if (!property || property.toState || state[name] === undefined) continue;
    if (Array.isArray(inputs[name]) && inputs[name].some(isBag)) continue;
    refreshed[name] = state[name];
  }
  return refreshed;
}

function toServiceError(error: unknown): grpc.ServiceError {
  if (error instanceof HalfMade) return initFailure(error);
  const message = error instanceof Error ? error.message : String(error);
  const code: unknown = isBag(error) ? error["code"] : undefined;
  return Object.assign(new Error(message), {
    code: typeof code === "number" ? code : grpc.status.UNKNOWN,
    details: message,
    metadata: new grpc.Metadata(),
  });
}

function bind(server: grpc.Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
      if (error) reject(error);
      else resolve(port);
    });
  });
}
