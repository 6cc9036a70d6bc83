/** What a preview shows of a resource that does not exist yet: inputs, defaults, and unknowns for the rest. */
import type { ResourceDefinition } from "./definition.ts";
import { unknownValue, type Bag } from "./values.ts";

export function previewState(definition: ResourceDefinition, inputs: Bag, old: Bag = {}): Bag {
  const state: Bag = {};
  for (const [name, property] of Object.entries(definition.properties)) {
    const given = inputs[name] ?? property.default;
    if (given !== undefined && !property.output)
      state[name] = property.toState ? property.toState(given) : given;
    else if (property.output || property.computed) state[name] = old[name] ?? unknownValue;
  }
  return state;
}
