/** Mail to customers and alerts to operators, on the real rows and the configured carriers. */
import type { Plans } from "../../infra/plans.ts";
import type { Config } from "../config.ts";
import { createMessages, type Messages } from "../messages/messages.ts";
import type { Core } from "./core.ts";

export function openMessages(core: Core, config: Config, plans: () => Plans): Messages {
  const { metrics } = core;
  return createMessages({
    ...core,
    settings: config.messages,
    publicUrl: config.publicUrl,
    plans,
    onMessage: (channel, outcome) => metrics.messages.inc({ channel, outcome }),
  });
}
