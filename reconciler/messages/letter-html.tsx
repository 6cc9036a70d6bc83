/** A letter as HTML: styles inline, no picture, nothing loaded from anywhere, readable on a phone. */
import { html } from "hono/html";
import type { Letter } from "./letter.ts";

const page = "margin:0;padding:24px 16px;background:#f6f6f4;color:#1c1c1a;font:16px/1.5 system-ui,sans-serif";
const sheet = "max-width:34rem;margin:0 auto;padding:24px;background:#fff;border-radius:8px";
const button =
  "display:inline-block;padding:10px 18px;background:#1c1c1a;color:#fff;border-radius:6px;text-decoration:none";
const muted = "color:#6b6b66";

export async function renderHtml(letter: Letter): Promise<string> {
  return (await html`<!doctype html>${<LetterPage letter={letter} />}`).toString();
}

function LetterPage({ letter }: { letter: Letter }) {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>{letter.subject}</title>
      </head>
      <body style={page}>
        <div style={sheet}>
          <h1 style="margin:0 0 16px;font-size:22px;line-height:1.3">{letter.heading}</h1>
          {letter.paragraphs.map((text) => (
            <p>{text}</p>
          ))}
          <table role="presentation" cellpadding="0" cellspacing="0" style="margin:16px 0">
            {letter.details.map(({ label, value, href }) => (
              <tr>
                <td style={`padding:2px 16px 2px 0;${muted}`}>{label}</td>
                <td>{href === undefined ? value : <a href={href}>{value}</a>}</td>
              </tr>
            ))}
          </table>
          <p>
            <a href={letter.action.href} style={button}>
              {letter.action.label}
            </a>
          </p>
          <p style={muted}>{letter.signature}</p>
        </div>
      </body>
    </html>
  );
}
