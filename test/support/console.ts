/** An operator before the console without a browser: keeps the cookie, reads forms' tokens, sends what a browser sends. */
import type { AdminApp } from "./admin-app.ts";

export type Visitor = {
  /** With the scopes of a key of this name. */
  signIn(key: string): Promise<Page>;
  open(path: string, headers?: Record<string, string>): Promise<Page>;
  /** With the token of the last page that was opened; `fields` may name another one. */
  submit(path: string, fields?: Record<string, string>, headers?: Record<string, string>): Promise<Page>;
  /** `name=value`, as the browser sends it; empty when there is none. */
  cookie: string;
};

export type Page = { status: number; html: string; headers: Headers; location: string };

export async function makeKey(api: AdminApp, name: string, scopes: readonly string[]): Promise<string> {
  const { body } = await api.request("POST", "/api/v1/keys", { body: { name, scopes } });
  return (body as { key: string }).key;
}

export function createVisitor(api: Pick<AdminApp, "app">): Visitor {
  let csrf = "";
  async function send(path: string, init: RequestInit): Promise<Page> {
    const headers = new Headers(init.headers);
    if (visitor.cookie !== "") headers.set("cookie", visitor.cookie);
    const answer = await api.app.request(path, { ...init, headers });
    const html = await answer.text();
    for (const set of answer.headers.getSetCookie())
      visitor.cookie = set.includes("Max-Age=0") ? "" : (set.split(";")[0] ?? "");
    csrf = /name="csrf" value="([^"]+)"/.exec(html)?.[1] ?? csrf;
    const location = answer.headers.get("location") ?? "";
    return { status: answer.status, html, headers: answer.headers, location };
  }
  const visitor: Visitor = {
    cookie: "",
    signIn: (key) => visitor.submit("/console/sign-in", { key }),
    open: (path, headers = {}) => send(path, { headers: { "sec-fetch-site": "none", ...headers } }),
    submit: (path, fields = {}, headers = {}) =>
      send(path, {
        method: "POST",
        headers: { "sec-fetch-site": "same-origin", ...headers },
        body: new URLSearchParams({ csrf, ...fields }),
      }),
  };
  return visitor;
}

/** On the fleet's page. @throws when the key is not let in. */
export async function openConsole(api: AdminApp, key: string): Promise<Visitor> {
  const visitor = createVisitor(api);
  const { status, html } = await visitor.signIn(key);
  if (status !== 303) throw new Error(`not let in: ${status} ${html}`);
  await visitor.open("/console");
  return visitor;
}
