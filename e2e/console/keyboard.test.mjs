// The Inbox without a mouse.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { open, visit } from "./browser.mjs";
import { start } from "./server.mjs";

let server;
let browser;
before(async () => {
  [server, browser] = await Promise.all([start(), open()]);
  for (const person of ["first", "second"]) {
    await server.call("POST", `pages/2001/people/${person}/events`, { type: "message", message: { text: `I am ${person}` } });
    await server.call("POST", "clock", { advance: "1m" });
  }
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

test("find, open, reply, look at the timeline, pass on, be done", async () => {
  const { page, fine, close } = await visit(browser, server, "inbox");
  const keys = page.keyboard;
  await page.getByRole("option", { name: /second/ }).waitFor();

  await keys.press("j");
  await page.getByRole("region", { name: "Conversation with second" }).waitFor();
  await keys.press("j");
  await page.getByRole("region", { name: "Conversation with first" }).waitFor();
  await keys.press("k");
  await page.getByRole("region", { name: "Conversation with second" }).waitFor();

  // Searching; letters in the field are letters.
  await keys.press("/");
  await keys.type("firs");
  await page.getByRole("option", { name: /second/ }).waitFor({ state: "detached" });
  await keys.press("Escape");
  await keys.press("j");
  await page.getByRole("region", { name: "Conversation with first" }).waitFor();

  // Replying.
  await page.getByText("Sending takes control from Support bot").waitFor();
  await keys.press("r");
  await keys.type("Good day");
  await keys.press("Control+Enter");
  await page.getByText("Inbox (you) is in control").waitFor();
  await keys.press("Escape");

  // The timeline is one stop; each change is a sentence.
  const marks = page.getByRole("listbox", { name: "Changes of control" });
  await marks.focus();
  await keys.press("End");
  const chosen = marks.locator("[aria-selected=true]");
  assert.match(await chosen.getAttribute("aria-label"), /Inbox took control from Support bot by replying.*rule MCR-INBOX-1/);
  assert.match(page.url(), /at=/);
  assert.equal(await marks.getAttribute("aria-activedescendant"), await chosen.getAttribute("id"));
  await keys.press("Enter");
  await page.getByText("Why: MCR-INBOX-1").waitFor();
  await keys.press("Escape");

  // Passing to an app by a few of its letters, with the consequence.
  await keys.press("p");
  const dialog = page.getByRole("dialog", { name: "Pass control to" });
  await dialog.waitFor();
  await keys.type("hd");
  await dialog.getByText(/Help desk gets control from Inbox/).waitFor();
  await keys.press("Enter");
  await dialog.waitFor({ state: "detached" });
  await page.getByRole("region", { name: "Conversation with first" }).getByText("Help desk is in control").waitFor();

  // Taking it back, and done.
  await keys.press("t");
  await page.getByText("Inbox (you) is in control").waitFor();
  await keys.press("Shift+D");
  await page.getByText("In Done").waitFor();

  // Table and back, the list of keys, jumping anywhere.
  await keys.press("v");
  await page.getByRole("table").waitFor();
  await keys.press("?");
  await page.getByRole("dialog", { name: "Keys" }).waitFor();
  await keys.press("Escape");
  await page.getByRole("dialog", { name: "Keys" }).waitFor({ state: "detached" });
  const first = await page.evaluate(async () => {
    document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "k", code: "KeyK", ctrlKey: true, bubbles: true }));
    await null;
    return document.activeElement.getAttribute("aria-label");
  });
  assert.equal(first, "Search or jump to", "the next letter would go elsewhere");
  await keys.type("live");
  await keys.press("Enter");
  await page.getByRole("grid").waitFor();

  // Live: walk, open, close, pause.
  await keys.press("j");
  await page.getByRole("complementary", { name: "Event" }).waitFor();
  await keys.press("Escape");
  await page.getByRole("complementary", { name: "Event" }).waitFor({ state: "detached" });
  await keys.press(".");
  await page.getByRole("button", { name: /Go on/ }).waitFor();
  await server.call("POST", "pages/2001/people/third/events", { type: "message", message: { text: "new" } });
  await page.getByRole("button", { name: /Go on, \d+ new/ }).waitFor();
  assert.equal(await page.getByRole("row").filter({ hasText: "third" }).count(), 0, "nothing moves while it is paused");
  await keys.press(".");
  await page.getByRole("row").filter({ hasText: "third" }).first().waitFor();
  fine();
  await close();
});

test("focus is seen, changes of control are said aloud and messages are not, and nothing moves for who wants that", async () => {
  const { page, fine, close } = await visit(browser, server, "inbox/2001/first");
  const conversation = page.getByRole("region", { name: "Conversation with first" });
  await conversation.getByRole("log").getByText("Good day").waitFor();
  // Wherever Tab goes, an outline is drawn, by what has the focus or by the box around it.
  const seen = new Set();
  for (let step = 0; step < 40; step += 1) {
    await page.keyboard.press("Tab");
    const found = await page.evaluate(() => {
      const focused = document.activeElement;
      const drawn = (one) => getComputedStyle(one).outlineStyle !== "none" && parseFloat(getComputedStyle(one).outlineWidth) >= 2;
      let one = focused;
      while (one && one !== document.body && !drawn(one)) one = one.parentElement;
      return { name: focused.outerHTML.slice(0, 120), body: focused === document.body, drawn: one !== null && one !== document.body };
    });
    if (found.body) continue;
    assert.ok(found.drawn, `no outline: ${found.name}`);
    seen.add(found.name);
  }
  assert.ok(seen.size > 15, `${seen.size} stops`);
  // A message is not said: it would drown what matters. That control moved is.
  const aloud = conversation.locator("[data-part=announcements]");
  await server.call("POST", "pages/2001/people/first/events", { type: "message", message: { text: "Not said aloud" } });
  await conversation.getByRole("log").getByText("Not said aloud").waitFor();
  assert.equal(await conversation.getByRole("log").getAttribute("aria-live"), "off");
  const live = page.locator("[aria-live=polite], [aria-live=assertive], [role=status], [role=alert]");
  assert.ok(!(await live.allInnerTexts()).join("\n").includes("Not said aloud"));
  assert.equal(await aloud.innerText(), "");
  // What happened is known later than who is in control: it is not said with the words of the change before.
  await page.route(/\/threads\/first\/history/, async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 500));
    await route.continue();
  });
  await server.call("POST", "pages/2001/threads/first/inbox", { action: "reply", text: "Mine again" });
  await page.waitForFunction(() => /Inbox took control.*Inbox now has control, until/.test(document.querySelector("[data-part=announcements]").textContent));
  // Nothing moves.
  await page.keyboard.press("p");
  await page.getByRole("dialog", { name: "Pass control to" }).waitFor();
  const moving = () => page.evaluate(() => document.getAnimations().filter((one) => one.playState === "running").length);
  assert.equal(await moving(), 0);
  fine();
  await close();
});
