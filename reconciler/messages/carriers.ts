/** From a row of the outbox to what goes over the wire, channel by channel. */
import type { Sql } from "postgres";
import { z } from "zod";
import type { Plans } from "../../infra/plans.ts";
import { insertLink } from "../db/account-access.ts";
import { findCustomer } from "../db/customers.ts";
import type { ClaimedMessage } from "../db/outbox.ts";
import { createSlack, createTelegram, type Chat, type ChatSettings } from "./chat.ts";
import type { Delivery } from "./delivery.ts";
import { factsSchema, type Facts } from "./facts.ts";
import { renderHtml } from "./letter-html.tsx";
import { renderText } from "./letter-text.ts";
import { writeLetter } from "./letter.ts";
import { createMailer, createMessageId, type Mailbox, type Mailer, type SmtpSettings } from "./mailer.ts";
import { oneLine } from "./one-line.ts";
import type { SenderDeps } from "./sender.ts";
import { createToken, hashSecret } from "../secrets.ts";

export type CarrierDeps = {
  sql: Sql;
  clock: { now(): Date };
  plans(): Plans;
  /** Of the sign-up page, without a slash at the end. */
  publicUrl: string;
};

export type CarrierSettings = ChatSettings & {
  mail: { smtp: SmtpSettings; from: Mailbox } | undefined;
  alertEmail: string | undefined;
};

export function createCarriers(deps: CarrierDeps, settings: CarrierSettings): SenderDeps["carriers"] {
  const { mail, alertEmail, slackUrl, telegram } = settings;
  const mailer = mail && createMailer(mail.smtp);
  return {
    ...(mail && mailer ? { mail: carryLetters(deps, mailer, mail.from) } : {}),
    ...(mail && mailer && alertEmail ? { alert_mail: carryAlertMails(mailer, mail.from, alertEmail) } : {}),
    ...(slackUrl ? { slack: carryChat(createSlack(slackUrl)) } : {}),
    ...(telegram ? { telegram: carryChat(createTelegram(telegram)) } : {}),
  };
}

type Carrier = NonNullable<SenderDeps["carriers"]["mail"]>;

function carryLetters(deps: CarrierDeps, mailer: Mailer, from: Mailbox): Carrier {
  return async (message, commit) => {
    const facts = factsSchema.safeParse(message.facts);
    if (!facts.success) return refuse("a message that this version cannot read");
    const customer = await findCustomer(deps.sql, message.subject);
    if (!customer) return refuse("its instance is unknown");
    // The last mail of all goes where it was written for: billing may have forgotten the address by now.
    const address = facts.data.kind === "deleted" ? message.recipient : (customer.email ?? message.recipient);
    const to = addressSchema.safeParse(address);
    if (!to.success) return refuse("the address is none");
    const letter = writeLetter({
      facts: facts.data,
      customer,
      planName: deps.plans()[customer.plan]?.name ?? customer.plan,
      publicUrl: deps.publicUrl,
      sender: from.name,
      now: deps.clock.now(),
      token: await issueToken(deps, facts.data),
    });
    const { subject } = letter;
    const body = { text: renderText(letter), html: await renderHtml(letter) };
    return await mailer.send(
      { messageId: toMessageId(message, from), from, to: to.data, subject, ...body },
      commit,
    );
  };
}

/** Each try has one of its own: those of letters that did not leave are known to nobody. */
async function issueToken({ sql, clock }: CarrierDeps, facts: Facts): Promise<string | undefined> {
  if (facts.kind !== "account_link") return undefined;
  const token = createToken();
  const { orderId, expiresAt } = facts;
  const tokenHash = hashSecret(token);
  await insertLink(sql, { tokenHash, orderId, now: clock.now(), expiresAt: new Date(expiresAt) });
  return token;
}

/** One plain address and nothing that a parser of address lists could take for two. */
const addressSchema = z.email().max(254);

function carryAlertMails(mailer: Mailer, from: Mailbox, to: string): Carrier {
  return async (message, commit) => {
    const text = readText(message);
    const subject = `[Clawfleet] ${oneLine(text.split("\n")[0] ?? "", 120)}`;
    return await mailer.send(
      { messageId: toMessageId(message, from), from, to, subject, text: `${text}\n` },
      commit,
    );
  };
}

function carryChat(chat: Chat): Carrier {
  return async (message, commit) =>
    (await commit()) ? await chat.send(readText(message)) : { kind: "withheld" };
}

const alertSchema = z.object({ text: z.string() });

function readText({ facts, subject }: ClaimedMessage): string {
  const alert = alertSchema.safeParse(facts);
  return alert.success ? alert.data.text : subject;
}

function toMessageId({ channel, subject, occasion, period }: ClaimedMessage, from: Mailbox): string {
  return createMessageId([channel, subject, occasion, period], from.address.split("@").at(-1) ?? "localhost");
}

function refuse(detail: string): Delivery {
  return { kind: "refused", detail };
}
