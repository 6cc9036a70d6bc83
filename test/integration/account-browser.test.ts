/**
 * Proves what a real browser makes of the way from a mail into the billing page: the Strict cookie, the button that the link leads
 * to, the form's token, the way back from another site. Skipped where there is no Chromium; the rules themselves: account-access.test.ts.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { serveStatic } from "@hono/node-server/serve-static";
import { Hono } from "hono";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findFreePort } from "../../reconciler/db/free-port.ts";
import { listen, type HttpServer } from "../../reconciler/service/http.ts";
import { startAccountSide, type AccountSide } from "../support/account.ts";
import { findBarriers } from "../support/axe.ts";
import { findChromium, startChromium } from "../support/chromium.ts";
import { phone, takePicture } from "../support/console-browser.ts";

const executable = findChromium();
if (executable === undefined)
  process.stdout.write(
    "skipped: the billing page in Chromium; there is none here (apt-get install chromium)\n",
  );

let account: AccountSide;
let site: HttpServer;
let browser: Browser;
/** A mail program in the browser: another site, with one link. */
const webmail = createServer((request, response) => {
  const to = new URL(request.url ?? "", "http://mail.example").searchParams.get("to") ?? "";
  response.setHeader("content-type", "text/html");
  response.end(`<a href="${to.replaceAll("&", "&amp;")}">your link</a>`);
});

beforeAll(async () => {
  if (executable === undefined) return;
  account = await startAccountSide();
  const assets = serveStatic({ root: new URL("../../reconciler/web", import.meta.url).pathname });
  const app = new Hono().use("/assets/*", assets).route("/", account.site);
  site = await listen(app.fetch, { hostname: "127.0.0.1", port: await findFreePort() });
  await new Promise<void>((resolve) => webmail.listen(0, "127.0.0.1", resolve));
  browser = await startChromium(executable);
});
afterAll(async () => {
  await browser?.close();
  webmail.close();
  await site?.close();
  await account?.close();
});

async function followFromMail(page: Page, path: string): Promise<void> {
  // By its name, so that it is another site than the one at 127.0.0.1.
  const { port } = webmail.address() as AddressInfo;
  await page.goto(`http://localhost:${port}/?to=${encodeURIComponent(site.url + path)}`);
  await page.getByRole("link", { name: "your link" }).click();
}

test.skipIf(executable === undefined)(
  "a customer comes by a link from a webmail, and changes something",
  async () => {
    const orderId = await account.buy(account.side.billing, "starter", "bob");
    const home = `/orders/${orderId}/billing`;
    const context = await browser.newContext({ ...phone.options, baseURL: site.url });
    const page = await context.newPage();
    await page.goto(home);
    await takePicture(page, "billing-shut");
    expect(await findBarriers(page)).toEqual([]);
    await page.getByRole("button", { name: "Send me a link" }).click();
    await page.getByText("A link is on its way").waitFor();
    await takePicture(page, "billing-asked");
    await followFromMail(page, await account.lastLink(orderId));
    await takePicture(page, "billing-entry");
    await page.getByRole("button", { name: "Go on" }).click();
    await page.getByLabel("How many assistants").fill("2");
    await takePicture(page, "billing-open");
    expect(await findBarriers(page)).toEqual([]);
    const seeCost = page.locator("form", { has: page.getByLabel("How many assistants") });
    await seeCost.getByRole("button", { name: "See what it costs" }).click();
    await page.getByRole("heading", { name: "Change to 2 assistants" }).waitFor();
    await takePicture(page, "billing-preview");
    await page.getByRole("button", { name: "Change now" }).click();
    await page.getByRole("button", { name: "Cancel all 2 at the end of the period" }).waitFor();
    await takePicture(page, "billing-two");
    expect(await account.side.instances()).toHaveLength(2);
    // As from a payment page: the cookie is Strict, and the page asks for itself once more.
    await followFromMail(page, home);
    await page.getByRole("button", { name: "Lock this page again" }).click();
    await page.getByRole("button", { name: "Send me a link" }).waitFor();
    await context.close();
  },
);
