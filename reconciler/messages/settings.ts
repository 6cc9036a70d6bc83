/** The part of the environment that messages need. Nothing of it must be there. */
import { z } from "zod";
import type { CarrierSettings } from "./carriers.ts";
import type { Mailbox, SmtpSettings } from "./mailer.ts";

/** `Name <address>` or an address. */
const mailboxPattern = /^(?:(?<name>[^<>"\p{Cc}]*?)\s*<(?<inner>[^<>\s]+)>|(?<plain>[^<>\s]+))$/u;

const mailbox = z
  .string()
  .transform(toMailbox)
  .pipe(z.object({ name: z.string(), address: z.email() }, "an address, or: Name <address>"));

const smtpForm = "smtp://user:password@host:port or smtps://…, percent-encoded, nothing after the port";

export const messageVariables = {
  /** smtp://user:password@host:587 (STARTTLS) or smtps://…:465. Without it customers get no mail. */
  SMTP_URL: z
    .url({ protocol: /^smtps?$/, hostname: /./, error: smtpForm })
    .refine(isWhole, smtpForm)
    .transform(toSmtp)
    .optional(),
  MAIL_FROM: mailbox.optional(),
  /** Incoming webhook of Slack, or of what speaks its language. */
  ALERT_SLACK_URL: z.url({ protocol: /^https?$/, error: "the address of an incoming webhook" }).optional(),
  ALERT_TELEGRAM_TOKEN: z
    .string()
    .regex(/^\d+:[\w-]{30,}$/, "a bot's token, as BotFather gives it")
    .optional(),
  ALERT_TELEGRAM_CHAT: z
    .string()
    .regex(/^(-?\d+|@\w+)$/, "the number of a chat, or @channel")
    .optional(),
  ALERT_EMAIL: z.email("one address").optional(),
  TELEGRAM_API_URL: z.url().default("https://api.telegram.org"),
};

type MessageEnvironment = z.output<z.ZodObject<typeof messageVariables>>;

type Present = Readonly<Record<string, string | undefined>>;

/** What only makes sense together. */
export function listMessageProblems(environment: Present): string[] {
  const needs: [string, string][] = [
    ["SMTP_URL", "MAIL_FROM"],
    ["ALERT_EMAIL", "SMTP_URL"],
    ["ALERT_TELEGRAM_TOKEN", "ALERT_TELEGRAM_CHAT"],
    ["ALERT_TELEGRAM_CHAT", "ALERT_TELEGRAM_TOKEN"],
  ];
  return needs
    .filter(([name, other]) => environment[name] !== undefined && environment[other] === undefined)
    .map(([name, other]) => `${other} is missing: ${name} needs it`);
}

export function toCarrierSettings(env: MessageEnvironment): CarrierSettings {
  const { SMTP_URL: smtp, MAIL_FROM: from } = env;
  const token = env.ALERT_TELEGRAM_TOKEN;
  const chat = env.ALERT_TELEGRAM_CHAT;
  const apiUrl = env.TELEGRAM_API_URL.replace(/\/$/, "");
  return {
    mail: smtp && from ? { smtp, from } : undefined,
    alertEmail: env.ALERT_EMAIL,
    slackUrl: env.ALERT_SLACK_URL,
    telegram: token !== undefined && chat !== undefined ? { token, chat, apiUrl } : undefined,
  };
}

/** What must be seen in no log. */
export function listMessageSecrets({ mail, slackUrl, telegram }: CarrierSettings): string[] {
  return [mail?.smtp.auth?.pass, slackUrl, telegram?.token].filter((secret) => secret !== undefined);
}

/** Options behind the port would be dropped without a word. */
function isWhole(text: string): boolean {
  const url = URL.parse(text);
  const parts = [url?.username, url?.password].map((part) => part ?? "");
  const readable = parts.every((part) => !/%(?![0-9a-f]{2})/i.test(part));
  return url !== null && readable && url.search === "" && url.hash === "" && url.pathname.length <= 1;
}

function toSmtp(text: string): SmtpSettings {
  const url = new URL(text);
  const secure = url.protocol === "smtps:";
  const user = decodeURIComponent(url.username);
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: url.port === "" ? (secure ? 465 : 587) : Number(url.port),
    secure,
    auth: user === "" ? undefined : { user, pass: decodeURIComponent(url.password) },
  };
}

/** The name that letters are signed with is the address where there is none. */
function toMailbox(text: string): Mailbox | undefined {
  const found = mailboxPattern.exec(text.trim())?.groups;
  const address = found?.["inner"] ?? found?.["plain"];
  if (address === undefined) return undefined;
  const name = found?.["name"] ?? "";
  return { name: name === "" ? address : name, address };
}
