/** Mail to customers and alerts to operators, put together: a clock that looks into the outbox, and who may raise alerts. */
import type { Logger } from "pino";
import type { Sql } from "postgres";
import type { Plans } from "../../infra/plans.ts";
import type { Channel } from "../db/outbox.ts";
import type { Alerts } from "./alerts.ts";
import { createCarriers, type CarrierSettings } from "./carriers.ts";
import type { Delivery } from "./delivery.ts";
import { createSender } from "./sender.ts";
import { keepHouse, tellAlerts } from "./telling.ts";

export type MessagesDeps = {
  sql: Sql;
  clock: { now(): Date };
  log: Logger;
  settings: CarrierSettings;
  publicUrl: string;
  plans(): Plans;
  /** For operators. */
  alerts: Alerts;
  onMessage?: (channel: Channel, outcome: Delivery["kind"]) => void;
};

export type Messages = {
  /** Begins to look for what is due. Customers' letters are written by whoever changes their rows. */
  start(): void;
  /** One look, as the clock does it. */
  look(): Promise<void>;
  /** Lets the message under way end. */
  stop(): Promise<void>;
};

const lookMs = 2_000;
const houseMs = 60_000;

export function createMessages(deps: MessagesDeps): Messages {
  const { sql, clock, log, alerts } = deps;
  const carriers = createCarriers(deps, deps.settings);
  const channels = (["alert_mail", "slack", "telegram"] as const).filter((channel) => carriers[channel]);
  const sender = createSender({
    sql,
    clock,
    log,
    carriers,
    random: Math.random,
    raise: alerts.raise,
    ...(deps.onMessage ? { onMessage: deps.onMessage } : {}),
  });
  const stopping = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> | undefined;
  let houseKeptAt = 0;

  async function look(): Promise<void> {
    if (clock.now().getTime() - houseKeptAt >= houseMs) {
      houseKeptAt = clock.now().getTime();
      await keepHouse(deps);
    }
    await tellAlerts({ sql, clock, channels });
    await sender.run(stopping.signal);
  }

  /** At most one look at a time; one that fails is another one later. */
  function lookNow(): void {
    looking ??= look()
      .catch((error: unknown) => log.error({ err: error }, "messages could not be looked after"))
      .finally(() => {
        looking = undefined;
      });
  }

  return {
    start() {
      const { mail, slackUrl, telegram, alertEmail } = deps.settings;
      const told = { mail: mail !== undefined, operators: [slackUrl, telegram, alertEmail].some(Boolean) };
      log.info(told, "messages: to customers by mail, to operators");
      timer ??= setInterval(lookNow, lookMs);
    },
    look,
    async stop() {
      clearInterval(timer);
      stopping.abort();
      await looking;
    },
  };
}
