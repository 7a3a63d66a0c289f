// Setting up without a mouse: an app is made, connected and made the default app, its deliveries are looked at, and a
// colleague is invited. Every stop of the way can be seen.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { open, visit } from "./browser.mjs";
import { start } from "./server.mjs";

let server;
let browser;
before(async () => {
  [server, browser] = await Promise.all([start(), open()]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Goes on with Tab until something is reached; each stop must show that it is one. */
async function tabTo(page, target) {
  for (let stops = 0; stops < 120; stops += 1) {
    if (await target.evaluate((one) => one === document.activeElement)) return;
    await page.keyboard.press("Tab");
    const hidden = await page.evaluate(() => {
      const one = document.activeElement;
      if (one === null || one === document.body) return null;
      const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(one);
      const around = one.parentElement && getComputedStyle(one.closest("label, [class*=write]") ?? one.parentElement);
      const seen = [outlineStyle !== "none" && outlineWidth !== "0px", boxShadow !== "none", around?.outlineStyle === "solid"];
      return seen.some(Boolean) ? null : one.outerHTML.slice(0, 160);
    });
    assert.equal(hidden, null, "a stop that cannot be seen");
  }
  assert.fail(`never reached: ${target}`);
}

/** Ways of a hand on the keys. */
function hand(page) {
  const enter = async (target) => {
    await tabTo(page, target);
    await page.keyboard.press("Enter");
  };
  return {
    enter,
    press: (name) => enter(page.getByRole("button", { name, exact: true })),
    rail: (name) => enter(page.getByRole("navigation", { name: "Screens" }).getByRole("link", { name, exact: true })),
    tab: (name) => enter(page.getByRole("navigation", { name: "Settings of the page" }).getByRole("link", { name })),
  };
}

test("an app, from nothing to the default app, without a mouse", async () => {
  const { page, fine, close } = await visit(browser, server, "apps");
  const keys = page.keyboard;
  const { press, rail } = hand(page);
  await page.getByRole("link", { name: /Support bot/ }).first().waitFor();
  await press("New app");
  await tabTo(page, page.getByLabel("Name", { exact: true }));
  await keys.type("Night shift");
  await press("Make it");
  await page.getByRole("status").getByText(/The secret of Night shift/).waitFor();
  await press("I have it");
  await page.getByRole("link", { name: /Night shift/ }).first().waitFor();

  await rail("Pages");
  await page.getByRole("heading", { name: "Who answers" }).waitFor();
  await tabTo(page, page.getByRole("combobox", { name: "App to connect" }));
  await keys.type("Night");
  await press("Connect");
  await page.getByRole("row", { name: /Night shift/ }).waitFor();
  await press(/^Save/);
  await page.getByText("Nothing is changed.").waitFor();
  await tabTo(page, page.getByRole("combobox", { name: "Default app" }));
  await keys.type("Night");
  await page.getByRole("status").getByText(/Night shift/).first().waitFor();
  await press(/^Save, move \d+/);
  await page.getByText("Nothing is changed.").waitFor();
  const { data: apps } = await server.call("GET", "apps");
  const made = apps.find((one) => one.name === "Night shift").id;
  assert.equal((await server.call("GET", "pages/2001")).messenger.default_app, made);

  await rail("Deliveries");
  await page.getByRole("heading", { name: "Deliveries", level: 2 }).waitFor();
  const first = page.getByRole("row").nth(1).getByRole("button");
  await tabTo(page, first);
  await keys.press("Enter");
  await page.getByRole("complementary", { name: "Delivery" }).getByText(/^POST http/).waitFor();
  await keys.press("Escape");
  await page.getByRole("complementary", { name: "Delivery" }).waitFor({ state: "detached" });

  await rail("Settings");
  await tabTo(page, page.getByLabel("Name", { exact: true }));
  await keys.type("Noor");
  await press("Make a link");
  await page.getByRole("status").locator("code").waitFor();
  await press("I have it");
  await page.getByRole("row", { name: /Noor/ }).waitFor();

  await rail("Overview");
  await page.getByRole("heading", { name: "In control now" }).waitFor();
  await press("Changes of control as a table");
  await page.getByRole("table").first().waitFor();
  // Nothing moves for who asked that nothing moves.
  assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
  fine();
  await close();
});

test("a link, an ad, a token and a webhook that is sent again, without a mouse", async () => {
  const { page, fine, close } = await visit(browser, server, "pages/2001/routing");
  const keys = page.keyboard;
  const { enter, press, rail, tab } = hand(page);
  const saved = () => page.getByText("Nothing is changed.").waitFor();
  await page.getByRole("heading", { name: "Who answers" }).waitFor();

  await tab("Links");
  await tabTo(page, page.getByLabel("ref", { exact: true }));
  await keys.type("autumn");
  await tabTo(page, page.getByLabel("goes to", { exact: true }));
  await keys.type("Help");
  await press("Add link");
  await page.getByRole("row", { name: /ref=autumn/ }).waitFor();
  await press(/^Save/);
  await saved();

  await tab("Ads");
  await press("New ad");
  await tabTo(page, page.getByLabel("Name", { exact: true }));
  await keys.press("Control+a");
  await keys.type("Autumn sale");
  await tabTo(page, page.getByLabel("Gives control to"));
  await keys.type("Marketing");
  const template = page.getByLabel("Message template, JSON");
  await tabTo(page, template);
  await keys.press("Control+End");
  await keys.press("Backspace");
  await page.getByRole("status").filter({ hasText: /JSON|Expected|Unterminated/ }).waitFor();
  await keys.type("}");
  await page.getByText("The JSON is valid").waitFor();
  await press(/^Save/);
  await saved();
  const { ads, links } = await server.call("GET", "pages/2001");
  const { data: apps } = await server.call("GET", "apps");
  const of = (name) => apps.find((app) => app.name === name).id;
  assert.equal(links.find((link) => link.ref === "autumn").app, of("Help desk"));
  const made = ads.find((ad) => ad.name === "Autumn sale");
  assert.match(made.template, new RegExp(`"receiving_app_id": ?${of("Marketing bot")}`));

  await tab("Tokens");
  await press("Make a token for Help desk");
  await page.getByRole("status").locator("code").waitFor();
  await press("I have it");
  await page.getByRole("status").locator("code").waitFor({ state: "detached" });

  await rail("Live");
  const webhook = page.getByRole("row", { name: /Webhook/ }).first();
  await webhook.waitFor();
  await enter(page.getByRole("grid"));
  const drawer = page.getByRole("complementary", { name: "Event" });
  await drawer.waitFor();
  // From one to the next, until it is a webhook.
  for (let rows = 0; rows < 60 && !(await drawer.getByRole("button", { name: "Resend" }).count()); rows += 1) {
    await keys.press("j");
    await drawer.getByText("As Baton told it").waitFor();
  }
  await enter(drawer.getByRole("button", { name: "Resend", exact: true }));
  await drawer.getByText("Sent again").waitFor();
  fine();
  await close();
});
