// 10,000 conversations, and one of 5,000 messages: only what is seen is in the page, and only what is new is asked for.
// What it took is printed; nothing depends on it. With BATON_TRACES=<folder> a trace of each is kept.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { open, visit } from "./browser.mjs";
import { start } from "./server.mjs";

const CONVERSATIONS = 10_000;
const MESSAGES = 5_000;
/** Rows in the page at once, at most: what is seen, and a few around it. */
const SEEN = 60;
/** Events of one call. */
const CALL = 1_000;

let server;
let browser;
before(async () => {
  [server, browser] = await Promise.all([start(), open()]);
  // A page without bots: nobody answers ten thousand people here.
  await server.call("PUT", "routing", { apps: [], pages: [{ id: "3001", name: "A big page" }] });
  const say = (person, text) => ({ person, type: "message", message: { text } });
  const said = (many, event) => Array.from({ length: many }, (_, index) => event(index));
  const talk = said(MESSAGES, (index) => say("talker", `Message ${index}${" and so on".repeat(index % 17)}`));
  const people = said(CONVERSATIONS - 1, (index) => say(`p${index}`, `I am ${index}`));
  const all = [...talk, ...people];
  for (let from = 0; from < all.length; from += CALL) {
    await server.call("POST", "pages/3001/events", all.slice(from, from + CALL));
    await server.call("POST", "clock", { advance: "1s" });
  }
  for (const [person, name] of [["p77", "Grace Hopper"], ["p9000", "Grace Kelly"]]) {
    await server.call("PUT", `pages/3001/people/${person}`, { name });
  }
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Tells how long the page was busy at a stretch, and how often its picture changed. */
function watchWork() {
  window.work = { longest: 0, long: 0, frames: 0, slowest: 0 };
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      window.work.long += 1;
      window.work.longest = Math.max(window.work.longest, duration);
    }
  }).observe({ type: "longtask", buffered: true });
  let last = performance.now();
  const frame = (now) => {
    window.work.frames += 1;
    window.work.slowest = Math.max(window.work.slowest, now - last);
    last = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

/** What a step took, printed; and how often the server was asked for a path. */
async function measured(page, t, name, step, counted) {
  let asked = 0;
  const count = (request) => {
    if (new URL(request.url()).pathname.endsWith(counted)) asked += 1;
  };
  page.on("request", count);
  await page.evaluate(watchWork);
  const began = performance.now();
  await step();
  const took = Math.round(performance.now() - began);
  const { longest, long, frames, slowest } = await page.evaluate(() => window.work);
  const heap = await page.evaluate(() => Math.round(performance.memory.usedJSHeapSize / 1e6));
  page.off("request", count);
  t.diagnostic(
    `${name}: ${took} ms, ${frames} frames, the slowest ${Math.round(slowest)} ms, ` +
      `${long} tasks over 50 ms, the longest ${Math.round(longest)} ms, ${asked} calls, heap ${heap} MB`,
  );
  return asked;
}

async function traced(page, name, run) {
  const folder = process.env.BATON_TRACES;
  if (folder) await page.context().tracing.start({ screenshots: true, snapshots: true });
  await run();
  if (folder) await page.context().tracing.stop({ path: `${folder}/${name}.zip` });
}

/** Scrolls to one end of a box, again and again until it says that it is there. */
async function scrollTo(page, box, end, there) {
  for (let turns = 0; !(await there()); turns += 1) {
    assert.ok(turns < 2_000, `${end} was not reached`);
    await box.evaluate((element, end) => (element.scrollTop = end === "end" ? element.scrollHeight : 0), end);
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  }
}

test("10,000 conversations", async (t) => {
  const { page, fine, close } = await visit(browser, server, "inbox?page=3001");
  await traced(page, "conversations", async () => {
    const list = page.getByRole("listbox", { name: /Conversations/ });
    const options = list.getByRole("option");
    await options.first().waitFor();
    const few = async () => {
      const count = await options.count();
      assert.ok(count <= SEEN, `${count} rows in the page`);
    };
    const oldest = options.filter({ hasText: "talker" });
    const calls = await measured(
      page,
      t,
      "to the end",
      () => scrollTo(page, list, "end", async () => (await few(), (await oldest.count()) > 0)),
      "/conversations",
    );
    assert.ok(calls <= CONVERSATIONS / 100 + 5, `${calls} calls`);
    assert.equal(await oldest.getAttribute("aria-setsize"), String(CONVERSATIONS));
    // Somebody writes: not everything is asked for again, and who looks at the end stays there.
    const again = await measured(
      page,
      t,
      "a message comes",
      async () => {
        await server.call("POST", "pages/3001/people/p5/events", { type: "message", message: { text: "Me again" } });
        await list.evaluate((element) => (element.scrollTop = 0));
        await options.first().filter({ hasText: "Me again" }).waitFor();
      },
      "/conversations",
    );
    assert.ok(again <= 3, `${again} calls`);
    // The mark that it is unread is there, and goes when it is opened.
    await options.first().getByText("unread").waitFor();
    await options.first().click();
    await page.getByRole("region", { name: "Conversation with p5" }).waitFor();
    await options.first().getByText("unread").waitFor({ state: "detached" });
    await page.mouse.move(0, 0);
    // By a name that only two of them have, one of whom wrote nine thousand people ago.
    await measured(
      page,
      t,
      "a search",
      async () => {
        await page.getByLabel("Name or id").fill("grace");
        await options.filter({ hasText: "Grace Hopper" }).waitFor();
        await options.filter({ hasText: "Grace Kelly" }).waitFor();
      },
      "/conversations",
    );
    assert.equal(await options.count(), 2);
  });
  fine();
  await close();
});

test("5,000 messages", async (t) => {
  const { page, fine, close } = await visit(browser, server, "inbox/3001/talker?page=3001");
  await traced(page, "messages", async () => {
    const log = page.getByRole("log");
    const items = log.locator("[data-index]");
    const text = (index) => log.getByText(new RegExp(`^Message ${index}( and so on)*$`));
    await text(MESSAGES - 1).waitFor();
    const few = async () => {
      const count = await items.count();
      assert.ok(count <= SEEN, `${count} rows in the page`);
    };
    await few();
    assert.ok(await text(MESSAGES - 1).isVisible(), "the newest is seen first");
    const calls = await measured(
      page,
      t,
      "to the first message",
      () => scrollTo(page, log, "start", async () => (await few(), (await text(0).count()) > 0)),
      "/messages",
    );
    assert.ok(calls <= MESSAGES / 200 + 3, `${calls} calls`);
    // Who reads the beginning stays there when something comes, and not everything is asked for again.
    const again = await measured(
      page,
      t,
      "a message comes",
      async () => {
        const coming = page.waitForResponse(
          async (answer) => answer.url().includes("/messages?") && (await answer.text()).includes("While you read"),
        );
        const event = { type: "message", message: { text: "While you read" } };
        await server.call("POST", "pages/3001/people/talker/events", event);
        await coming;
      },
      "/messages",
    );
    assert.ok(again <= 3, `${again} calls`);
    assert.ok(await text(0).isVisible(), "it stayed where it was");
    await measured(
      page,
      t,
      "back to the end",
      () => scrollTo(page, log, "end", async () => (await few(), (await log.getByText("While you read").count()) > 0)),
      "/messages",
    );
    // Who reads the end sees what comes.
    await server.call("POST", "pages/3001/people/talker/events", { type: "message", message: { text: "At the end" } });
    await log.getByText("At the end").waitFor();
    assert.ok(await log.getByText("At the end").isVisible());
  });
  fine();
  await close();
});
