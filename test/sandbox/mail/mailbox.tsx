/** The kept mails for a person at a browser, and as JSON. */
import { Hono } from "hono";
import type { SimulatorEnv } from "../kit/simulator.ts";
import type { KeptMail } from "./mail.ts";

export function createMailbox(mails: readonly KeptMail[]): Hono<SimulatorEnv> {
  const find = (number: string) => mails.find((mail) => String(mail.number) === number);
  return new Hono<SimulatorEnv>()
    .get("/", (c) => c.html(<MailList mails={mails} />))
    .get("/mails", (c) => c.json(mails.map(({ raw: _raw, ...mail }) => mail)))
    .get("/mails/:number", (c) => {
      const mail = find(c.req.param("number"));
      return mail ? c.html(mail.html === "" ? <pre>{mail.text}</pre> : mail.html) : c.notFound();
    })
    .get("/mails/:number/text", (c) => c.text(find(c.req.param("number"))?.text ?? ""));
}

function MailList({ mails }: { mails: readonly KeptMail[] }) {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <title>Kept mails</title>
      </head>
      <body style="font:16px/1.5 system-ui,sans-serif;margin:24px">
        <h1>{mails.length} mails</h1>
        <ol>
          {mails.map((mail) => (
            <li>
              <a href={`/mails/${mail.number}`}>{mail.subject}</a> (
              <a href={`/mails/${mail.number}/text`}>text</a>) to {mail.to.join(", ")},{" "}
              {mail.at.toISOString()}
            </li>
          ))}
        </ol>
      </body>
    </html>
  );
}
