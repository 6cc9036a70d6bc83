/** The seam to the mail server: one message, one conversation, and a clear word on how it ended. */
import { createHash } from "node:crypto";
import { Transform } from "node:stream";
import { createTransport } from "nodemailer";
import type { Commit, Delivery } from "./delivery.ts";
import { classifyFailure } from "./smtp-failure.ts";

export type SmtpSettings = {
  host: string;
  port: number;
  /** TLS from the first byte; otherwise STARTTLS, which is required as soon as there is a password. */
  secure: boolean;
  auth: { user: string; pass: string } | undefined;
};

export type Mailbox = { name: string; address: string };

export type Mail = {
  /** The same for the same occasion, so that mail systems can drop a double. */
  messageId: string;
  from: Mailbox;
  /** One address, checked before. */
  to: string;
  subject: string;
  text: string;
  html?: string;
};

export type Mailer = { send(mail: Mail, commit: Commit): Promise<Delivery> };

const timeouts = { connectionTimeout: 15_000, greetingTimeout: 15_000, socketTimeout: 60_000 };

export function createMailer(settings: SmtpSettings): Mailer {
  const { host, port, secure, auth } = settings;
  // No pool: it would send again by itself what a broken connection left open.
  const options = { host, port, secure, ...(auth ? { auth, requireTLS: !secure } : {}), ...timeouts };

  return {
    async send(mail, commit) {
      const gate = createGate(commit);
      const transport = createTransport(options);
      transport.use("stream", (message, done) => {
        message.message.transform(gate.stream);
        done();
      });
      try {
        const { response } = await transport.sendMail({
          messageId: mail.messageId,
          from: mail.from,
          to: { name: "", address: mail.to },
          envelope: { from: mail.from.address, to: [mail.to] },
          subject: mail.subject,
          text: mail.text,
          ...(mail.html === undefined ? {} : { html: mail.html }),
          headers: { "Auto-Submitted": "auto-generated" },
          disableFileAccess: true,
          disableUrlAccess: true,
        });
        return { kind: "sent", detail: response };
      } catch (error) {
        if (gate.state() === "closed") return { kind: "withheld" };
        const failure = classifyFailure(error, gate.state() === "open");
        if (failure.kind !== "down") return failure;
        // A server that is well otherwise has something against this message: others need not wait for it.
        const well = await transport.verify().then(
          () => true,
          () => false,
        );
        return well ? { ...failure, kind: "deferred" } : failure;
      } finally {
        transport.close();
      }
    },
  };
}

/**
 * Stands between the message's last byte and the final dot that makes it the server's. Until it opens, a message whose
 * connection breaks has not been taken (RFC 5321, 4.1.1.4), whatever happens to us.
 */
function createGate(commit: Commit): { stream: Transform; state(): "shut" | "open" | "closed" } {
  let state: "shut" | "open" | "closed" = "shut";
  const stream = new Transform({
    transform: (chunk, _encoding, done) => done(null, chunk),
    flush(done) {
      commit().then(
        (mine) => {
          state = mine ? "open" : "closed";
          done(mine ? null : new Error("the claim on this message was lost"));
        },
        (error: unknown) => {
          done(error instanceof Error ? error : new Error(String(error)));
        },
      );
    },
  });
  return { stream, state: () => state };
}

/** Tells nothing of whom it is about. `domain`: where the answers go. */
export function createMessageId(occasion: readonly string[], domain: string): string {
  const hash = createHash("sha256").update(JSON.stringify(occasion)).digest("hex");
  return `<${hash.slice(0, 32)}@${domain}>`;
}
