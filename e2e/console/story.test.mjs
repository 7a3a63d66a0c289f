// A person writes by an ad, a bot answers, the Inbox takes over and is done, a day passes: the timeline shows it all.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { axe, open, visit } from "./browser.mjs";
import { start } from "./server.mjs";

/** One pixel. */
const PICTURE = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==",
  "base64",
);

let server;
let browser;
before(async () => {
  [server, browser] = await Promise.all([start(), open()]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

test("from the ad to the next day", async () => {
  const { page, fine, close } = await visit(browser, server, "simulator?phones=2001:tess");
  const column = page.getByRole("region", { name: "tess, Messenger", exact: true });
  const phone = page.getByRole("region", { name: "tess’s phone, Messenger" });

  // What would happen is said before it does, and nothing happens.
  await column.getByRole("button", { name: "What if?" }).click();
  await column.getByText("would be in control").waitFor();
  assert.match(await column.getByRole("status").first().innerText(), /Marketing bot/);

  // By the ad; then a word, and the bot that the ad names answers.
  await column.getByRole("button", { name: "Tap the ad" }).click();
  await column.getByText("Marketing bot is in control").waitFor();
  await phone.getByRole("textbox").fill("Is it still on?");
  await phone.getByRole("textbox").press("Enter");
  await phone.getByText("Is it still on?").waitFor();
  await phone.getByText("Marketing bot", { exact: true }).first().waitFor();

  // In the Inbox: the consequence stands beside the button.
  await column.getByRole("link", { name: "Open in Inbox" }).click();
  const conversation = page.getByRole("region", { name: "Conversation with tess" });
  await conversation.waitFor();
  await conversation.getByRole("log").getByText("Is it still on?").waitFor();
  await conversation.getByText(/Sending takes control from/).waitFor();
  await conversation.getByRole("textbox", { name: "Reply as Inbox" }).fill("Jasper here, yes it is.");
  await conversation.getByRole("button", { name: /Take over and send/ }).click();
  await conversation.getByText("Inbox (you) is in control").waitFor();
  await conversation.getByText("You are in control. Replying does not extend it.").waitFor();
  await conversation.getByRole("log").getByText("Jasper here, yes it is.").waitFor();

  // Done gives control back; the row says so too.
  await conversation.getByRole("button", { name: /^Done/ }).click();
  await conversation.getByText("Support bot is in control").waitFor();
  await page.getByRole("option", { name: /tess/ }).getByText("Support bot", { exact: true }).waitFor();

  // A day later the strip stands on this screen too, and the timeline shows everything.
  await server.call("POST", "clock", { advance: "24h" });
  await page.getByText(/Time is not real: \+24 h/).waitFor();
  const options = conversation.getByRole("listbox", { name: "Changes of control" }).getByRole("option");
  await conversation.getByRole("button", { name: "All", exact: true }).click();
  const said = (await options.evaluateAll((all) => all.map((one) => one.getAttribute("aria-label")))).join("\n");
  for (const words of ["gave control to Marketing bot", "Inbox took control from", "by replying", "marked it as done", "rule MCR-INBOX-1"]) {
    assert.ok(said.includes(words), `${words} in:\n${said}`);
  }
  await conversation.getByRole("button", { name: "Table" }).click();
  const rows = conversation.getByRole("row");
  await rows.filter({ hasText: "MCR-INBOX-3" }).waitFor();
  assert.ok((await rows.count()) >= 4);
  assert.match(page.url(), /view=table/);
  // The default app may not write any more, the Inbox may: 7 days.
  const aside = page.getByRole("complementary", { name: "About this conversation" });
  await aside.getByText("closed").waitFor();
  await aside.getByText("open", { exact: true }).waitFor();

  // After 7 days neither: the composer says why, and keeps the draft.
  await conversation.getByRole("textbox", { name: "Reply as Inbox" }).fill("Are you there?");
  await server.call("POST", "clock", { advance: "7d" });
  await conversation.getByText(/You cannot write to tess now/).waitFor();
  await conversation.getByText("Are you there?").waitFor();
  await conversation.getByRole("button", { name: "Rule WIN-12: explain" }).click();
  await page.getByText("Sends by the inbox follow the human agent window").waitFor();
  fine();
  await close();
});

test("control that moved between typing and sending: nothing is sent", async () => {
  await server.call("POST", "pages/2001/people/mina/events", { type: "message", message: { text: "hello" } });
  const { page, fine, close } = await visit(browser, server, "inbox/2001/mina");
  const field = page.getByRole("textbox", { name: "Reply as Inbox" });
  await field.fill("Late");
  await page.getByText("Sending takes control from Support bot").waitFor();
  // Control moves while the answer is on its way.
  let moved = false;
  await page.route("**/threads/mina/inbox", async (route) => {
    if (moved) return route.continue();
    moved = true;
    await server.call("POST", "pages/2001/people/mina/events", { type: "message", message: { text: "ad" }, entry: { type: "ad", ad_id: "9001" } });
    return route.continue();
  });
  await page.getByRole("button", { name: /Take over and send/ }).click();
  await page.getByRole("alert").getByText(/Nothing was sent/).waitFor();
  const messages = await server.call("GET", "pages/2001/threads/mina/messages");
  assert.ok(!messages.data.some((one) => one.content.text === "Late"));
  await page.getByText("Marketing bot has control now").waitFor();
  await page.getByRole("button", { name: /Send anyway/ }).click();
  await page.getByRole("log").getByText("Late").waitFor();
  fine();
  await close();
});

test("files go with an answer, each as a message, and what cannot be sent can be left out", async () => {
  await server.call("POST", "pages/2001/people/fay/events", { type: "message", message: { text: "A picture?" } });
  const { page, fine, close } = await visit(browser, server, "inbox/2001/fay");
  const conversation = page.getByRole("region", { name: "Conversation with fay" });
  await conversation.getByText(/Sending takes control from/).waitFor();
  await conversation.getByLabel("Files to send").setInputFiles([
    { name: "shop.png", mimeType: "image/png", buffer: PICTURE },
    { name: "prices.pdf", mimeType: "application/pdf", buffer: Buffer.from("%PDF-1.4") },
    { name: "nothing.txt", mimeType: "text/plain", buffer: Buffer.alloc(0) },
  ]);
  const files = conversation.getByRole("list", { name: "Files to send" });
  await files.getByRole("listitem").filter({ hasText: "shop.png" }).getByText("70 B").waitFor();
  await files.getByRole("listitem").filter({ hasText: "prices.pdf" }).getByText("8 B").waitFor();
  // An empty file is refused by the server: nothing is sent before it is left out.
  const send = conversation.getByRole("button", { name: /Take over and send/ });
  await files.getByRole("listitem").filter({ hasText: "nothing.txt" }).getByText("the file is empty").waitFor();
  assert.ok(await send.isDisabled());
  await files.getByRole("button", { name: "Leave out nothing.txt" }).click();
  await conversation.getByRole("textbox", { name: "Reply as Inbox" }).fill("Here it is");
  await send.click();
  const log = conversation.getByRole("log");
  await log.getByText("Here it is").waitFor();
  await conversation.getByText("Inbox (you) is in control").waitFor();
  const image = log.getByRole("img", { name: "The file that was sent" });
  assert.equal(await image.evaluate((one) => one.decode().then(() => one.naturalWidth)), 1);
  await log.getByRole("link", { name: "Open the file" }).waitFor();
  assert.equal(await files.count(), 0);
  const { data } = await server.call("GET", "pages/2001/threads/fay/messages?limit=3");
  assert.deepEqual(data.map((one) => one.content.text ?? one.content.attachments[0].type), ["Here it is", "file", "image"]);
  fine();
  await close();
});

test("the person sends a picture, and it is seen on the phone and in the Inbox", async () => {
  const { page, fine, close } = await visit(browser, server, "simulator?phones=2001:pia");
  const phone = page.getByRole("region", { name: "pia’s phone, Messenger" });
  await phone.getByLabel("File to send").setInputFiles({ name: "shop.png", mimeType: "image/png", buffer: PICTURE });
  const seen = (image) => image.evaluate((one) => one.decode().then(() => one.naturalWidth));
  assert.equal(await seen(phone.getByRole("img", { name: "The file that was sent" })), 1);
  // An empty one is refused, and it is said on the phone.
  await phone.getByLabel("File to send").setInputFiles({ name: "nothing.png", mimeType: "image/png", buffer: Buffer.alloc(0) });
  await phone.getByRole("alert").getByText("the file is empty").waitFor();
  await page.goto(`${server.url}/console/inbox/2001/pia`);
  assert.equal(await seen(page.getByRole("log").getByRole("img", { name: "The file that was sent" })), 1);
  fine();
  await close();
});

test("choices go under an answer, and the person taps one", async () => {
  await server.call("POST", "pages/2001/people/kim/events", { type: "message", message: { text: "A pot, please" } });
  const { page, fine, close } = await visit(browser, server, "inbox/2001/kim");
  const conversation = page.getByRole("region", { name: "Conversation with kim" });
  await conversation.getByText(/Sending takes control/).waitFor();
  await conversation.getByRole("button", { name: "Offer choices" }).click();
  await conversation.getByLabel("Title 1").fill("Small");
  await conversation.getByRole("button", { name: "One more" }).click();
  await conversation.getByLabel("Title 2").fill("Large");
  const send = conversation.getByRole("button", { name: /Take over and send/ });
  assert.ok(await send.isDisabled(), "choices stand under a text");
  await conversation.getByRole("textbox", { name: "Reply as Inbox" }).fill("Which size?");
  assert.deepEqual(await axe(page), []);
  await send.click();
  await conversation.getByRole("log").getByText("Large").waitFor();
  assert.equal(await conversation.getByLabel("Title 1").count(), 0);
  // On the phone they are there to be tapped, and what is tapped comes back as a message.
  await page.goto(`${server.url}/console/simulator?phones=2001:kim`);
  const phone = page.getByRole("region", { name: "kim’s phone, Messenger" });
  await phone.getByRole("button", { name: "Large" }).click();
  await phone.getByRole("button", { name: "Small" }).waitFor({ state: "detached" });
  const [tapped, sent] = (await server.call("GET", "pages/2001/threads/kim/messages?limit=2")).data;
  assert.deepEqual([tapped.content.text, tapped.content.quick_reply.payload], ["Large", "Large"]);
  assert.equal(sent.content.quick_replies.length, 2);
  // Buttons: what is wrong with one is the server's to say, and nothing is sent.
  await page.goto(`${server.url}/console/inbox/2001/kim`);
  await conversation.getByRole("button", { name: "Offer choices" }).click();
  await conversation.getByRole("button", { name: "Buttons", exact: true }).click();
  await conversation.getByLabel("Title 1").fill("The shop");
  await conversation.getByLabel("Link 1").fill("https://shop.example/pots");
  await conversation.getByRole("textbox", { name: "Reply as Inbox" }).fill("All our pots");
  await conversation.getByRole("button", { name: /^Send/ }).click();
  await conversation.getByRole("log").getByText("The shop").waitFor();
  const [button] = (await server.call("GET", "pages/2001/threads/kim/messages?limit=1")).data;
  assert.equal(button.content.attachments[0].payload.buttons[0].url, "https://shop.example/pots");
  fine();
  await close();
});

test("who is not signed in sees no conversation; a wrong token is said to be wrong", async () => {
  const { page, close } = await visit(browser, server, "inbox/2001/ada", { token: null });
  await page.getByRole("heading", { name: "Sign in to Baton" }).waitFor();
  assert.equal(await page.getByText("ada").count(), 0);
  await page.getByRole("button", { name: "Use the operator token" }).click();
  await page.getByLabel("Operator token").fill("wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").waitFor();
  await page.getByLabel("Operator token").fill(server.token);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("region", { name: "Conversation with ada" }).waitFor();
  const kept = await page.evaluate(() => JSON.stringify([{ ...sessionStorage }, { ...localStorage }, document.cookie]));
  assert.ok(!kept.includes(server.token) && !kept.includes("baton_session"), "no script can read what signs in");
  await close();
});

test("the link that is printed signs in, once", async () => {
  const path = server.link.replace(`${server.url}/console/`, "");
  const first = await visit(browser, server, path, { token: null });
  await first.page.getByRole("option", { name: /ada/ }).waitFor();
  assert.ok(!first.page.url().includes("link="), "the code does not stay in the address");
  first.fine();
  await first.close();
  const second = await visit(browser, server, path, { token: null });
  await second.page.getByRole("alert").getByText(/used before/).waitFor();
  await second.close();
});
