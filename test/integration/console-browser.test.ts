/**
 * Proves in a real Chromium that the console works for a person: signed in, a failed instance found among 10,000, why, tried again,
 * green without a reload; by keyboard, on a phone, with nothing that axe-core calls serious. The engine's part is played: its
 * runs come to what the test says (test/e2e/console.test.ts has the real one).
 */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findBarriers } from "../support/axe.ts";
import { failedRun } from "../support/canned-runs.ts";
import { findChromium, startChromium } from "../support/chromium.ts";
import {
  dark,
  desktop,
  goodRun,
  openWindow,
  phone,
  resourceEvents,
  startConsoleSite,
  takePicture,
  type ConsoleSite,
} from "../support/console-browser.ts";

const executable = findChromium();
if (executable === undefined)
  process.stdout.write("skipped: the console in Chromium; there is none here (apt-get install chromium)\n");

const mismatch = "ssh: handshake failed: host key mismatch for 192.0.2.7";
const preview = `+-hcloud:index/server:Server: (replace)
    [id=4711]
  ~ location : "nbg1" => "fsn1"
  ~ serverType: "cx23" => "cx33"
    labels    : {
        clawfleet: "iaaaaaaaaa502"
    }
`;
let site: ConsoleSite;
let browser: Browser;

/** One of the fleet, whose last run failed so that a person is needed. */
async function fail(slug: string): Promise<void> {
  site.runs.answer = failedRun(mismatch);
  await site.api.request("POST", `/api/v1/instances/${slug}/apply`);
  await site.untilFailed(slug);
}

/** A run that stops half-way until the test lets it go on. */
function runInSteps(): { goOn: () => void } {
  const gate = Promise.withResolvers<void>();
  site.runs.answer = async (say) => {
    const [server, record] = [resourceEvents("Server", "update"), resourceEvents("Rdns")];
    for (const event of [server.started, server.done, record.started]) say(event);
    await gate.promise;
    say(record.done);
    return goodRun(1, { update: 1, create: 1, same: 7 });
  };
  return { goOn: () => gate.resolve() };
}

