/** What a run made of its stack, from the engine's own events: that spares the processes which would ask for it. */
import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";

const stackType = "pulumi:pulumi:Stack";
/** Marks what the engine serializes in an envelope (source: pulumi/sdk v3.259.0 go/common/resource/sig). */
const envelopeKey = "4dabf18193072939515e22adb298388d";

export type StackReport = {
  see(event: EngineEvent): void;
  /** As the program registered them. @throws Error for one that is secret: events carry no secret, so no contract may. */
  outputs(): Record<string, unknown>;
  changes(): Record<string, number>;
};

export function createStackReport(): StackReport {
  let outputs: Record<string, unknown> = {};
  let changes: Record<string, number> = {};
  return {
    see({ resOutputsEvent, summaryEvent }) {
      if (resOutputsEvent?.planning !== true && resOutputsEvent?.metadata.type === stackType)
        outputs = resOutputsEvent.metadata.new?.outputs ?? {};
      if (summaryEvent) changes = { ...summaryEvent.resourceChanges };
    },
    outputs() {
      for (const [name, value] of Object.entries(outputs)) {
        if (isEnvelope(value))
          throw new Error(`the output ${name} is a secret; outputs are read from events, which hold none`);
      }
      return outputs;
    },
    changes: () => changes,
  };
}

function isEnvelope(value: unknown): boolean {
  return typeof value === "object" && value !== null && envelopeKey in value;
}
