/** The frame of every page of the console: where one is, who one is, and what the page says. */
import { raw } from "hono/html";
import type { Child, PropsWithChildren } from "hono/jsx";
import type { Operator } from "../operators/api-keys.ts";

export const places = [
  { id: "fleet", title: "Fleet", path: "/console" },
  { id: "drift", title: "Drift", path: "/console/drift" },
  { id: "queue", title: "Queue and budgets", path: "/console/queue" },
  { id: "money", title: "Money", path: "/console/money" },
  { id: "audit", title: "Audit", path: "/console/audit" },
] as const;
export type PlaceId = (typeof places)[number]["id"];

/** What every page of somebody who is signed in needs. */
export type Viewer = { operator: Operator; csrf: string; now: Date };

type DocumentProps = PropsWithChildren<{ title: string; refresh?: boolean }>;

/** A whole document without a frame; for those who are not signed in. */
export function Document({ title, refresh = false, children }: DocumentProps) {
  return (
    <>
      {raw("<!doctype html>")}
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <meta name="robots" content="noindex" />
          <meta name="color-scheme" content="light dark" />
          {refresh ? <meta http-equiv="refresh" content="0" /> : null}
          <title>{title} · Clawfleet</title>
          <link rel="icon" href="/console/assets/icon.svg" type="image/svg+xml" />
          <link rel="stylesheet" href="/console/assets/console.css" />
          <script src="/console/assets/console.js" defer />
        </head>
        <body>{children}</body>
      </html>
    </>
  );
}

export type FrameProps = PropsWithChildren<{ title: string; here?: PlaceId; viewer: Viewer }>;

export function Frame({ title, here, viewer, children }: FrameProps) {
  return (
    <Document title={title}>
      <a class="skip" href="#content">
        Skip to the content
      </a>
      <header class="top">
        <a class="brand" href="/console">
          Clawfleet
        </a>
        <nav aria-label="Console">
          {places.map(({ id, title: name, path }) => (
            <a href={path} aria-current={id === here ? "page" : undefined}>
              {name}
            </a>
          ))}
        </nav>
        <form method="post" action="/console/sign-out" class="who">
          <Csrf viewer={viewer} />
          <span title={`May ${[...viewer.operator.scopes].join(", ")}`}>{viewer.operator.name}</span>
          <button class="quiet" type="submit">
            Sign out
          </button>
        </form>
      </header>
      <main id="content" tabindex={-1}>
        {children}
      </main>
      <p id="announce" class="sr-only" role="status" />
    </Document>
  );
}

/** In every form. */
export function Csrf({ viewer }: { viewer: Viewer }) {
  return <input type="hidden" name="csrf" value={viewer.csrf} />;
}

/** Something that just happened, or did not. */
export function Notice({ kind, children }: { kind: "good" | "bad"; children: Child }) {
  return (
    <p class="notice" data-kind={kind} role={kind === "bad" ? "alert" : "status"}>
      {children}
    </p>
  );
}
