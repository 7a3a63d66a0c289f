// Each screen in light and dark, wide and on a phone: axe finds nothing, and nothing is wider than the screen.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { axe, open, visit } from "./browser.mjs";
import { inEveryLook, SIZES } from "./looks.mjs";
import { ACCOUNT, market, PAGE } from "./market.mjs";
import { behindALine, start } from "./server.mjs";

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

for (const [name, [path, ready, as = {}]] of Object.entries(ADDRESSES)) {
  test(name, async () => {
    const look = { viewport: SIZES.wide, colorScheme: "light", initShift, ...as };
    const { page, fine, close } = await visit(browser, server, `${path}${ends[name] ?? ""}`, look);
    // There the table is a sheet that a tap opens.
    await inEveryLook(page, name, ready, name === "inbox-table" ? ["phone"] : []);
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
