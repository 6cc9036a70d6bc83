/** The customer in a real browser: signed in by the one-time link alone, a conversation in OpenClaw's own control page. */
import { strict as assert } from "node:assert";
import { chromium, type Browser, type Page } from "playwright-core";
import type { Lab } from "../lab.ts";
import { createAuthority } from "../network/authority.ts";
import { openTlsDoor } from "../network/tls-door.ts";
import { fleet, type Customer } from "./visitor.ts";

/** Debian's; `CHROMIUM` names another. */
const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const patienceMs = 120_000;
const quiet =
  "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync --disable-background-networking --disable-component-update";

export async function signInWithBrowser(lab: Lab, customer: Customer): Promise<void> {
  await lab.stages.run(
    "a browser with the one-time link: signed in, a chat, and never again",
    async (say) => {
      const link = await fleet(lab, ["sign-in", customer.slug]);
      await withBrowser(lab, customer, async (browser) => {
        const page = await visit(browser, link);
        await page.locator("textarea").first().fill("Hello from a browser");
        await page.keyboard.press("Enter");
        const answer = page.getByText(/heard: .*Hello from a browser/).first();
        await answer.waitFor({ timeout: patienceMs });
        say(`on the page: ${(await answer.innerText()).trim()}`);
        assert(!(await page.content()).includes(customer.token), "the gateway's token is not on the page");
        await page.reload();
        await page
          .getByText(/heard: .*Hello from a browser/)
          .first()
          .waitFor({ timeout: patienceMs });
        say("still signed in after a reload");
        const stranger = await visit(browser, link);
        await stranger.getByText("Gateway secret rejected").waitFor({ timeout: patienceMs });
        say("another browser with the same link is refused");
      });
    },
  );
}

/** With nothing of the others: no cookies, no storage. */
async function visit(browser: Browser, link: string): Promise<Page> {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  context.setDefaultTimeout(patienceMs);
  const page = await context.newPage();
  await page.goto(link);
  return page;
}

async function withBrowser(
  lab: Lab,
  { host }: Customer,
  use: (browser: Browser) => Promise<void>,
): Promise<void> {
  const authority = await createAuthority("Edge of the lab");
  const door = await openTlsDoor(lab.sandbox.edge.port, await authority.sign(host, [host], "server"));
  try {
    const rules = `MAP ${host}:443 127.0.0.1:${door.port}, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1`;
    const browser = await chromium.launch({
      executablePath,
      args: [...quiet.split(" "), `--host-resolver-rules=${rules}`],
    });
    try {
      await use(browser);
    } finally {
      await browser.close();
    }
  } finally {
    await door.close();
  }
}
