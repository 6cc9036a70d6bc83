/** The form of a row of the failure table. */
import type { ErrorCode, Retry } from "../errors.ts";

export type FailureRow = {
  pattern: RegExp;
  code: ErrorCode;
  retry: Retry;
  /** The operator's next step. */
  remedy: string;
  /** Another server type or location may work at once. */
  tryElsewhere?: true;
};
