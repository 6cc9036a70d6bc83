/** Where spans go, from the environment: the variables that OpenTelemetry names. Pure. */
import { z } from "zod";

export type TracingSettings = { endpoint: string; headers: Record<string, string> };

export const tracingVariables = {
  /** By OTLP over HTTP; absent: spans are collected by nobody. */
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
  /** `<name>=<value>`, separated by commas; values may be percent-encoded. */
  OTEL_EXPORTER_OTLP_HEADERS: z
    .string()
    .default("")
    .transform((text) => text.split(",").filter((pair) => pair.trim() !== ""))
    .pipe(
      z.array(
        z
          .string()
          .regex(/^\s*[\w-]+\s*=/, "<name>=<value>, separated by commas")
          .transform(toHeader),
      ),
    ),
};

function toHeader(pair: string): [name: string, value: string] {
  const at = pair.indexOf("=");
  return [pair.slice(0, at).trim(), decode(pair.slice(at + 1).trim())];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function toTracing(env: {
  OTEL_EXPORTER_OTLP_ENDPOINT?: string | undefined;
  OTEL_EXPORTER_OTLP_HEADERS: [name: string, value: string][];
}): TracingSettings | undefined {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_EXPORTER_OTLP_HEADERS: headers } = env;
  if (endpoint === undefined) return undefined;
  return { endpoint: endpoint.replace(/\/$/, ""), headers: Object.fromEntries(headers) };
}

/** Whatever the headers hold: most often somebody's token. */
export function listTracingSecrets(env: {
  OTEL_EXPORTER_OTLP_HEADERS: [name: string, value: string][];
}): string[] {
  return env.OTEL_EXPORTER_OTLP_HEADERS.map(([, value]) => value).filter(Boolean);
}
