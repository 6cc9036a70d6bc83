/**
 * Pulumi mocks that keep what a program registered, with the resource options that the usual mocks do not show. Secrets
 * stay visible as such: `{ secret: value }`.
 */
import * as pulumi from "@pulumi/pulumi";
import type resourceProto from "@pulumi/pulumi/proto/resource_pb.js";

type Registration = InstanceType<typeof resourceProto.RegisterResourceRequest>;

export type Recorded = {
  type: string;
  name: string;
  inputs: Record<string, unknown>;
  /** Logical name of the parent; "" for a resource without one. */
  parent: string;
  /** Logical name of the provider; "" for the default one. */
  provider: string;
  /** Logical names, sorted. */
  dependsOn: string[];
  options: {
    ignoreChanges?: string[];
    replaceOnChanges?: string[];
    deleteBeforeReplace?: true;
    protect?: true;
    retainOnDelete?: true;
  };
};

/** What a cloud would answer: the id and the properties that it adds to the inputs. */
export type Cloud = (type: string, name: string) => { id: string; state: Record<string, unknown> };

export type Recorder = {
  resources: Recorded[];
  calls: { token: string; inputs: unknown }[];
  /** Runs the program, waits for all that it registers, and gives what it returned. @throws over an output used as text. */
  run<T>(program: () => T): Promise<T>;
  /** The one resource of this logical name. */
  find(name: string): Recorded;
};

/** Pulumi's mark of a secret on the wire (source: pulumi sdk/nodejs/runtime/rpc.ts). */
const signature = {
  key: "4dabf18193072939515e22adb298388d",
  secret: "1b47061264138c4ac30d75fd1eb44270",
} as const;

/** One at a time in a process: Pulumi's mocks are global. */
export async function recordPulumi(cloud: Cloud, answers: Record<string, object> = {}): Promise<Recorder> {
  const resources: Recorded[] = [];
  const calls: Recorder["calls"] = [];
  const mistakes: string[] = [];
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs }) => {
        if (holdsOutputAsText(inputs)) mistakes.push(name);
        const { id, state } = cloud(type, name);
        return { id, state: { ...inputs, ...state } };
      },
      call: ({ token, inputs }) => {
        calls.push({ token, inputs });
        return answers[token] ?? {};
      },
    },
    "clawfleet",
    "test",
  );
  const monitor: unknown = pulumi.runtime.getMonitor();
  watchRegistrations(monitor, (request) => void resources.push(toRecorded(request)));
  return {
    resources,
    calls,
    async run(program) {
      const result = program();
      await pulumi.runtime.disconnect();
      if (mistakes.length > 0) throw new Error(`inputs of ${mistakes.join(", ")} hold an output as text`);
      return result;
    },
    find(name) {
      const found = resources.filter((resource) => resource.name === name);
      if (found.length !== 1 || !found[0]) throw new Error(`${found.length} resources are named ${name}`);
      return found[0];
    },
  };
}

/** `${output}` compiles and is always wrong; Pulumi puts this text in its place. */
function holdsOutputAsText(inputs: unknown): boolean {
  return JSON.stringify(inputs).includes("Calling [toString]");
}

function watchRegistrations(monitor: unknown, see: (request: Registration) => void): void {
  if (typeof monitor !== "object" || monitor === null) throw new Error("there are no mocks");
  const original: unknown = Reflect.get(monitor, "registerResource");
  if (typeof original !== "function") throw new Error("the mocks cannot be watched");
  Reflect.set(monitor, "registerResource", (request: Registration, ...rest: unknown[]): unknown => {
    see(request);
    return Reflect.apply(original, monitor, [request, ...rest]);
  });
}

function toRecorded(request: Registration): Recorded {
  const nameOf = (urn: string) => urn.slice(urn.lastIndexOf("::") + 2);
  const ignoreChanges = request.getIgnorechangesList();
  const replaceOnChanges = request.getReplaceonchangesList();
  return {
    type: request.getType(),
    name: request.getName(),
    inputs: markSecrets(request.getObject()?.toJavaScript() ?? {}) as Record<string, unknown>,
    parent: request.getParent() === "" ? "" : nameOf(request.getParent()),
    provider: request.getProvider().split("::").at(-2) ?? "",
    dependsOn: request.getDependenciesList().map(nameOf).toSorted(),
    options: {
      ...(ignoreChanges.length > 0 ? { ignoreChanges } : {}),
      ...(replaceOnChanges.length > 0 ? { replaceOnChanges } : {}),
      ...(request.getDeletebeforereplace() ? { deleteBeforeReplace: true } : {}),
      ...(request.getProtect() ? { protect: true } : {}),
      ...(request.getRetainondelete() ? { retainOnDelete: true } : {}),
    },
  };
}

function markSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(markSecrets);
  if (typeof value !== "object" || value === null) return value;
  if (Reflect.get(value, signature.key) === signature.secret)
    return { secret: markSecrets(Reflect.get(value, "value")) };
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, markSecrets(inner)]));
}

/** The same with every secret taken out: what the engine would show to anybody. */
export function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== "object" || value === null) return value;
  if (Object.keys(value).length === 1 && "secret" in value) return "[secret]";
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withoutSecrets(inner)]));
}
