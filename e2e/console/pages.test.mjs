// A page is set up, an ad is made and tapped, a bot answers and passes on, somebody takes over, answers and is done, a
// day passes: through the console alone. On both platforms, and in the Handover Protocol.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { open, visit } from "./browser.mjs";
import { start } from "./server.mjs";

const ACCOUNT = "17841400000001";

let server;
let browser;
before(async () => {
  [server, browser] = await Promise.all([start(), open()]);
  // An account is linked where the page is made: in the file or by the API.
  await server.call("PATCH", "pages/2001", { instagram: { id: ACCOUNT, username: "jaspers.market" } });
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Saves the draft, and waits until nothing is left of it. */
async function save(page) {
  const button = page.getByRole("button", { name: /^Save/ });
  await button.waitFor();
  await page.waitForFunction((name) => {
    const found = [...document.querySelectorAll("button")].find((one) => one.textContent.startsWith(name));
    return found && !found.disabled;
  }, "Save");
  await button.click();
  await page.getByText("Nothing is changed.").waitFor();
}

/** Makes and publishes an ad that names the marketing bot. */
async function makeAd(page, address, name) {
  await page.goto(`${server.url}/console/pages/${address}/ads`);
  await page.getByRole("button", { name: "New ad" }).click();
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("Status").selectOption("published");
  await page.getByLabel("Gives control to").selectOption({ label: "Marketing bot" });
  await page.getByLabel("For", { exact: true }).selectOption("2");
  const template = page.getByLabel("Message template, JSON");
  assert.match(await template.inputValue(), /"receiving_app_control_expiration": 2/);
  // What is no JSON is said to be none, where it stands.
  const good = await template.inputValue();
  await template.fill(good.slice(0, -1));
  await page.getByRole("status").filter({ hasText: /JSON|Expected|Unterminated/ }).waitFor();
  await template.fill(good.replace("Hello! What can we do for you?", "Spring is here"));
  await page.getByText("Spring is here").last().waitFor();
  await save(page);
}

for (const [address, platform, taken, done] of [
  ["2001", "Messenger", "MCR-INBOX-1", "MCR-INBOX-3"],
  [ACCOUNT, "Instagram", "ICR-INBOX-1", "ICR-INBOX-4"],
]) {
  test(`from the settings to the next day, on ${platform}`, async () => {
    const { page, fine, close } = await visit(browser, server, `pages/${address}/routing`);
    await page.getByRole("heading", { name: "Who answers" }).waitFor();
    const leader = page.getByRole("combobox", { name: "Default app" });
    if ((await leader.inputValue()) === "") {
      await leader.selectOption({ label: "Support bot" });
      await page.getByRole("status").getByText("Default app on Instagram").waitFor();
      await save(page);
    }
    await page.getByText("Conversation Routing is on").waitFor();
    const name = `Story on ${platform}`;
    await makeAd(page, address, name);
    // What it will do is known before anybody taps it.
    await page.getByLabel("does", { exact: true }).selectOption({ label: `Ad: ${name}` });
    await page.getByRole("button", { name: "Who gets it?" }).click();
    await page.getByText("Marketing bot is in control").waitFor();

    const person = `zoe-${platform.toLowerCase()}`;
    await page.goto(`${server.url}/console/simulator?phones=${address}:${person}`);
    const column = page.getByRole("region", { name: `${person}, ${platform}`, exact: true });
    await column.getByLabel("Ad: which").selectOption({ label: name }).catch(() => {});
    await column.getByRole("button", { name: "Tap the ad" }).click();
    await column.getByText("Marketing bot is in control").waitFor();
    const phone = page.getByRole("region", { name: `${person}’s phone, ${platform}` });
    await phone.getByRole("textbox").fill("Pots, please");
    await phone.getByRole("textbox").press("Enter");
    await phone.getByText(/Pots it is|20 % off/).first().waitFor();
    await phone.getByRole("textbox").fill("Pots");
    await phone.getByRole("textbox").press("Enter");
    await column.getByText("Support bot is in control").waitFor();

    await column.getByRole("link", { name: "Open in Inbox" }).click();
    const conversation = page.getByRole("region", { name: `Conversation with ${person}` });
    await conversation.getByText(/Sending takes control from/).waitFor();
    await conversation.getByRole("textbox", { name: "Reply as Inbox" }).fill("Jasper himself");
    await conversation.getByRole("button", { name: /Take over and send/ }).click();
    await conversation.getByText("Inbox (you) is in control").waitFor();
    await conversation.getByRole("button", { name: /^Done/ }).click();
    await conversation.locator("strong", { hasText: /Support bot is in control|Nobody is in control/ }).waitFor();
    // The strip that moves the clock stands in the Simulator, and everywhere once time is not real.
    const here = page.url();
    await page.getByRole("navigation", { name: "Screens" }).getByRole("link", { name: "Simulator" }).click();
    await page.getByRole("button", { name: "+1 day" }).click();
    await page.getByText(/Time is not real/).waitFor();
    await page.goto(here);
    await page.getByText(/Time is not real/).waitFor();
    await conversation.getByRole("button", { name: "All", exact: true }).click();
    await conversation.getByRole("button", { name: "Table" }).click();
    for (const rule of [taken, done]) await conversation.getByRole("row").filter({ hasText: rule }).first().waitFor();
    fine();
    await close();
  });
}

test("what a change does to live conversations is said before, and another's change is not undone", async () => {
  await server.call("POST", "pages/2001/people/mover/events", { type: "message", message: { text: "hello" } });
  const { page, fine, close } = await visit(browser, server, "pages/2001/routing");
  const leader = page.getByRole("combobox", { name: "Default app" });
  await leader.selectOption({ label: "Help desk" });
  const button = page.getByRole("button", { name: /^Save, move \d+/ });
  await button.waitFor();
  await page.getByText(/conversations? moves? to Help desk now/).waitFor();
  await page.getByRole("button", { name: /Show the/ }).click();
  await page.getByRole("link", { name: "mover" }).waitFor();
  // Somebody else changes something meanwhile, and this page has not heard of it yet.
  let changed = false;
  await page.route("**/routing", async (route) => {
    if (changed || route.request().method() !== "PUT") return route.continue();
    changed = true;
    await server.call("PATCH", "pages/2001", { name: "Jasper's Other Market" });
    return route.continue();
  });
  await button.click();
  await page.getByText(/Somebody else changed the settings meanwhile/).waitFor();
  assert.equal((await server.call("GET", "pages/2001")).name, "Jasper's Other Market");
  await page.getByRole("button", { name: "Discard" }).click();
  await page.getByText("Nothing is changed.").waitFor();
  assert.notEqual(await leader.inputValue(), "");
  fine();
  await close();
});

test("the Handover Protocol: a primary receiver in place of a default app, and a link", async () => {
  const { page, fine, close } = await visit(browser, server, "pages/2001/routing");
  const leader = page.getByRole("combobox", { name: "Default app" });
  const primary = page.getByRole("combobox", { name: "Primary receiver" });
  await leader.waitFor();
  assert.ok(await primary.isDisabled(), "not both");
  await leader.selectOption({ label: "Nobody" });
  await primary.selectOption({ label: "Help desk" });
  await page.getByText("The Handover Protocol is on").waitFor();
  await save(page);
  await page.goto(`${server.url}/console/simulator?phones=2001:hanna`);
  const column = page.getByRole("region", { name: "hanna, Messenger", exact: true });
  const phone = page.getByRole("region", { name: "hanna’s phone, Messenger" });
  await phone.getByRole("textbox").fill("hello");
  await phone.getByRole("textbox").press("Enter");
  await column.getByText("Help desk is in control").waitFor();
  await phone.getByText(/Dana/).first().waitFor();
  // Taken over in the Inbox, answered, done; a day passes; the table says where it went, and why.
  await column.getByRole("link", { name: "Open in Inbox" }).click();
  const conversation = page.getByRole("region", { name: "Conversation with hanna" });
  await conversation.getByText(/Sending takes control from/).waitFor();
  await conversation.getByRole("textbox", { name: "Reply as Inbox" }).fill("Jasper himself");
  await conversation.getByRole("button", { name: /Take over and send/ }).click();
  await conversation.getByText("Inbox (you) is in control").waitFor();
  await conversation.getByRole("button", { name: /^Done/ }).click();
  await conversation.locator("strong", { hasText: /Help desk is in control|Nobody is in control/ }).waitFor();
  const here = page.url();
  await page.getByRole("navigation", { name: "Screens" }).getByRole("link", { name: "Simulator" }).click();
  await page.getByRole("button", { name: "+1 day" }).click();
  await page.getByText(/Time is not real/).waitFor();
  await page.goto(here);
  await conversation.getByRole("button", { name: "All", exact: true }).click();
  await conversation.getByRole("button", { name: "Table" }).click();
  for (const rule of ["HOP-MSG-1", "HOP-INBOX-1", "HOP-INBOX-7"]) await conversation.getByRole("row").filter({ hasText: rule }).first().waitFor();
  // A token is shown once.
  await page.goto(`${server.url}/console/pages/2001/tokens`);
  await page.getByRole("row", { name: /Help desk/ }).getByRole("button", { name: "Make a token" }).click();
  const token = await page.getByRole("status").locator("code").innerText();
  assert.match(token, /^EAA\w+$/);
  await page.getByRole("button", { name: "I have it" }).click();
  assert.equal(await page.getByText(token).count(), 0);
  // Beside the one that it had; the old one is ended, and the last one stays.
  const desk = page.getByRole("row", { name: /Help desk/ });
  await desk.getByRole("button", { name: /^End…/ }).nth(1).click();
  await desk.getByRole("button", { name: "End it now" }).click();
  await desk.locator("code").nth(1).waitFor({ state: "detached" });
  assert.ok(await desk.getByRole("button", { name: /^End…/ }).isDisabled());
  fine();
  await close();
});

test("what if: with a change that is not saved, and at another time", async () => {
  await server.call("PATCH", "pages/2001", { messenger: { default_app: "Support bot", primary_receiver: null } });
  const { page, fine, close } = await visit(browser, server, "pages/2001/routing");
  const ask = page.getByRole("button", { name: "Who gets it?" });
  const answered = page.getByRole("status");
  await ask.click();
  await answered.getByText("Support bot is in control").waitFor();
  await page.getByRole("combobox", { name: "Default app" }).selectOption({ label: "Help desk" });
  // Of what is being changed, what was answered says nothing any more.
  await answered.getByText("Support bot is in control").waitFor({ state: "detached" });
  await ask.click();
  await answered.getByText("Help desk is in control").waitFor();
  await page.getByRole("button", { name: "as it is", exact: true }).click();
  await ask.click();
  await answered.getByText("Support bot is in control").waitFor();
  await page.getByRole("button", { name: "Discard" }).click();
  // Control that the Inbox has for a day: asked about in three days, it is over.
  await server.call("POST", "pages/2001/people/later/events", { type: "message", message: { text: "hello" } });
  await server.call("POST", "pages/2001/threads/later/inbox", { action: "reply", text: "A day of mine" });
  await page.reload();
  await page.getByLabel("Person", { exact: true }).selectOption({ label: "later" });
  await ask.click();
  await answered.getByText("Inbox is in control").waitFor();
  await page.getByLabel("when", { exact: true }).selectOption({ label: "in 3 days" });
  await ask.click();
  await answered.getByText("Support bot is in control").waitFor();
  assert.equal((await server.call("GET", "pages/2001/threads/later")).owner_app_id, "263902037430900", "nothing was done");
  fine();
  await close();
});

test("what the server finds wrong stands at its field, and timers and ways in are there", async () => {
  const { page, fine, close } = await visit(browser, server, "pages/2001/routing");
  const time = page.getByRole("textbox", { name: "Time to answer" });
  await time.fill("soon");
  await page.getByText(/1 minute to 30 days/).first().waitFor();
  await page.waitForFunction(() => document.querySelector("[aria-invalid=true]"));
  assert.match(await time.evaluate((one) => document.getElementById(one.getAttribute("aria-describedby")).textContent), /1 minute to 30 days/);
  assert.ok(await page.getByRole("button", { name: /^Save/ }).isDisabled());
  await time.fill("15m");
  await page.getByLabel("While control is with").selectOption({ label: "Marketing bot" });
  await page.getByLabel("and it is asked for by").selectOption({ label: "Help desk" });
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await save(page);
  assert.equal(await time.getAttribute("aria-invalid"), null);
  const { messenger } = await server.call("GET", "pages/2001");
  assert.equal(messenger.answer_within, "15m");
  assert.equal(messenger.grant.length, 1);
  await time.fill("");
  await page.getByRole("group", { name: "Requests granted at once" }).getByRole("button", { name: "Remove" }).click();
  await save(page);
  assert.equal("answer_within" in (await server.call("GET", "pages/2001")).messenger, false);

  const ways = page.getByRole("group", { name: "Ways in" });
  await ways.getByRole("row", { name: /Spring sale.*Marketing bot.*1/ }).waitFor();
  await ways.getByRole("row", { name: /anything else/ }).waitFor();

  await page.goto(`${server.url}/console/pages/2001/ads`);
  await page.getByLabel(/Who may enter/).fill("a.b");
  await page.getByText(/a person id is 1 to 64/).first().waitFor();
  assert.equal(await page.getByLabel(/Who may enter/).getAttribute("aria-invalid"), "true");
  await page.getByRole("button", { name: "Discard" }).click();

  await page.goto(`${server.url}/console/apps`);
  await page.getByRole("button", { name: "New app" }).click();
  await page.getByLabel("Name", { exact: true }).fill("12");
  await page.getByLabel("Webhook address").fill("nowhere");
  await page.getByRole("button", { name: "Make it" }).click();
  await page.getByText(/a name of digits alone/).first().waitFor();
  assert.equal(await page.getByLabel("Name", { exact: true }).getAttribute("aria-invalid"), "true");
  assert.equal(await page.getByLabel("Webhook address").getAttribute("aria-invalid"), "true");
  fine();
  await close();
});
