/** What a customer reads on each occasion. One wording for text and HTML. Pure. */
import { shownHost } from "../../components/hosts.ts";
import type { CustomerRow } from "../db/customers.ts";
import type { Facts } from "./facts.ts";
import { oneLine } from "./one-line.ts";

export type Letter = {
  subject: string;
  heading: string;
  paragraphs: string[];
  details: { label: string; value: string; href?: string }[];
  action: { label: string; href: string };
  signature: string;
};

export type LetterInput = {
  facts: Facts;
  customer: Omit<CustomerRow, "email">;
  planName: string;
  /** Of the sign-up page, without a slash at the end. */
  publicUrl: string;
  /** Who writes: the name in MAIL_FROM. */
  sender: string;
  now: Date;
  /** Of a letter that lets somebody in, and of no other. */
  token?: string | undefined;
};

type Words = { subject: string; heading: string; paragraphs: string[]; action: string };

const dayMs = 86_400_000;
const nothingByUs =
  "We do not cancel your subscription and we refund nothing by ourselves: both stay your decision.";

export function writeLetter(input: LetterInput): Letter {
  const { customer } = input;
  const { slug, zone, domain } = customer;
  const named = { slug, override: { customDomain: domain ?? undefined } };
  const host = oneLine(zone === null ? slug : shownHost(named, zone));
  const { action, ...words } = wordsFor(input.facts, host, input.now);
  const address = input.facts.kind === "ready" ? (customer.url ?? `https://${host}`) : undefined;
  return {
    ...words,
    details: [
      {
        label: "Address",
        value: oneLine(address ?? host),
        ...(isWebAddress(address) ? { href: address } : {}),
      },
      { label: "Plan", value: oneLine(input.planName) },
    ],
    action: { label: action, href: toHref(input) },
    signature: oneLine(input.sender),
  };
}

function toHref({ facts, customer, publicUrl, token = "" }: LetterInput): string {
  const orderId = facts.kind === "account_link" ? facts.orderId : customer.orderId;
  if (orderId === null) return publicUrl;
  const order = `${publicUrl}/orders/${encodeURIComponent(orderId)}`;
  return facts.kind === "account_link" ? `${order}/billing/enter?token=${encodeURIComponent(token)}` : order;
}