describe.skipIf(executable === undefined)("in Chromium", () => {
  beforeAll(async () => {
    site = await startConsoleSite(10_000);
    browser = await startChromium(executable ?? "");
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
  });

  test("an operator finds a failed instance among 10,000, reads why, tries again, and sees it go green", async () => {
    await fail("ada-7700");
    const { goOn } = runInSteps();
    const { page, complaints, context } = await openWindow(browser, site);
    expect(await page.locator("#count").textContent()).toContain("10,000 instances");
    await takePicture(page, "fleet-desktop");

    await page.getByRole("link", { name: /^parked/ }).click();
    await page.getByLabel("Name, e-mail or id").fill("ada-7700");
    await page.getByRole("button", { name: "Filter" }).click();
    expect(await page.locator("#count").textContent()).toContain("1 instance");
    await page.getByRole("link", { name: "ada-7700" }).click();

    const why = page.getByRole("region", { name: "It waits for a person" });
    expect(await why.textContent()).toContain("host key mismatch");
    expect(await why.textContent()).toContain("another machine answers at this address");
    await takePicture(page, "failed-desktop");

    await page.getByRole("button", { name: "Try again now" }).click();
    await page.getByText("changed server").waitFor();
    const head = page.locator("#head");
    await head.getByText("converging").waitFor();
    await takePicture(page, "running-desktop");
    await page.evaluate("globalThis.neverReloaded = true");
    goOn();
    await head.getByText("ready").waitFor();
    await page.getByText("created rdns").waitFor();
    await why.waitFor({ state: "detached" });
    await page.getByText("What happens appears below").waitFor({ state: "detached" });
    await page.getByRole("region", { name: "Timeline" }).getByText("succeeded").waitFor();
    await page.locator("#announce").getByText("It is ready now.").waitFor({ state: "attached" });
    expect(await page.evaluate("neverReloaded")).toBe(true);
    await takePicture(page, "green-desktop");
    expect(complaints).toEqual([]);
    await context.close();
  });

  test("a preview is asked for, and shows what an apply would change", async () => {
    site.runs.answer = () => Promise.resolve({ ...goodRun(1, { replace: 1, update: 1 }), diff: preview });
    const { page, complaints, context } = await openWindow(browser, site);
    await page.goto("/console/instances/cleo-502");
    await page.getByRole("button", { name: "Preview" }).click();
    const changes = page.getByRole("region", { name: "What an apply would change" });
    await changes.getByText("serverType").waitFor();
    expect(await changes.locator("[data-kind=replace]").count()).toBe(1);
    expect(await changes.locator("[data-kind=update]").count()).toBe(2);
    expect([await findBarriers(page), complaints]).toEqual([[], []]);
    await takePicture(page, "preview-desktop");
    await context.close();
  });

  const paths = [
    "/console",
    "/console?status=parked",
    "/console/instances/bo-101",
    "/console/instances/ada-100",
    "/console/instances/ada-1100",
    "/console/drift",
    "/console/queue",
    "/console/money",
    "/console/audit",
    "/console/nothing",
  ];

  test.each([desktop, dark, phone])("nothing keeps anybody out: $name", async (view) => {
    const { page, complaints, context } = await openWindow(browser, site, view);
    for (const path of paths) {
      await page.goto(path);
      const name = path.replaceAll(/\W+/g, "-").slice(1);
      await page.evaluate(`document.querySelectorAll("details").forEach((one) => (one.open = true))`);
      await takePicture(page, `${name}-${view.name}`);
      expect([path, await findBarriers(page)]).toEqual([path, []]);
      expect([path, await overflow(page)]).toEqual([path, 0]);
    }
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel("Your API key").waitFor();
    await takePicture(page, `sign-in-${view.name}`);
    expect(await findBarriers(page)).toEqual([]);
    expect(complaints.filter((text) => !text.includes("404"))).toEqual([]);
    await context.close();
  });

  test("all of it by keyboard alone", async () => {
    await fail("ada-300");
    site.runs.answer = goodRun(1, { create: 9 });
    const context = await browser.newContext({ baseURL: site.url });
    const page = await context.newPage();
    await page.goto("/console/instances/ada-300");
    // The field for the key has the focus.
    await page.keyboard.type(site.key);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "ada-300", exact: true }).waitFor();
    await page.keyboard.press("Tab");
    expect(await focused(page)).toBe("Skip to the content");
    await page.keyboard.press("Enter");
    await tabTo(page, "Try again now");
    await page.keyboard.press("Enter");
    await page.locator("#head").getByText("ready").waitFor();

    await page.goto("/console");
    await page.keyboard.press("/");
    await page.keyboard.type("hugo7@example.org");
    await page.keyboard.press("Enter");
    await page.waitForURL(/q=hugo7/);
    await tabTo(page, "hugo-7");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "hugo-7", exact: true }).waitFor();
    await context.close();
  });

  test("what deletes asks for the name, and the browser lets nothing else through", async () => {
    await site.api.request("POST", "/api/v1/instances", { body: { slug: "doomed", plan: "starter" } });
    const { page, context } = await openWindow(browser, site);
    await page.goto("/console/instances/doomed");
    await page.getByText("Delete with everything on it").first().click();
    const typed = page.locator("#typed-delete");
    await typed.fill("doome");
    await page.getByRole("button", { name: "Delete with everything on it" }).click();
    expect(await page.evaluate(`document.querySelector("#typed-delete").validity.patternMismatch`)).toBe(
      true,
    );
    await typed.fill("doomed");
    await page.getByRole("button", { name: "Delete with everything on it" }).click();
    await page.getByText("It will be deleted.").waitFor();
    await context.close();
  });

  test("a script that got into a page does not run, and says so to nobody else", async () => {
    const { page, complaints, context } = await openWindow(browser, site);
    await page.evaluate(`{
      const script = document.createElement("script");
      script.textContent = "globalThis.ran = true";
      const picture = document.createElement("img");
      picture.src = "http://192.0.2.1/steal";
      document.body.append(script, picture);
    }`);
    expect(await page.evaluate("globalThis.ran")).toBeUndefined();
    await expect
      .poll(() => complaints.filter((text) => text.includes("Content Security Policy")).length)
      .toBe(2);
    await context.close();
  });

  test("a page that is left open notices that its session has ended", async () => {
    const { page, context } = await openWindow(browser, site);
    await page.goto("/console/instances/bo-101");
    await page.getByText("live", { exact: false }).first().waitFor();
    await site.api.database.sql`delete from clawfleet.console_sessions`;
    await page.getByText("Your session has ended").waitFor();
    expect(new URL(page.url()).pathname).toBe("/console/sign-in");
    await context.close();
  });
});

/** Pixels that the page is wider than its window. */
async function overflow(page: Page): Promise<number> {
  return await page.evaluate(
    `Math.max(0, document.documentElement.scrollWidth - document.documentElement.clientWidth)`,
  );
}

async function focused(page: Page): Promise<string> {
  return await page.evaluate(`document.activeElement?.textContent?.trim() ?? ""`);
}

/** @throws when the keyboard does not lead there. */
async function tabTo(page: Page, text: string): Promise<void> {
  for (let steps = 0; steps < 60; steps += 1) {
    await page.keyboard.press("Tab");
    if ((await focused(page)) === text) return;
  }
  throw new Error(`the keyboard does not lead to ${text}`);
}
