// Each screen while its data is on its way, when there is none, when it cannot be had, and when the server is gone: what
// is the matter is said, what to do next is there, and it goes on by itself.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { axe, open, visit } from "./browser.mjs";
import { behindALine, start } from "./server.mjs";

/** Each screen: its address, the calls that it cannot do without, and what it shows when it has them. */
const SCREENS = {
  // A part of it: all of it is known from Live.
  inbox: ["inbox?folder=done", /\/conversations\?/, (page) => page.getByRole("option").first()],
  conversation: ["inbox/2001/ada", /\/conversations\/ada/, (page) => page.getByRole("region", { name: "Conversation with ada" })],
  overview: ["overview", /\/statistics/, (page) => page.getByRole("heading", { name: "In control now" })],
  pages: ["pages/2001/routing", /\/routing$/, (page) => page.getByRole("heading", { name: "Who answers" })],
  apps: ["apps", /\/routing$/, (page) => page.getByRole("link", { name: /Support bot/ })],
  app: ["apps/1278416343931139", /\/routing$/, (page) => page.getByRole("heading", { name: "How it does" })],
  deliveries: ["deliveries", /\/deliveries\?/, (page) => page.getByRole("button", { name: /messages/ })],
  people: ["settings/people", /\/members$/, (page) => page.getByRole("cell", { name: "Vera", exact: true })],
  sessions: ["settings/sessions", /\/sessions$/, (page) => page.getByText("No member is signed in.")],
  audit: ["settings/audit", /\/audit/, (page) => page.getByRole("cell", { name: "invite member" })],
};
const PROBLEM = { type: "/problems/unavailable", title: "the store cannot be used", status: 503, detail: "Its disk is full." };

let server;
let browser;
before(async () => {
  [server, browser] = await Promise.all([start(), open()]);
  await server.call("POST", "members", { name: "Vera", role: "viewer" });
  const app = (await server.call("GET", "apps")).data[0].id;
  SCREENS.app[0] = `apps/${app}`;
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

for (const [name, [, calls, shown]] of Object.entries(SCREENS)) {
  test(`${name}: on its way, not to be had, and there; without a server, and back`, async () => {
    const [path] = SCREENS[name];
    const line = await behindALine(server);
    const { page, fine, close } = await visit(browser, line, "live");
    await page.getByRole("grid").waitFor();
    const main = page.getByRole("main");

    // Its calls are held back, then refused, then answered.
    let answer;
    const held = new Promise((resolve) => (answer = resolve));
    let broken = true;
    const body = JSON.stringify(PROBLEM);
    await page.route(
      (url) => url.pathname.startsWith("/baton/v1") && calls.test(url.pathname + url.search),
      async (route) => {
        await held;
        return broken ? route.fulfill({ status: 503, contentType: "application/problem+json", body }) : route.continue();
      },
    );
    await page.goto(`${line.url}/console/${path}`);
    await main.locator("[aria-busy=true]").first().waitFor({ state: "attached" });
    assert.equal(await page.getByRole("alert").count(), 0);
    answer();
    const alert = main.getByRole("alert").filter({ hasText: PROBLEM.detail }).first();
    await alert.waitFor();
    assert.deepEqual(await axe(page), []);
    assert.match(await alert.getByRole("link").getAttribute("href"), /\/problems\/unavailable$/);
    broken = false;
    await alert.getByRole("button", { name: "Try again" }).click();
    await shown(page).first().waitFor();
    await alert.waitFor({ state: "detached" });
    fine();
    await page.unrouteAll({ behavior: "wait" });

    // The server is gone before the screen is opened.
    await page.goto(`${line.url}/console/live`);
    await page.getByRole("banner").locator("span", { hasText: /^Live$/ }).waitFor();
    await page.waitForLoadState("networkidle", { timeout: 2_000 }).catch(() => {});
    line.cut();
    await page.getByText("Not connected to Baton").waitFor();
    // By an address of its own, and without asking the server for the page.
    await page.evaluate((path) => {
      history.pushState({}, "", new URL(path, document.baseURI.replace(/console\/.*/, "console/")));
      dispatchEvent(new PopStateEvent("popstate", { state: {} }));
    }, path);
    await main.getByText("Baton does not answer").first().waitFor();
    await main.getByRole("button", { name: "Try again" }).first().waitFor();
    assert.deepEqual(await axe(page), []);
    line.mend();
    // It tries by itself too, and may be first.
    const back = page.getByText("Not connected to Baton").waitFor({ state: "detached" });
    await Promise.any([page.getByRole("button", { name: "Try now" }).click(), back]);
    await back;
    await shown(page).first().waitFor();
    await main.getByText("Baton does not answer").first().waitFor({ state: "detached" });
    await close();
    line.close();
  });
}

test("nothing is set up yet: each screen says what to do first", async () => {
  const bare = await start({ demo: false });
  try {
    const said = {
      inbox: "No page runs here yet",
      live: "No page runs here yet",
      overview: "No page runs here yet",
      simulator: "No page runs here yet",
      pages: "No page runs here yet",
      apps: "No app yet",
      deliveries: "No app yet: there is nobody to deliver to",
      "settings/people": "Nobody is a member yet",
      "settings/sessions": "No member is signed in",
    };
    const { page, fine, close } = await visit(browser, bare, "inbox");
    for (const [path, words] of Object.entries(said)) {
      await page.goto(`${bare.url}/console/${path}`);
      await page.getByRole("main").getByText(words).first().waitFor();
      assert.deepEqual(await axe(page), [], path);
    }
    // A page on which nobody wrote, and which nothing is connected to.
    await bare.call("PUT", "routing", { apps: [{ name: "A bot" }], pages: [{ id: "3001", name: "Quiet" }] });
    const quiet = {
      inbox: "Nobody has written to Quiet yet",
      "live?q=nothing-like-it": "Nothing fits",
      overview: "Nobody has written yet",
      "pages/3001/routing": /No app is connected|No app leads/,
      "pages/3001/ads": "No ads on this platform",
      "pages/3001/links": "No link leads anywhere else",
      "pages/3001/tokens": "No app is connected",
      deliveries: "Nothing was to be delivered to this app yet",
      "deliveries?state=dead": "None in this state",
    };
    for (const [path, words] of Object.entries(quiet)) {
      await page.goto(`${bare.url}/console/${path}`);
      await page.getByRole("main").getByText(words).first().waitFor();
      assert.deepEqual(await axe(page), [], path);
    }
    fine();
    await close();
  } finally {
    await bare.stop();
  }
});

test("the console cannot learn what runs here: it says so, and tries again", async () => {
  const { page, close } = await visit(browser, server, "live");
  let broken = true;
  await page.route(/\/directory$/, (route) => (broken ? route.abort() : route.continue()));
  await page.reload();
  await page.getByRole("alert").getByText("Baton does not answer").waitFor();
  assert.deepEqual(await axe(page), []);
  broken = false;
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("grid").waitFor();
  await close();
});
