/** The state of a bridged resource: what the cloud says, the rest as planned, and the bridge's own entries. */
import type { ResourceDefinition } from "./definition.ts";
import { terraformName, type Field } from "./fields.ts";
import { settle } from "./plan.ts";
import { rawStateDelta, rawStateKey } from "./raw-state.ts";
import { bagOf, isUnknown, unknownValue, type Bag } from "./values.ts";

type Stated = Pick<ResourceDefinition<unknown>, "style" | "fields" | "createTimeoutMinutes">;

/** Terraform's key for timeouts in its private state (source: terraform-plugin-sdk, `TimeoutKey`). */
const timeoutKey = "e2bfb730-ecaa-11e6-8f88-34363bc7c4c0";

/** `known` is the plan, or the state before; `seen` the API's object, undefined for a resource that was only half made. */
export function composeState(definition: Stated, id: string, known: Bag, seen: Bag | undefined): Bag {
  const settled = settle(definition.fields, known);
  const state: Bag = { ...settled };
  if (seen) {
    for (const [name, field] of Object.entries(definition.fields)) {
      if (field.from !== undefined) state[name] = read(field, seen, settled) ?? null;
    }
  }
  return { ...metaOf(definition), ...state, id, [rawStateKey]: rawStateDelta(definition.fields, state) };
}

function read(field: Field, seen: Bag, known: Bag): unknown {
  if (typeof field.from === "function") return field.from(seen, known);
  return (field.from ?? "").split(".").reduce<unknown>((inner, key) => bagOf(inner)[key], seen);
}

/** What a preview shows of a resource that does not exist yet. */
export function previewState(definition: Stated, planned: Bag, inputs: Bag): Bag {
  const hashed = Object.entries(definition.fields).filter(
    ([name, field]) => field.stateOf && typeof inputs[name] === "string" && !isUnknown(inputs[name]),
  );
  const texts = Object.fromEntries(hashed.map(([name, field]) => [terraformName(name, field), inputs[name]]));
  return { ...metaOf(definition, texts), ...planned, id: unknownValue };
}

function metaOf({ style, createTimeoutMinutes }: Stated, shim?: Bag): Bag {
  if (style !== "sdkv2" || createTimeoutMinutes === undefined) return {};
  const meta = {
    ...(shim && Object.keys(shim).length > 0 ? { _new_extra_shim: shim } : {}),
    [timeoutKey]: { create: createTimeoutMinutes * 60_000_000_000 },
  };
  return { __meta: JSON.stringify(meta) };
}
