/** Engine events as lines that a person reads. Pure. */
import { z } from "zod";

export type OperationEvent = {
  kind:
    | "resource-started"
    | "resource-done"
    | "resource-failed"
    | "diagnostic"
    | "stage"
    | "diff"
    | "summary";
  message: string;
  data: Record<string, string | number>;
};

const metadataSchema = z.object({ op: z.string(), urn: z.string(), type: z.string() });

const engineEventSchema = z.object({
  resourcePreEvent: z.object({ metadata: metadataSchema }).optional(),
  resOutputsEvent: z.object({ metadata: metadataSchema }).optional(),
  resOpFailedEvent: z.object({ metadata: metadataSchema }).optional(),
  diagnosticEvent: z
    .object({
      urn: z.string().optional(),
      message: z.string(),
      severity: z.string(),
      ephemeral: z.boolean().optional(),
    })
    .optional(),
  summaryEvent: z
    .object({ resourceChanges: z.record(z.string(), z.number()), durationSeconds: z.number() })
    .optional(),
});

/** What a customer sees progress, by the logical names of the component's children. */
export const stages = ["server", "network", "dns", "install", "answers"] as const;
export type Stage = (typeof stages)[number];

export const stageResources: Record<Stage, readonly string[]> = {
  server: ["server"],
  network: ["firewall", "network"],
  dns: ["record-a", "record-aaaa"],
  install: ["first-boot", "tls-request", "tls-certificate", "tls-install", "configure"],
  answers: ["health"],
};

export function stageOf(resource: string): Stage | undefined {
  return stages.find((stage) => stageResources[stage].includes(resource));
}

const doing: Record<string, [started: string, done: string]> = {
  create: ["creating", "created"],
  "create-replacement": ["creating the replacement of", "created the replacement of"],
  update: ["changing", "changed"],
  delete: ["deleting", "deleted"],
  "delete-replaced": ["deleting the replaced", "deleted the replaced"],
  replace: ["replacing", "replaced"],
  read: ["reading", "read"],
  refresh: ["looking at", "looked at"],
  import: ["adopting", "adopted"],
  discard: ["forgetting", "forgot"],
};

/** undefined: nothing that a person wants to read. */
export function toOperationEvent(raw: unknown): OperationEvent | undefined {
  const parsed = engineEventSchema.safeParse(raw);
  if (!parsed.success) return undefined;
  const { resourcePreEvent, resOutputsEvent, resOpFailedEvent, diagnosticEvent, summaryEvent } = parsed.data;
  if (resourcePreEvent) return resourceLine("resource-started", resourcePreEvent.metadata, 0);
  if (resOutputsEvent) return resourceLine("resource-done", resOutputsEvent.metadata, 1);
  if (resOpFailedEvent) {
    const { urn, type, op } = resOpFailedEvent.metadata;
    const resource = nameOf(urn);
    const verb = doing[op]?.[0] ?? op;
    return { kind: "resource-failed", message: `${verb} ${resource} failed`, data: { resource, type, op } };
  }
  if (diagnosticEvent) {
    const message = hideScripts(stripColour(diagnosticEvent.message)).trim();
    if (message === "" || diagnosticEvent.severity === "debug" || diagnosticEvent.ephemeral) return undefined;
    const resource = diagnosticEvent.urn ? nameOf(diagnosticEvent.urn) : "";
    const data = { severity: diagnosticEvent.severity, ...(resource === "" ? {} : { resource }) };
    return { kind: "diagnostic", message: resource === "" ? message : `${resource}: ${message}`, data };
  }
  if (summaryEvent) {
    const counts = Object.entries(summaryEvent.resourceChanges).filter(([, count]) => count > 0);
    const text = counts.map(([op, count]) => `${count} ${op}`).join(", ") || "nothing";
    return {
      kind: "summary",
      message: `${text} in ${summaryEvent.durationSeconds} s`,
      data: Object.fromEntries(counts),
    };
  }
  return undefined;
}

type Metadata = z.infer<typeof metadataSchema>;

function resourceLine(
  kind: "resource-started" | "resource-done",
  { op, urn, type }: Metadata,
  tense: 0 | 1,
): OperationEvent | undefined {
  if (type.startsWith("pulumi:")) return undefined;
  const resource = nameOf(urn);
  const data = { resource, type, op };
  if (op === "same")
    return kind === "resource-done" ? { kind, message: `${resource} is as it should be`, data } : undefined;
  return { kind, message: `${doing[op]?.[tense] ?? op} ${resource}`, data };
}

function nameOf(urn: string): string {
  return urn.slice(urn.lastIndexOf("::") + 2);
}

/**
 * The command provider quotes the whole script of a failed command (`running %q:`) before what it said; here only the
 * latter counts, for the reader as for the classification.
 */
export function hideScripts(text: string): string {
  return text.replaceAll(/: running "(?:[^"\\]|\\.)*":\n/g, ": ");
}

function stripColour(text: string): string {
  return text.replaceAll(/<\{%.*?%\}>/g, "");
}