function wordsFor(facts: Facts, host: string, now: Date): Words {
  switch (facts.kind) {
    case "paid":
      return {
        subject: `Your order: ${host}`,
        heading: {
          paid: "Thank you for your payment",
          trial: "Your trial has begun",
          free: "An assistant for you",
        }[facts.payment],
        paragraphs: [
          "Your assistant is being built on a server of its own. This takes a few minutes.",
          "We write again when it answers. You need not do anything until then.",
        ],
        action: "See how far it is",
      };
    case "ready":
      return facts.again
        ? {
            subject: `Your assistant is running again: ${host}`,
            heading: "Your assistant is running again",
            paragraphs: ["Everything is as you left it, with the same address and the same access token."],
            action: "Your order",
          }
        : {
            subject: `Your assistant is ready: ${host}`,
            heading: "Your assistant is ready",
            paragraphs: [
              "It runs on its own server and answers at the address below.",
              "Your access token is not in this mail. The page of your order shows it once; have a place ready where you keep it.",
            ],
            action: "Show my access token",
          };
    case "failed":
      return {
        subject: `Your assistant is late: ${host}`,
        heading: facts.again ? "Your assistant is not back yet" : "Your assistant is not ready yet",
        paragraphs: [
          "Something went wrong on our side. It is not your fault, and there is nothing that you have to do.",
          "Our operators have been told. We keep working on it and write again when it answers.",
          nothingByUs,
        ],
        action: "See how far it is",
      };
    case "past_due":
      return {
        subject: `Your payment did not go through: ${host}`,
        heading: "Your payment did not go through",
        paragraphs: [
          `Your assistant keeps running for now. If the payment is still missing on ${toDay(facts.suspendAt)}, it is stopped; its data is kept.`,
          "Please see to your means of payment at our payment provider; answer this mail if you need help with it. Once it is paid, nothing changes.",
        ],
        action: "Your order",
      };
    case "suspended":
      return {
        subject: `Your assistant has been stopped: ${host}`,
        heading: "Your assistant has been stopped",
        paragraphs: [stoppedBecause[facts.cause], ...whatFollows(facts)],
        action: "Your order",
      };
    case "deletion_warning": {
      const days = describeDays(facts.deleteAt, now);
      return {
        subject: `Your assistant is deleted ${days}: ${host}`,
        heading: `Your assistant and its data are deleted ${days}`,
        paragraphs: [
          `On ${toDay(facts.deleteAt)} we delete the server, the data on it and everything that was saved of it. Nobody can bring it back after that.`,
          "If you want to keep it, renew your subscription before that day: it comes back with your data, under the same address. Answer this mail if you need help with it.",
        ],
        action: "Your order",
      };
    }
    case "deleted":
      return {
        subject: `Your assistant has been deleted: ${host}`,
        heading: "Your assistant has been deleted",
        paragraphs: [
          "Its server, the data on it, its address and its keys are gone and cannot be brought back. We keep a record of what happened and when, nothing of what was in it.",
          "Thank you for having been with us. A new assistant is a few minutes away, whenever you like.",
        ],
        action: "Start again",
      };
    case "message_limit": {
      const limit = facts.limit.toLocaleString("en");
      return {
        subject: `The messages of your plan are used: ${host}`,
        heading: "The messages of your plan are used for this month",
        paragraphs: [
          `Your assistant has answered the ${limit} messages that your plan holds for a month. It goes on answering, and nothing is charged for it.`,
          `On ${toDay(facts.renewsAt)} the count begins again. If a month often needs more, a larger plan fits better: the page of your order leads to it, or answer this mail.`,
        ],
        action: "Your order",
      };
    }
    case "account_link":
      return {
        subject: `Your way into your subscription: ${host}`,
        heading: "Your way into your subscription",
        paragraphs: [
          `Somebody with the address of your order, probably you, asked to change the subscription of ${host}. The link below opens its billing page once, until ${toTime(facts.expiresAt)}, for an hour.`,
          "If it was not you, do nothing: without this link nothing can be changed. Do not hand it on.",
        ],
        action: "Open my billing page",
      };
  }
}

const stoppedBecause: Record<Extract<Facts, { kind: "suspended" }>["cause"], string> = {
  ended: "Your subscription has ended, so we have stopped your assistant. Its data is kept for now.",
  unpaid:
    "Your subscription is not paid, so we have stopped your assistant. Its data is kept, and it is back within minutes once the payment has arrived.",
  operator:
    "We have stopped your assistant. Its data is kept. Please answer this mail if you did not expect it.",
};

function whatFollows({ cause, deleteAt }: Extract<Facts, { kind: "suspended" }>): string[] {
  if (cause !== "ended") return [];
  if (deleteAt === null) return [];
  return [
    `If you come back before ${toDay(deleteAt)}, it goes on where it stopped. On that day it is deleted with all of its data.`,
  ];
}

/** By the calendar of whoever reads it now, not by when it should have been sent. */
function describeDays(deleteAt: string, now: Date): string {
  const days = Math.round((new Date(deleteAt).getTime() - now.getTime()) / dayMs);
  if (days < 1) return "today";
  return days === 1 ? "tomorrow" : `in ${days} days`;
}

const day = new Intl.DateTimeFormat("en", { dateStyle: "long", timeZone: "UTC" });

function toDay(iso: string): string {
  return day.format(new Date(iso));
}

const time = new Intl.DateTimeFormat("en", { timeStyle: "short", hourCycle: "h23", timeZone: "UTC" });

function toTime(iso: string): string {
  return `${time.format(new Date(iso))} UTC`;
}

function isWebAddress(text: string | undefined): text is string {
  return text !== undefined && /^https?:$/.test(URL.parse(text)?.protocol ?? "");
}
