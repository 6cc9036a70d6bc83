/**
 * Proves the console on the whole product, in a real Chromium: a customer whose name is taken at Cloudflare is found among 10,000,
 * the page says why, and once the stranger's record is gone "Try again" builds the server before the operator's eyes. The other
 * 9,999 are rows that nobody touches. What each page does is in test/integration/console-*.test.ts.
 */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { unwrap } from "../../reconciler/cli/client.ts";
import { findChromium, startChromium } from "../support/chromium.ts";
import { openWindow, takePicture } from "../support/console-browser.ts";
import { seedConsoleFleet } from "../support/console-fleet.ts";
import { findObstacle, startFleet, type Fleet } from "../support/fleet.ts";

const executable = findChromium();
const obstacle = await findObstacle();
/** For what the engine does. */
const patience = { timeout: 240_000 };

describe.skipIf(obstacle !== undefined || executable === undefined)("the console", () => {
  let fleet: Fleet;
  let browser: Browser;
  beforeAll(async () => {
    fleet = await startFleet({ CLAWFLEET_DRIFT_SECONDS: "0" });
    browser = await startChromium(executable ?? "");
  });
  afterAll(async () => {
    await browser?.close();
    await fleet?.close();
  });

  test("a failed instance among 10,000: found, understood, tried again, seen to go green", async () => {
    const stranger = fleet.sandbox.cloudflare.addRecord("claws.example", {
      type: "A",
      name: "olga.claws.example",
      content: "192.0.2.1",
    });
    await fleet.provision("olga");
    await fleet.untilStatus("olga", "parked");
    await fleet.database.sql.begin(async (sql) => {
      await seedConsoleFleet(sql, 9_999);
      await sql`delete from clawfleet.health`;
      await sql`
        update clawfleet.instances set override = '{"hold": true}', observed_phase = null where provider = 'stripe'`;
    });
    const json = { name: "anna", scopes: ["read", "operate"] as ["read", "operate"] };
    const { key } = await unwrap(fleet.client.keys.$post({ json }));

    const { page, complaints } = await openWindow(browser, { url: fleet.service.url, key });
    expect(await page.locator("#count").textContent()).toContain("10,000 instances");
    await page.getByRole("link", { name: /^parked/ }).click();
    await page.getByLabel("Name, e-mail or id").fill("olga");
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name: "olga" }).click();
    const why = page.getByRole("region", { name: "It waits for a person" });
    expect(await why.textContent()).toContain(
      "olga.claws.example has a A record to 192.0.2.1 that is not ours",
    );
    expect(await why.textContent()).toContain("delete or rename that record at Cloudflare");

    fleet.sandbox.cloudflare.removeRecord(stranger.id);
    await page.getByRole("button", { name: "Try again now" }).click();
    await page.locator("#head").getByText("converging").waitFor(patience);
    await page.evaluate("globalThis.neverReloaded = true");
    await page.getByText("created server", { exact: true }).waitFor(patience);
    await takePicture(page, "e2e-running");
    await page.locator("#head").getByText("ready").waitFor(patience);
    await page.getByRole("region", { name: "Timeline" }).getByText("succeeded").waitFor(patience);
    await page.getByText("created health", { exact: true }).waitFor(patience);
    expect(await page.evaluate("neverReloaded")).toBe(true);
    expect(complaints).toEqual([]);
    await takePicture(page, "e2e-green");

    const last = (await fleet.operations("olga"))[0];
    expect([last?.kind, last?.outcome, last?.actor]).toEqual(["up", "succeeded", "anna"]);
    const { entries } = await unwrap(fleet.client.audit.$get({ query: { actor: "anna" } }));
    expect(entries[0]?.path).toBe("/console/instances/olga/actions/apply");
  });
});
