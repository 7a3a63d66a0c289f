// Each screen in light and dark, wide and on a phone: axe finds nothing, and nothing is wider than the screen. A picture
// of each is in `pictures`, or in BATON_PICTURES.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { axe, contrast, open, visit } from "./browser.mjs";
import { behindALine, start } from "./server.mjs";

const PICTURES = process.env.BATON_PICTURES ?? "pictures";
const SIZES = { wide: { width: 1440, height: 900 }, tablet: { width: 1000, height: 800 }, phone: { width: 390, height: 844 } };
const ADDRESSES = {
  "inbox-none": ["inbox", (page) => page.getByRole("option").first().waitFor()],
  inbox: ["inbox/2001/ada", (page) => page.getByRole("log").getByText("Wonderful, thank you!").waitFor()],
  "inbox-table": ["inbox/2001/ada?view=table", (page) => page.getByRole("table").waitFor()],
  "inbox-closed": ["inbox/2001/old", (page) => page.getByText(/You cannot write/).waitFor()],
  simulator: ["simulator?phones=2001:ada,2001:new", (page) => page.getByText("What Baton decided").first().waitFor()],
  live: ["live", (page) => page.getByRole("row").nth(3).waitFor()],
  overview: ["overview", (page) => page.getByRole("heading", { name: "In control now" }).waitFor()],
  pages: ["pages/2001/routing", (page) => page.getByRole("heading", { name: "Who answers" }).waitFor()],
  "pages-ad": ["pages/2001/ads", (page) => page.getByText("The JSON is valid").waitFor()],
  "pages-links": ["pages/2001/links", (page) => page.getByRole("heading", { name: "m.me links" }).waitFor()],
  "pages-tokens": ["pages/2001/tokens", (page) => page.getByRole("heading", { name: "Page access tokens" }).waitFor()],
  "pages-warnings": ["pages/2001/warnings", (page) => page.getByRole("heading", { name: "Warnings" }).waitFor()],
  app: ["apps/", (page) => page.getByText("Last delivered").waitFor()],
  apps: ["apps", (page) => page.getByRole("link", { name: /Support bot/ }).first().waitFor()],
  delivery: ["deliveries/", (page) => page.getByRole("complementary", { name: "Delivery" }).getByText("Signature").first().waitFor()],
  event: ["live/", (page) => page.getByRole("complementary", { name: "Event" }).waitFor()],
  "settings-sessions": ["settings/sessions", (page) => page.getByRole("heading", { name: "Sessions" }).waitFor()],
  deliveries: ["deliveries", (page) => page.getByRole("heading", { name: "Deliveries", level: 2 }).waitFor()],
  "settings-people": ["settings/people", (page) => page.getByRole("heading", { name: "People" }).waitFor()],
  "settings-audit": ["settings/audit", (page) => page.getByRole("heading", { name: "Who did what" }).waitFor()],
};

let server;
let browser;
let firsts;
before(async () => {
  [server, browser] = await Promise.all([start(), open()]);
  await server.call("POST", "pages/2001/people/old/events", { type: "message", message: { text: "long ago" } });
  await server.call("POST", "clock", { advance: "8d" });
  await server.call("POST", "pages/2001/people/ada/events", { type: "message", message: { text: "hello again" }, entry: { type: "ad", ad_id: "9001" } });
  const [app] = (await server.call("GET", "apps")).data;
  const [delivery] = (await server.call("GET", `apps/${app.id}/deliveries?limit=1`)).data;
  // Of what happened, what shows most: a webhook, with its bytes and signatures.
  const event = (await server.call("GET", "activity?limit=50")).data.find((one) => one.event === "delivery");
  firsts = { app: app.id, delivery: `${delivery.id}?app=${app.id}`, event: event.id };
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Looks at which axe looks whole, and at which for contrast alone: colours differ by scheme, and what is there by size. */
const WHOLE = [axe, "wide light", "phone light"];
const CONTRAST = [contrast, "wide dark", "phone dark"];

for (const [name, [path, ready]] of Object.entries(ADDRESSES)) {
  test(name, async () => {
    // Things without a fixed id: the first of them.
    const whole = path.endsWith("/") ? path + firsts[name] : path;
    const { page, fine, close } = await visit(browser, server, whole, { viewport: SIZES.wide, colorScheme: "light" });
    for (const [size, viewport] of Object.entries(SIZES)) {
      // There the table is a sheet that a tap opens.
      if (size === "phone" && name === "inbox-table") continue;
      await page.setViewportSize(viewport);
      await ready(page);
      await page.waitForFunction(() => document.querySelectorAll("[aria-busy=true]").length === 0);
      await page.evaluate(() => document.fonts.ready);
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
        await page.screenshot({ path: `${PICTURES}/${name}-${colorScheme}-${size}.png` });
        for (const [look, ...at] of [WHOLE, CONTRAST]) {
          if (at.includes(`${size} ${colorScheme}`)) assert.deepEqual(await look(page), [], `${size}, ${colorScheme}`);
        }
      }
      const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wider <= 0, `${size}: ${wider} px wider than the screen`);
      const cut = await page.evaluate(() => {
        const wide = [...document.querySelectorAll("aside")].filter((one) => one.scrollWidth > one.clientWidth);
        const flat = [...document.querySelectorAll("main nav")].filter((one) => one.scrollHeight > one.clientHeight + 1);
        return [...wide, ...flat].map((one) => one.getAttribute("aria-label"));
      });
      assert.deepEqual(cut, [], `${size}: cut off`);
    }
    fine();
    await close();
  });
}

test("not connected: it is said, nothing can be changed, and it goes on by itself", async () => {
  const line = await behindALine(server);
  const { page, close } = await visit(browser, line, "inbox/2001/ada");
  await page.getByRole("textbox", { name: "Reply as Inbox" }).fill("A draft");
  await page.getByText(/Sending takes control/).waitFor();
  await page.getByRole("banner").getByText("Live", { exact: true }).waitFor();
  line.cut();
  await page.getByText("Not connected to Baton").waitFor();
  assert.ok(await page.getByRole("button", { name: /Take over and send/ }).isDisabled());
  assert.equal(await page.getByRole("textbox", { name: "Reply as Inbox" }).inputValue(), "A draft");
  assert.deepEqual(await axe(page), []);
  line.mend();
  // What happened meanwhile is there when it is back.
  const missed = { type: "message", message: { text: "Said while the line was cut" } };
  await server.call("POST", "pages/2001/people/ada/events", missed);
  await page.getByRole("button", { name: "Try now" }).click();
  await page.getByText("Not connected to Baton").waitFor({ state: "detached" });
  await page.getByRole("log").getByText("Said while the line was cut").waitFor();
  await close();
  line.close();
});
