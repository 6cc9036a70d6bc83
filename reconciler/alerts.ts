/** What an operator has to look at: one line in the log and one count for each, whoever raises it. */
import type { Logger } from "pino";

export type RaisedAlert = {
  /** From a closed set: it is a label of a metric. */
  kind: string;
  /** Slug, cell, subscription or file; absent: about the whole fleet. */
  about?: string;
  message: string;
};

/** Never throws and never waits. */
export type RaiseAlert = (alert: RaisedAlert) => void;

export function createRaiseAlert(deps: { log: Logger; onAlert(kind: string): void }): RaiseAlert {
  return ({ kind, about, message }) => {
    deps.onAlert(kind);
    deps.log.error({ alert: kind, ...(about === undefined ? {} : { about }) }, message);
  };
}
