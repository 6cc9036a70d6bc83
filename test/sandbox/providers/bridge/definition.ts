/** What a bridged provider consists of, and what its resources' functions are given. */
import type { Fields, Style } from "./fields.ts";
import type { RunContext, Severity } from "./plugin.ts";
import type { Bag } from "./values.ts";

/** One step that the engine asked for, on one engine run. */
export type Call<Client> = {
  urn: string;
  client: Client;
  /** From here on the object exists: what fails later leaves a half-made resource in the state (SDKv2 half only). */
  made: (id: string) => void;
  log: (severity: Severity, message: string) => void;
};

export type Created = {
  id: string;
  /** The API's object; the state is read from it. */
  seen: Bag;
};

export type Change = {
  id: string;
  state: Bag;
  /** Inputs with defaults; what nobody gave is undefined. */
  wanted: Bag;
  /** Names of the properties that differ. */
  changed: ReadonlySet<string>;
};

export type ResourceDefinition<Client> = {
  token: string;
  style: Style;
  fields: Fields;
  /** `name` is made up when none is given. */
  autoname?: boolean;
  /** Kept in `__meta`, as SDKv2 does for resources with a timeout of their own. */
  createTimeoutMinutes?: number;
  /** Changes the inputs before they are checked. */
  prepare?(inputs: Bag): Bag;
  /** What no single property shows. */
  validate?(inputs: Bag): Problem[];
  /** Takes an import's id apart when it is not the resource's own. Default: it is. */
  parseImportId?(id: string): { id: string; state: Bag };
  create(call: Call<Client>, wanted: Bag): Promise<Created>;
  /** undefined: it is gone. */
  read(call: Call<Client>, id: string, state: Bag): Promise<Bag | undefined>;
  /** undefined: it is gone. */
  update(call: Call<Client>, change: Change): Promise<Bag | undefined>;
  delete(call: Call<Client>, id: string, state: Bag): Promise<void>;
};

export type FunctionDefinition<Client> = {
  token: string;
  style: Style;
  invoke(call: Call<Client>, args: Bag): Promise<Bag>;
};

/** A check that failed; `path` is the property, undefined for none in particular. */
export type Problem = { path?: string; reason: string };

export type TerraformProvider<Client> = {
  name: string;
  version: string;
  /** Names of configuration values that are not to be shown. */
  secretConfig: readonly string[];
  checkConfig(config: Bag): Problem[];
  /** @throws when the configuration cannot work. */
  connect(config: Bag, run: RunContext): (style: Style) => Client;
  /** The text of an error, as the half of the provider that met it words it. */
  wording: Readonly<Record<Style, (error: unknown) => string>>;
  resources: readonly ResourceDefinition<Client>[];
  functions: readonly FunctionDefinition<Client>[];
};
