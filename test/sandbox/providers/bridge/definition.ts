/** How a resource of a provider is described, and what its functions are given. */
import type { Bag } from "./values.ts";

export type PropertyKind = "string" | "number" | "boolean" | "list" | "set" | "map" | "object";

export type Property = {
  kind: PropertyKind;
  /** Must be given. */
  required?: boolean;
  /** A change replaces the resource. */
  replace?: boolean;
  /** Taken when nothing is given; shown in the state. */
  default?: unknown;
  /** May come from the provider: when nothing is given, the state's value stays and is no difference. */
  computed?: boolean;
  /** Only an output. */
  output?: boolean;
  /** What the state holds instead of the input, e.g. a hash. */
  toState?: (value: unknown) => unknown;
  /** Name in Terraform, for messages. */
  terraform?: string;
  /** Members of a nested block; each gets `__defaults` in Check. */
  block?: boolean;
};

export type Outcome = { id: string; state: Bag };

export type Session = {
  /** Provider configuration of this engine run. */
  config: Bag;
  /** Shown to the person who waits, under the resource. */
  log(severity: "info" | "warning" | "error", urn: string, message: string): void;
};

export type Call = { session: Session; urn: string };

export type ResourceDefinition = {
  token: string;
  /** `sdkv2`: `__defaults`, detailed diffs, deleteBeforeReplace for named ones. `framework`: neither. `native`: the command provider. */
  style: "sdkv2" | "framework" | "native";
  properties: Record<string, Property>;
  /** A name is made up when none is given. */
  autoname?: boolean;
  check?(inputs: Bag): string[];
  create(call: Call, inputs: Bag): Promise<Outcome>;
  /** undefined: it is gone. */
  read(call: Call, id: string, state: Bag): Promise<Bag | undefined>;
  update(call: Call, id: string, state: Bag, inputs: Bag, changed: readonly string[]): Promise<Bag>;
  delete(call: Call, id: string, state: Bag): Promise<void>;
};

export type FunctionDefinition = { token: string; invoke(call: Call, args: Bag): Promise<Bag> };

export type ProviderDefinition = {
  name: string;
  version: string;
  /** Property names of the configuration that are secrets. */
  secretConfig: readonly string[];
  checkConfig?(config: Bag): string[];
  resources: readonly ResourceDefinition[];
  functions: readonly FunctionDefinition[];
};

/** Created, but something after that failed: the engine keeps the resource and its reasons. */
export class HalfMade extends Error {
  readonly id: string;
  readonly state: Bag;
  constructor(id: string, state: Bag, reason: string) {
    super(reason);
    this.id = id;
    this.state = state;
  }
}

/** What makes the official plugin's process die: the run loses its provider. */
export class ProcessDeath extends Error {}
