// Several nodes on one PostgreSQL: who is there, what each delivers, and what waits; one is killed, and it is seen, in the
// place for it and on the other screens. Where a server has its database to itself there is nothing of it.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { axe, open, visit } from "./browser.mjs";
import { inEveryLook } from "./looks.mjs";
import { database, start, startNode } from "./server.mjs";

const ALL = 16;
const NODES = /\/baton\/v1\/nodes$/;

let browser;
let place;
let north;
let south;
let receiver;
/** Answers that the app has not given yet. */
let held = [];
before(async () => {
  [browser, place] = await Promise.all([open(), database()]);
  north = await startNode(place, "north");
  south = await startNode(place, "south");
  receiver = createServer((request, response) => {
    request.resume();
    const challenge = new URL(request.url, "http://localhost").searchParams.get("hub.challenge");
    if (challenge || !held) response.end(challenge ?? "");
    else held.push(response);
  });
  await new Promise((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  const webhook_url = `http://127.0.0.1:${receiver.address().port}/`;
  await north.call("PUT", "routing", {
    apps: [{ id: "111", name: "Slow bot", webhook_url, verify_token: "ring" }],
    pages: [{ id: "4001", name: "Shop", messenger: { default_app: "Slow bot" }, connections: [{ app: "Slow bot", fields: ["messages"] }] }],
  });
  await until(async () => (await there()).every((one) => one.streams.length === ALL / 2));
});
after(async () => {
  await browser?.close();
  receiver?.closeAllConnections();
  receiver?.close();
  await Promise.all([north?.stop(), south?.stop()]);
});

const there = async () => (await north.call("GET", "nodes")).nodes.filter((one) => one.there);

async function until(holds) {
  for (const end = Date.now() + 30_000; !(await holds()); ) assert.ok(Date.now() < end, `${holds} for 30 seconds`);
}

const nodesTable = (page) => page.getByRole("main").getByRole("table");
const row = (page, name) => nodesTable(page).getByRole("row", { name });
const rail = (page) => page.getByRole("navigation", { name: "Screens" }).getByRole("link", { name: /^Nodes/ });

test("two share the streams; what waits is there with the oldest; one is killed, and comes again", async () => {
  const { page, fine, close } = await visit(browser, north, "overview");
  const needs = page.getByRole("group", { name: "Needs someone" });
  await needs.getByText("Nothing: no request waits").waitFor();
  // By keyboard: jumping there.
  await rail(page).waitFor();
  await page.keyboard.press("Control+k");
  await page.keyboard.type("nod");
  await page.keyboard.press("Enter");
  const said = page.getByRole("main").getByRole("status");
  await said.getByText(`2 nodes are there and share the delivery of all ${ALL} streams.`).waitFor();
  assert.match(await row(page, /north/).innerText(), /\(this one\)[^]*There[^]*8 streams/);
  assert.match(await row(page, /south/).innerText(), /There[^]*8 streams/);
  // Its numbers are those of the API: every stream once.
  const shown = await nodesTable(page).getByRole("row").locator("td:nth-child(3) small").allInnerTexts();
  assert.deepEqual(streamsIn(shown.join(", ")), [...Array(ALL).keys()]);

  // An app takes its time: what waits is seen at both nodes, without anything being touched.
  const writes = (number) => north.call("POST", `pages/4001/people/p${number}/events`, { type: "message", message: { text: "Hello" } });
  await Promise.all([...Array(40).keys()].map(writes));
  for (const name of [/north/, /south/]) await row(page, name).getByText(/the oldest for \d+ s/).waitFor();
  await inEveryLook(page, "nodes", () => said.waitFor());
  await page.setViewportSize({ width: 1440, height: 900 });
  for (const response of held) response.end();
  held = null;
  for (const name of [/north/, /south/]) await row(page, name).getByText(/the oldest for/).waitFor({ state: "detached" });

  // Killed: nothing was said to the others, and they go on with what it delivered.
  await south.stop("SIGKILL");
  await said.getByText(`1 node is there and delivers all ${ALL} streams.`).waitFor();
  await row(page, /south/).getByText("nothing is heard of it").waitFor();
  assert.match(await row(page, /north/).innerText(), /16 streams\n*0–15/);
  await page.getByRole("navigation", { name: "Screens" }).getByRole("link", { name: "Overview" }).click();
  await needs.getByText("south is gone").waitFor();
  assert.deepEqual(await axe(page), []);
  await needs.getByRole("link", { name: "Nodes" }).click();
  south = await startNode(place, "south");
  await said.getByText(`2 nodes are there and share the delivery of all ${ALL} streams.`).waitFor();
  // It stands for its former self, which is not listed any more.
  await row(page, /south/).getByText("nothing is heard of it").waitFor({ state: "detached" });
  assert.equal(await row(page, /south/).count(), 1);
  await page.getByRole("navigation", { name: "Screens" }).getByRole("link", { name: "Overview" }).click();
  await needs.getByText("Nothing: no request waits").waitFor();
  // Stopped as it should be: it has said so, and is not listed.
  const east = await startNode(place, "east");
  await rail(page).click();
  await row(page, /east/).getByText("There").waitFor();
  await east.stop();
  await row(page, /east/).waitFor({ state: "detached" });
  await said.getByText(`2 nodes are there and share the delivery of all ${ALL} streams.`).waitFor();
  fine();
  await close();
});

/** `0–2, 5` as numbers. */
function streamsIn(ranges) {
  const each = ranges.split(", ").map((one) => one.split("–").map(Number));
  return each.flatMap(([first, last = first]) => [...Array(last - first + 1).keys()].map((one) => first + one)).sort((one, other) => one - other);
}

// What lasts for a moment only, and what two nodes on one machine are not: the answer is made up.
test("streams that nobody delivers, names of strangers, versions side by side: said aloud, and on every screen", async () => {
  const { page, fine, close } = await visit(browser, north, "live");
  const node = { version: "0.1.0", this: false, there: true, since: new Date().toISOString(), waiting: 0 };
  const odd = [...Array(500).keys()].filter((one) => one % 3 === 0);
  let undelivered = [3, 4, 5, 9];
  const json = () => ({
    nodes: [
      { ...node, id: "1", name: `<img src=x onerror="hacked=1">\u202Edaer`, streams: odd },
      { ...node, id: "2", name: "baton-with-a-rather-long-name.eu-central-1.compute.internal:4300", this: true, version: "0.2.0-rc.1", streams: [0, 1], waiting: 12_345, oldest_waiting: new Date(Date.now() - 7_500_000).toISOString() },
      { ...node, id: "3", name: "idle", streams: [] },
      { ...node, id: "4", name: "lost", there: false, streams: [] },
    ],
    undelivered,
  });
  await page.route(NODES, (route) => route.fulfill({ json: json() }));
  await page.reload();
  await page.getByText("streams are not delivered").waitFor({ state: "attached" });
  await rail(page).focus();
  await page.keyboard.press("Enter");
  const alert = page.getByRole("main").getByRole("alert");
  await alert.getByText("Nobody delivers streams 3–5, 9.").waitFor();
  assert.match(await row(page, /with-a-rather/).innerText(), /12345[^]*2 h \d min/);
  assert.match(await row(page, /idle/).innerText(), /no stream/);
  const many = row(page, /<img/).getByText("167 streams");
  assert.ok(!(await row(page, /<img/).innerText()).includes("498"), "so many pieces are shown to who asks");
  await many.focus();
  await page.keyboard.press("Enter");
  await row(page, /<img/).getByText(/, 495, 498$/).waitFor();
  await page.keyboard.press("Enter");
  await inEveryLook(page, "nodes-undelivered", () => alert.waitFor());
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.getByRole("navigation", { name: "Screens" }).getByRole("link", { name: "Overview" }).click();
  const needs = page.getByRole("group", { name: "Needs someone" });
  await needs.getByText("Nobody delivers 4 streams").waitFor();
  await inEveryLook(page, "overview-nodes", () => needs.getByText("lost is gone").waitFor());
  await page.setViewportSize({ width: 1440, height: 900 });
  await needs.getByRole("link", { name: "Nodes" }).first().click();
  // By itself, when it is so no more.
  undelivered = [];
  await alert.waitFor({ state: "detached" });
  await page.getByRole("main").getByRole("status").getByText(/^3 nodes are there and share the delivery/).waitFor();
  fine();
  await close();
});

test("a viewer sees them; a server that has its database to itself shows none", async () => {
  const bare = await start({ demo: false });
  try {
    const { page, fine, close } = await visit(browser, bare, "pages");
    await page.getByText("No page runs here yet").waitFor();
    const asked = page.waitForResponse(NODES);
    await page.reload();
    assert.equal((await asked).status(), 409);
    await page.waitForFunction(() => document.querySelectorAll("[aria-busy=true]").length === 0);
    assert.equal(await rail(page).count(), 0);
    // Its answer is held back, then it cannot be had, then it is there.
    let answer;
    const held = new Promise((resolve) => (answer = resolve));
    const problem = { type: "/problems/unavailable", title: "the store cannot be used", status: 503, detail: "The database is away." };
    const refused = { status: 503, contentType: "application/problem+json", body: JSON.stringify(problem) };
    await page.route(NODES, (route) => held.then(() => route.fulfill(refused)));
    await page.goto(`${bare.url}/console/nodes`);
    const main = page.getByRole("main");
    await main.locator("[aria-busy=true]").waitFor({ state: "attached" });
    answer();
    await main.getByRole("alert").getByText(problem.detail).waitFor();
    assert.deepEqual(await axe(page), []);
    await page.unroute(NODES);
    await main.getByText("This server has its database to itself").waitFor();
    await main.getByRole("alert").waitFor({ state: "detached" });
    assert.deepEqual(await axe(page), []);
    fine();
    await close();
  } finally {
    await bare.stop();
  }
  const { link } = await north.call("POST", "members", { name: "Vera", role: "viewer" });
  const viewer = await visit(browser, north, link.slice(link.indexOf("#")), { token: null });
  await viewer.page.getByLabel("Password").fill("correct horse battery");
  await viewer.page.getByRole("button", { name: "Sign in" }).click();
  await rail(viewer.page).click();
  await row(viewer.page, /north/).waitFor();
  viewer.fine();
  await viewer.close();
});
