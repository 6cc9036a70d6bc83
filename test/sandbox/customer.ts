/** A person at a browser without JavaScript: fills in the forms of the sign-up and payment pages, follows redirects. */

export type Visit = { url: string; status: number; html: string };

export async function visit(url: string, form?: Record<string, string>): Promise<Visit> {
  let answer = await fetch(url, {
    redirect: "manual",
    ...(form ? { method: "POST", body: new URLSearchParams(form) } : {}),
  });
  let at = url;
  for (let hops = 0; hops < 5 && answer.status >= 300 && answer.status < 400; hops += 1) {
    at = new URL(answer.headers.get("location") ?? "", at).href;
    answer = await fetch(at, { redirect: "manual" });
  }
  return { url: at, status: answer.status, html: await answer.text() };
}

export const goodCard = "4242424242424242";

/** Places an order and pays it. Returns the address of the progress page. */
export async function buy(
  siteUrl: string,
  order: { plan: string; slug: string; email: string; card?: string },
): Promise<{ orderUrl: string; orderId: string }> {
  const payment = await visit(`${siteUrl}/orders`, { plan: order.plan, slug: order.slug });
  if (payment.status !== 200 || !payment.html.includes('name="card"')) {
    throw new Error(`the order was refused with ${payment.status}: ${textOf(payment.html)}`);
  }
  const written = /<form[^>]*action="([^"]+)"/.exec(payment.html)?.[1];
  const action = written?.replaceAll("&amp;", "&") ?? payment.url;
  const fields = {
    email: order.email,
    name: "Test Person",
    card: order.card ?? goodCard,
    expiry: "12 / 34",
    cvc: "123",
  };
  const paid = await visit(new URL(action, payment.url).href, matchFields(payment.html, fields));
  const orderId = /\/orders\/([A-Za-z0-9_-]+)/.exec(paid.url)?.[1];
  if (paid.status !== 200 || orderId === undefined) {
    throw new Error(`the payment did not lead back to the order (${paid.status}): ${textOf(paid.html)}`);
  }
  return { orderUrl: paid.url, orderId };
}

/** Presses "Show my token" on the order page. */
export async function revealToken(orderUrl: string): Promise<string | undefined> {
  const page = await visit(`${orderUrl}/credentials`, { show: "1" });
  return /<code id="token"[^>]*>([^<]+)<\/code>/.exec(page.html)?.[1];
}

export type OrderProgress = { headline: string; steps: { id: string; state: string }[] };

export async function readProgress(orderUrl: string): Promise<OrderProgress> {
  const { html } = await visit(orderUrl);
  const steps = [...html.matchAll(/data-step="([^"]+)" data-state="([^"]+)"/g)];
  return {
    headline: /<h1[^>]*>([^<]+)</.exec(html)?.[1] ?? "",
    steps: steps.map(([, id, state]) => ({ id: id ?? "", state: state ?? "" })),
  };
}

/** The page's own names for the card fields: whatever input's name holds our word. */
function matchFields(html: string, values: Record<string, string>): Record<string, string> {
  const names = [...html.matchAll(/<input[^>]*\bname="([^"]+)"/g)].map((match) => match[1] ?? "");
  const form: Record<string, string> = {};
  for (const [word, value] of Object.entries(values)) {
    const name = names.find((candidate) => candidate.toLowerCase().includes(word));
    if (name !== undefined) form[name] = value;
  }
  return form;
}

function textOf(html: string): string {
  return html
    .replaceAll(/<style[\s\S]*?<\/style>/g, "")
    .replaceAll(/<[^>]+>/g, " ")
    .replaceAll(/\s+/g, " ")
    .trim()
    .slice(0, 300);
}
