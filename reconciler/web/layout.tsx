/** The frame of every customer-facing page: readable on a phone, complete without JavaScript. */
import type { Child } from "hono/jsx";

export type LayoutProps = { title: string; script?: string; refresh?: boolean; children: Child };

export function Layout({ title, script, refresh = false, children }: LayoutProps) {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        {refresh ? <meta http-equiv="refresh" content="0" /> : null}
        <title>{title}</title>
        <link rel="stylesheet" href="/assets/site.css" />
        {script === undefined ? null : <script src={script} defer />}
      </head>
      <body>
        <main>{children}</main>
      </body>
    </html>
  );
}
