// Each screen in light and dark, wide and on a phone: axe finds nothing, and nothing is wider than the screen. A picture
// of each is in `pictures`, or in BATON_PICTURES.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { axe, contrast, open, visit } from "./browser.mjs";
import { ACCOUNT, market, PAGE } from "./market.mjs";
import { behindALine, start } from "./server.mjs";

const PICTURES = process.env.BATON_PICTURES ?? "pictures";
const SIZES = { wide: { width: 1440, height: 900 }, tablet: { width: 1000, height: 800 }, phone: { width: 390, height: 844 } };
const region = (name) => (page) => page.getByRole("region", { name }).first().waitFor();
const heading = (name, level) => (page) => page.getByRole("heading", { name, exact: true, ...(level && { level }) }).waitFor();
const ADDRESSES = {
  "inbox-none": ["inbox", (page) => page.getByRole("option").first().waitFor()],
  inbox: [`inbox/${ACCOUNT}/maya`, (page) => page.getByRole("log").getByText("Refund please").waitFor()],
  "inbox-table": [`inbox/${PAGE}/daniel?view=table`, (page) => page.getByRole("table").waitFor()],
  "inbox-closed": [`inbox/${PAGE}/old`, (page) => page.getByText(/You cannot write/).waitFor()],
  simulator: [`simulator?phones=${PAGE}:lucas,${ACCOUNT}:maya`, region("Maya Lindqvist, Instagram")],
  "simulator-4": [`simulator?phones=${PAGE}:lucas,${ACCOUNT}:maya,${PAGE}:hanna,${PAGE}:new`, region("Hanna Kowalczyk, Messenger")],
  live: ["live", (page) => page.getByRole("row").nth(3).waitFor()],
  event: ["live/", (page) => page.getByRole("complementary", { name: "Event" }).getByText("Signature", { exact: true }).waitFor()],
  overview: ["overview", heading("In control now")],
  pages: [`pages/${PAGE}/routing`, heading("Who answers")],
  "pages-ad": [`pages/${PAGE}/ads`, (page) => page.getByText("The JSON is valid").waitFor()],
  "pages-links": [`pages/${ACCOUNT}/links`, heading("ig.me links")],
  "pages-tokens": [`pages/${PAGE}/tokens`, heading("Page access tokens")],
  "pages-warnings": [`pages/${PAGE}/warnings`, heading("Warnings")],
  apps: ["apps", (page) => page.getByRole("link", { name: /Order bot/ }).first().waitFor()],
  app: ["apps/", (page) => page.getByText("Last delivered").waitFor()],
  deliveries: ["deliveries?app=", heading("Deliveries", 2)],
  delivery: ["deliveries/", (page) => page.getByRole("complementary", { name: "Delivery" }).getByText("Signature", { exact: true }).waitFor()],
  "settings-people": ["settings/people", (page) => page.getByRole("row", { name: /Nadia/ }).waitFor()],
  "settings-sessions": ["settings/sessions", heading("Sessions")],
  "settings-audit": ["settings/audit", heading("Who did what")],
  "sign-in": ["inbox", heading("Sign in to Baton"), { token: null }],
  "first-sign-in": ["", (page) => page.getByLabel("Password").waitFor(), { token: null }],
};

let server;
let browser;
let trade;
/** What of an address is known only now: the first part of what stands at the end of it. */
let ends;
/** Makes the browser's time Baton's, so that the strip stands where it always does. */
let initShift;
before(async () => {
  [server, browser] = await Promise.all([start({ demo: false }), open()]);
  trade = await market(server, async () => {
    await server.call("POST", `pages/${PAGE}/people/old/events`, { type: "message", message: { text: "long ago" } });
    await server.call("POST", "clock", { advance: "6d" });
  });
  initShift = `{ const now = Date.now; Date.now = () => now() + ${await trade.ahead()}; }`;
  await server.call("POST", "members", { name: "Nadia", role: "agent" });
  const { link } = await server.call("POST", "members", { name: "Omar", role: "viewer" });
  const app = (await server.call("GET", "apps")).data.find((one) => one.name === "Help desk").id;
  const [delivery] = (await server.call("GET", `apps/${app}/deliveries?limit=1`)).data;
  // Of what happened, what shows most: a webhook, with its bytes and signatures.
  const event = (await server.call("GET", "activity?limit=50")).data.find((one) => one.event === "delivery");
  ends = { app, deliveries: app, delivery: `${delivery.id}?app=${app}`, event: event.id, "first-sign-in": link.slice(`${server.url}/console/`.length) };
});
after(async () => {
  await browser?.close();
  await server?.stop();
  trade?.close();
});

/** Looks at which axe looks whole, and at which for contrast alone: colours differ by scheme, and what is there by size. */
const WHOLE = [axe, "wide light", "phone light"];
const CONTRAST = [contrast, "wide dark", "phone dark"];

for (const [name, [path, ready, as = {}]] of Object.entries(ADDRESSES)) {
  test(name, async () => {
    const look = { viewport: SIZES.wide, colorScheme: "light", initShift, ...as };
    const { page, fine, close } = await visit(browser, server, `${path}${ends[name] ?? ""}`, look);
    for (const [size, viewport] of Object.entries(SIZES)) {
      // There the table is a sheet that a tap opens.
      if (size === "phone" && name === "inbox-table") continue;
      await page.setViewportSize(viewport);
      await ready(page);
      await page.waitForFunction(() => document.querySelectorAll("[aria-busy=true]").length === 0);
      await page.evaluate(() => document.fonts.ready);
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
        // In between only what is cut off is looked for.
        if (size !== "tablet") await page.screenshot({ path: `${PICTURES}/${name}-${colorScheme}-${size}.png` });
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
  const { page, close } = await visit(browser, line, `inbox/${PAGE}/ruth`);
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
  await server.call("POST", `pages/${PAGE}/people/ruth/events`, missed);
  await page.getByRole("button", { name: "Try now" }).click();
  await page.getByText("Not connected to Baton").waitFor({ state: "detached" });
  await page.getByRole("log").getByText("Said while the line was cut").waitFor();
  await close();
  line.close();
});
