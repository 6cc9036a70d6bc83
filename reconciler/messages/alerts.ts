/** Conditions that an operator has to look at: what each means, and what to do. */
import type { Logger } from "pino";
import type { Sql, TransactionSql } from "postgres";
import { raiseAlert } from "../db/alerts.ts";
import type { Query } from "../db/database.ts";
import type { Redact } from "../operations/redact.ts";

type AlertText = { title: string; remedy: string };

/** One table for messages and for docs/operations.md. */
export const alertTexts = {
  price_without_plan: {
    title: "A price that no plan has",
    remedy: "add the plan to stacks/plans.yaml or correct the price; the customer keeps what they have",
  },
  paid_twice: {
    title: "A customer pays twice for one assistant",
    remedy: "refund one payment and cancel its subscription; it is served once",
  },
  too_many_seats: {
    title: "A subscription pays for more assistants than one customer gets",
    remedy: "lower its quantity and refund the rest, or sell them a second subscription",
  },
  late: {
    title: "A paid assistant does not come up",
    remedy: "fleet show <name> says what fails; it is tried again, and the customer has been told",
  },
  unknown_plan: {
    title: "An override names an unknown plan",
    remedy: "correct the file in stacks/; the customer keeps what they have",
  },
  unknown_status: {
    title: "An unknown billing status",
    remedy: "look at the subscription; nothing is decided until its status is known",
  },
  broken_file: {
    title: "A file in stacks/ cannot be read",
    remedy: "correct it; what it is about stays as it is",
  },
  cells_full: {
    title: "Paid orders wait for a cell with room",
    remedy: "add stacks/Pulumi.cell.<name>.yaml; they go on by themselves",
  },
  cell_lived_in: {
    title: "A cell's file changes what its members live by",
    remedy: "put it back; a new cell can have it",
  },
  no_cell_for_plan: {
    title: "No cell is where a plan may stand",
    remedy: "add a cell in that network zone, or a location to the plan",
  },
  location_outside_cell: {
    title: "An override names a location outside of its cell",
    remedy: "take the override back; another network zone means a new instance",
  },
  address_taken: {
    title: "An override, or a customer, asks for an address that somebody has",
    remedy: "choose another one; the customer keeps the address that they have",
  },
  domain_refused: {
    title: "An override asks for a domain that cannot be served",
    remedy:
      "correct it, or add its zone to the cell's clawfleet:customZones; the customer keeps the names that they have",
  },
  plan_does_not_fit: {
    title: "A customer's server cannot become what their new plan wants",
    remedy:
      "its text says why: fleet apply <name> tries again, or add a type with a larger disk to the plan; until then they keep the server that they have",
  },
  no_worker_for_cell: {
    title: "No living worker serves a cell",
    remedy: "start work --cell <name> in that network; fleet cells names the workers",
  },
  account_without_tokens: {
    title: "A worker leaves a cell to others: it has no tokens of its account",
    remedy: "give them to it, or see that another worker of that cell has them",
  },
  deletion_cap: {
    title: "More deletions are due than the cap allows",
    remedy: "look whether billing is right; if it is, raise the cap for one sweep",
  },
  sweep_failed: {
    title: "Billing could not be read in full",
    remedy: "look at the provider's status and at our key; nothing is deleted meanwhile",
  },
  parked: {
    title: "Something needs a person",
    remedy: "fleet show <name> says what to do, of a cell fleet cells",
  },
  unhealthy: {
    title: "An assistant is ill",
    remedy: "nothing, unless it stays: it is being helped",
  },
  healing_exhausted: {
    title: "An assistant stays ill",
    remedy: "fleet show <name>; look into the machine by SSH",
  },
  healing_braked: {
    title: "Many are ill at once, so that nobody is helped",
    remedy: "look at the network, the release and the cloud first",
  },
  not_read: {
    title: "Assistants are not being read",
    remedy: "start a worker of their cell, or more of them",
  },
  disk_filling: {
    title: "A disk is filling",
    remedy: "look what fills it; a larger server type in the customer's override",
  },
  memory_short: {
    title: "A server is short of memory",
    remedy: "a larger server type in the customer's override, or a larger plan",
  },
  overloaded: {
    title: "A server is overloaded",
    remedy: "look what its agent does; a larger server type in the customer's override",
  },
  message_limit: {
    title: "A customer has used the messages of their plan for this month",
    remedy: "nothing is stopped, and they were told; offer them a larger plan",
  },
  halted: {
    title: "Nothing is taken away from anybody",
    remedy: "fleet halt --end when billing is right again",
  },
  drift: {
    title: "Another hand changed what nobody may put back unasked",
    remedy: "fleet drift lists it: fleet drift repair <name>, or change the file",
  },
  drift_cap: {
    title: "More is changed by another hand than may be repaired in an hour",
    remedy: "look who changes it; the rest follows by itself, an hour at a time",
  },
  push_refused: {
    title: "A commit of stacks/ was not applied",
    remedy: "fleet git says why; a new commit, or fleet git accept <commit> --hash <hash>",
  },
  push_delayed: {
    title: "A commit of stacks/ has been waiting for over an hour",
    remedy: "fleet git says for what: look at that cloud, or at that customer; it is tried again by itself",
  },
  engine_missing: {
    title: "A worker has no engine",
    remedy: "do what the line says on that machine; its converges wait for another worker",
  },
  trial_not_extended: {
    title: "A trial does not get back what our outage cost",
    remedy: "give the provider's key the right to write subscriptions; each sweep tries again",
  },
  mail_down: {
    title: "Mail to customers does not go out",
    remedy: "look at SMTP_URL and at the mail server; what waits is sent in order when it answers",
  },
  mail_refused: {
    title: "A mail to a customer was refused for good",
    remedy: "correct the address at the billing provider, or tell the customer in another way",
  },
  mail_uncertain: {
    title: "Nobody knows whether a mail to a customer went out",
    remedy: "look for its Message-ID in the mail server's log; it is not sent again by itself",
  },
} as const satisfies Record<string, AlertText>;

