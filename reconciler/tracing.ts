/**
 * Spans by OpenTelemetry's API, which does nothing until a process registers somebody who collects them (service/tracing.ts).
 * Attributes are names, kinds and numbers; never a message, which may hold what is nobody's business.
 */
import {
  context,
  defaultTextMapGetter,
  defaultTextMapSetter,
  propagation,
  ROOT_CONTEXT,
  SpanStatusCode,
  trace,
  type Attributes,
  type SpanKind,
} from "@opentelemetry/api";
import { isClawfleetError } from "./errors.ts";

export type SpanAbout = {
  kind?: SpanKind;
  /** A `traceparent`; absent: what runs now. */
  parent?: string | undefined;
  attributes?: Attributes;
};

export type OpenSpan = {
  name(name: string): void;
  set(attributes: Attributes): void;
  /** It ended badly although nothing was thrown. */
  fail(code: string): void;
};

/** Everything that `work` begins is below it, across queues and processes. Whatever is thrown goes on. */
export async function withSpan<T>(
  name: string,
  { kind, parent, attributes }: SpanAbout,
  work: (span: OpenSpan) => Promise<T>,
): Promise<T> {
  const around =
    parent === undefined
      ? context.active()
      : propagation.extract(ROOT_CONTEXT, { traceparent: parent }, defaultTextMapGetter);
  const options = { ...(kind === undefined ? {} : { kind }), ...(attributes ? { attributes } : {}) };
  return await trace.getTracer("clawfleet").startActiveSpan(name, options, around, async (span) => {
    const open: OpenSpan = {
      name: (better) => void span.updateName(better),
      set: (more) => void span.setAttributes(more),
      fail(code) {
        span.setAttribute("error.type", code);
        span.setStatus({ code: SpanStatusCode.ERROR });
      },
    };
    try {
      return await work(open);
    } catch (error) {
      open.fail(isClawfleetError(error) ? error.code : error instanceof Error ? error.name : "unknown");
      throw error;
    } finally {
      span.end();
    }
  });
}

/** What runs now, as a `traceparent` for whoever goes on with it; undefined when nobody collects. */
export function carryTrace(): string | undefined {
  const carrier: Record<string, string> = {};
  propagation.inject(context.active(), carrier, defaultTextMapSetter);
  return carrier["traceparent"];
}

/** For log lines: by these they are found from a trace, and a trace from them. */
export function traceFields(): { trace_id?: string; span_id?: string } {
  const span = trace.getSpanContext(context.active());
  return span ? { trace_id: span.traceId, span_id: span.spanId } : {};
}
