/** What the engine asks of a language: run the program, say what it depends on. Everything about packages is refused. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type * as grpc from "@grpc/grpc-js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import messages from "@pulumi/pulumi/proto/language_pb.js";
import plugins from "@pulumi/pulumi/proto/plugin_pb.js";
import { readDependencies } from "./dependencies.ts";
import { startProgram, type ProgramRun, type RunningProgram } from "./program.ts";

export type LanguageRuntime = {
  /** For `grpc.Server.addService`; methods that are not here answer "unimplemented". */
  handlers: grpc.UntypedServiceImplementation;
  /** Resolves when no program runs. */
  idle(): Promise<void>;
  /** Kills the programs that still run. */
  stop(): void;
};

type Unary<Request, Response> = grpc.handleUnaryCall<Request, Response>;
type Program = InstanceType<typeof messages.ProgramInfo>;

export function createLanguageRuntime(host: {
  engineAddress: string;
  environment: Readonly<Record<string, string | undefined>>;
}): LanguageRuntime {
  const running = new Set<RunningProgram>();

  const run: Unary<InstanceType<typeof messages.RunRequest>, InstanceType<typeof messages.RunResponse>> = (
    call,
    callback,
  ) => {
    const program = startProgram(toRun(call.request, host.engineAddress), host.environment);
    running.add(program);
    call.on("cancelled", () => program.stop());
    void program.ended.then(({ error, bail }) => {
      running.delete(program);
      callback(null, new messages.RunResponse().setError(error).setBail(bail));
    });
  };

  const stop = (): void => {
    for (const program of running) program.stop();
  };

  return {
    stop,
    idle: async () => {
      await Promise.all([...running].map((program) => program.ended));
    },
    handlers: {
      run,
      handshake: answer(() => new messages.LanguageHandshakeResponse()),
      getPluginInfo: answer(() => new plugins.PluginInfo().setVersion(sdkVersion())),
      getRequiredPackages: answer(() => new messages.GetRequiredPackagesResponse()),
      getRequiredPlugins: answer(() => new messages.GetRequiredPluginsResponse()),
      runtimeOptionsPrompts: answer(() => new messages.RuntimeOptionsResponse()),
      template: answer(() => new messages.TemplateResponse()),
      about: answer(() =>
        new messages.AboutResponse().setExecutable(process.execPath).setVersion(process.version),
      ),
      getProgramDependencies: answer((request: InstanceType<typeof messages.GetProgramDependenciesRequest>) =>
        new messages.GetProgramDependenciesResponse().setDependenciesList(
          readDependencies(rootOf(request.getInfo()) || request.getPwd()).map(({ name, version }) =>
            new messages.DependencyInfo().setName(name).setVersion(version),
          ),
        ),
      ),
      // Whoever cloned the project has run npm already.
      installDependencies: (call: grpc.ServerWritableStream<unknown, unknown>) => call.end(),
      cancel: answer(() => {
        stop();
        return new empty.Empty();
      }),
    },
  };
}

function answer<Request, Response>(work: (request: Request) => Response): Unary<Request, Response> {
  return (call, callback) => callback(null, work(call.request));
}

function toRun(request: InstanceType<typeof messages.RunRequest>, engineAddress: string): ProgramRun {
  const info = request.getInfo();
  return {
    monitorAddress: request.getMonitorAddress(),
    engineAddress,
    organization: request.getOrganization(),
    project: request.getProject(),
    stack: request.getStack(),
    workingDirectory: request.getPwd(),
    rootDirectory: rootOf(info),
    entryPoint: info?.getEntryPoint() || request.getProgram(),
    programArguments: request.getArgsList(),
    parallel: request.getParallel(),
    dryRun: request.getDryrun(),
    config: Object.fromEntries(request.getConfigMap().toObject(true)),
    secretKeys: request.getConfigsecretkeysList(),
    options: info?.getOptions()?.toJavaScript() ?? {},
  };
}

function rootOf(info: Program | undefined): string {
  return info?.getRootDirectory() ?? "";
}

function sdkVersion(): string {
  const entry = createRequire(import.meta.url).resolve("@pulumi/pulumi");
  const manifest: unknown = JSON.parse(readFileSync(join(dirname(entry), "package.json"), "utf8"));
  return typeof manifest === "object" && manifest !== null && "version" in manifest
    ? String(manifest.version)
    : "";
}