export type AlertKind = keyof typeof alertTexts;

export type RaisedAlert = {
  kind: AlertKind;
  /** Slug, subscription or file; the same kind about the same is the same alert. Absent: about the whole fleet. */
  about?: string;
  message: string;
};

export function textsOf(kind: string): AlertText {
  return Object.entries(alertTexts).find(([known]) => known === kind)?.[1] ?? { title: kind, remedy: "" };
}

export type RaiseAlert = (alert: RaisedAlert) => void;

export type Alerts = {
  /** Never throws and never waits: whoever raises one has something better to do, perhaps in a transaction. */
  raise: RaiseAlert;
  /** A transaction in which alerts are raised: kept with it or not at all, counted and logged once it is committed. */
  begin<T>(
    work: (tx: TransactionSql, raise: (alert: RaisedAlert) => Promise<void>) => Promise<T>,
  ): Promise<T>;
  /** Resolves when everything raised so far is written. */
  settle(): Promise<void>;
};

/** The one place where alerts are counted, logged and kept. */
export function createAlerts(deps: {
  sql: Sql;
  clock: { now(): Date };
  log: Logger;
  redact: Redact;
  onAlert?: (kind: AlertKind) => void;
}): Alerts {
  const writing = new Set<Promise<void>>();
  const say = ({ kind, about = "", message }: RaisedAlert): void => {
    deps.onAlert?.(kind);
    deps.log.error({ alert: kind, ...(about === "" ? {} : { about }) }, message);
  };
  const keep = (sql: Query, { kind, about = "", message }: RaisedAlert): Promise<void> =>
    raiseAlert(sql, { kind, about, message: deps.redact(message), now: deps.clock.now() });
  return {
    raise(alert) {
      say(alert);
      const write = keep(deps.sql, alert)
        .catch((error: unknown) =>
          deps.log.error({ err: error, alert: alert.kind }, "an alert could not be kept"),
        )
        .finally(() => writing.delete(write));
      writing.add(write);
    },
    async begin(work) {
      const raised: RaisedAlert[] = [];
      const { result } = await deps.sql.begin(async (tx) => ({
        result: await work(tx, async (alert) => {
          await keep(tx, alert);
          raised.push(alert);
        }),
      }));
      raised.forEach(say);
      return result;
    },
    async settle() {
      await Promise.all(writing);
    },
  };
}
