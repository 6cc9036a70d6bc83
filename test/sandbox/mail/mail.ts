/** A mail server that delivers to nobody: it keeps what it takes, for tests and for whoever looks at the demo. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import PostalMime from "postal-mime";
import { SMTPServer } from "smtp-server";
import type { SMTPServerSession } from "smtp-server";
import { startSimulator } from "../kit/simulator.ts";
import { createMailbox } from "./mailbox.tsx";
import { createMailRules, type MailEffect, type MailRules } from "./rules.ts";

export type KeptMail = {
  /** From 1, in the order of arrival. */
  number: number;
  at: Date;
  /** Of the envelope: where it goes. */
  to: string[];
  messageId: string;
  /** As the header says it, for whoever looks at it. */
  toHeader: string;
  from: string;
  subject: string;
  text: string;
  html: string;
  headers: { key: string; value: string }[];
  raw: string;
};

export type MailCatcher = {
  /** `smtp://127.0.0.1:<port>` for SMTP_URL. */
  smtpUrl: string;
  /** Pages with the kept mails; `/mails` has them as JSON. */
  origin: string;
  mails: readonly KeptMail[];
  rules: MailRules;
  /** Refuses connections, as a host that is down. */
  goDown(): Promise<void>;
  /** On the same port as before. */
  comeBack(): Promise<void>;
  close(): Promise<void>;
};

const hostname = "127.0.0.1";

export async function startMailCatcher(): Promise<MailCatcher> {
  const mails: KeptMail[] = [];
  const rules = createMailRules();
  let server = createServer(mails, rules);
  const port = await listen(server, 0);
  const mailbox = await startSimulator({ name: "mail", app: createMailbox(mails) });
  return {
    smtpUrl: `smtp://${hostname}:${port}`,
    origin: mailbox.origin,
    mails,
    rules,
    goDown: () => closeServer(server),
    async comeBack() {
      server = createServer(mails, rules);
      await listen(server, port);
    },
    async close() {
      await Promise.all([mailbox.close(), closeServer(server)]);
    },
  };
}

function createServer(mails: KeptMail[], rules: MailRules): SMTPServer {
  const server: SMTPServer = new SMTPServer({
    // Without STARTTLS: its built-in certificate is nobody's.
    disabledCommands: ["STARTTLS", "AUTH"],
    closeTimeout: 100,
    onRcptTo({ address }, session, done) {
      const effect = rules.take(address, "rcpt");
      if (effect?.kind === "drop-before") return drop(server, session);
      if (effect?.kind === "answer") return done(refusal(effect.code, effect.text));
      void hold(effect).then(() => done());
      return undefined;
    },
    onData(stream, session, done) {
      const to = session.envelope.rcptTo.map(({ address }) => address);
      void text(stream).then(async (raw) => {
        const effect = rules.take(to.join(), "data");
        if (effect?.kind === "answer") return done(refusal(effect.code, effect.text));
        await hold(effect);
        mails.push(await readMail(raw, to, mails.length + 1));
        if (effect?.kind === "drop-after") return drop(server, session);
        done();
        return undefined;
      }, done);
    },
  });
  // Whoever dies in the middle of a conversation is what the tests are about.
  server.on("error", () => undefined);
  return server;
}

async function readMail(raw: string, to: string[], number: number): Promise<KeptMail> {
  const mail = await PostalMime.parse(raw);
  const headers = mail.headers.map(({ key, value }) => ({ key, value }));
  return {
    number,
    at: new Date(),
    to,
    messageId: mail.messageId ?? "",
    toHeader: headers.find(({ key }) => key === "to")?.value ?? "",
    from: headers.find(({ key }) => key === "from")?.value ?? "",
    subject: mail.subject ?? "",
    text: mail.text ?? "",
    html: mail.html ?? "",
    headers,
    raw,
  };
}

async function hold(effect: MailEffect | undefined): Promise<void> {
  if (effect?.kind !== "hold") return;
  effect.onHeld?.();
  await effect.release;
}

function refusal(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode });
}

function drop(server: SMTPServer, session: SMTPServerSession): void {
  for (const connection of server.connections)
    // oxlint-disable-next-line no-underscore-dangle -- its typed public field; there is no other way to a socket
    if (connection.session.id === session.id) connection._socket.destroy();
}

async function listen(server: SMTPServer, port: number): Promise<number> {
  const listener = server.listen(port, hostname);
  await once(listener, "listening");
  return (listener.address() as AddressInfo).port;
}

function closeServer(server: SMTPServer): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
