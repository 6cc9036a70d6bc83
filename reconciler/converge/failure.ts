/** What went wrong, in our own words: the row of the table that the texts lead to. For runs and for our own requests. Pure. */
import type { ErrorCode, Retry } from "../errors.ts";
import { failureTable } from "./failure-table.ts";

export type Failure = {
  code: ErrorCode;
  retry: Retry;
  /** One line for the operator. */
  message: string;
  remedy: string;
  /** Another server type or location may work at once. */
  tryElsewhere: boolean;
};

const retryable: Retry = { kind: "retryable" };

const unknown = {
  code: "engine_failed",
  retry: retryable,
  remedy: "look at the operation's events",
} as const;

/** `texts`: everything that the run said of its failure, the most telling first. */
export function classifyFailure(texts: readonly string[]): Failure {
  const all = texts.join("\n");
  const row = failureTable.find((candidate) => candidate.pattern.test(all));
  const message = pickMessage(texts, row?.pattern);
  return {
    code: row?.code ?? unknown.code,
    retry: row?.retry ?? unknown.retry,
    remedy: row?.remedy ?? unknown.remedy,
    message,
    tryElsewhere: row?.tryElsewhere ?? false,
  };
}

const maxMessage = 600;

function pickMessage(texts: readonly string[], pattern: RegExp | undefined): string {
  const telling = texts.find((text) => pattern?.test(text)) ?? texts[0] ?? "no reason was given";
  return telling
    .replaceAll(/<\{%.*?%\}>/g, "")
    .trim()
    .slice(0, maxMessage);
}
