/** Who collects spans: an endpoint that speaks OTLP over HTTP, when one is configured. */
import type { Logger } from "pino";
import type { TracingSettings } from "../tracing-settings.ts";
import { codeVersion } from "../version.ts";

/** Sends what is left; never fails. */
export type StopTracing = () => Promise<void>;

/** Loaded only where it is used. The sampler is OTEL_TRACES_SAMPLER's matter. */
export async function startTracing(
  settings: TracingSettings | undefined,
  role: string,
  log: Logger,
): Promise<StopTracing> {
  if (!settings) return () => Promise.resolve();
  const [{ BatchSpanProcessor, NodeTracerProvider }, { OTLPTraceExporter }, { resourceFromAttributes }] =
    await Promise.all([
      import("@opentelemetry/sdk-trace-node"),
      import("@opentelemetry/exporter-trace-otlp-http"),
      import("@opentelemetry/resources"),
    ]);
  const exporter = new OTLPTraceExporter({
    url: `${settings.endpoint}/v1/traces`,
    headers: settings.headers,
  });
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({
      "service.name": "clawfleet",
      "service.version": codeVersion,
      "service.instance.role": role,
    }),
    spanProcessors: [new BatchSpanProcessor(exporter)],
  });
  provider.register();
  return async () => {
    await provider
      .shutdown()
      .catch((error: unknown) => log.warn({ err: error }, "the last spans were not sent"));
  };
}
