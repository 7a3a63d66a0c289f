// Whatever a stranger can write: people, channels, apps, receivers and whoever signs in. It is text on every screen.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { open, visit } from "./browser.mjs";
import { start } from "./server.mjs";

/** Markup, a script, an address that is one, a template, quotes, and a turn of the direction of writing. */
const HOSTILE = `<img src=x onerror="hacked=1"><script>hacked=1</script><a href="javascript:hacked=1">\${7*7}{{7*7}}"'\`\u202Edaer`;
const ADDRESS = "javascript:window.hacked=1";

let server;
let browser;
let receiver;
let ids;
before(async () => {
  [server, browser] = await Promise.all([start(), open()]);
  receiver = createServer((request, response) => {
    const asked = new URL(request.url, "http://localhost").searchParams.get("hub.challenge");
    if (asked) return response.end(asked);
    request.resume();
    response.writeHead(500, { "content-type": "text/html" }).end(HOSTILE);
  });
  await new Promise((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  const template = JSON.stringify({
    message: {
      text: HOSTILE,
      quick_replies: [{ content_type: "text", title: HOSTILE, payload: HOSTILE }],
      attachment: { type: "template", payload: { template_type: "button", text: HOSTILE, buttons: [{ type: "web_url", title: HOSTILE, url: ADDRESS }] } },
    },
  });
  const leads = { default_app: HOSTILE };
  const made = await server.call("PUT", "routing", {
    apps: [{ name: HOSTILE, webhook_url: `http://127.0.0.1:${receiver.address().port}/`, verify_token: HOSTILE }],
    pages: [
      {
        id: "3001",
        name: HOSTILE,
        messenger: leads,
        instagram: { id: "17841400000099", username: "mal.ory", ...leads },
        connections: [{ app: HOSTILE, fields: ["messages", "messaging_postbacks", "messaging_handovers", "standby"], take_control: true }],
        links: [{ on: "messenger", ref: HOSTILE, app: HOSTILE }],
        ads: [{ on: "messenger", id: "1", name: HOSTILE, status: "published", template }],
      },
    ],
  });
  const app = (await server.call("GET", "apps")).data.find((one) => one.name === HOSTILE).id;
  const token = (await server.call("POST", `pages/3001/connections/${app}/tokens`, {})).token;
  const graph = async (path, body) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const answer = await fetch(`${server.url}/v25.0/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    return { status: answer.status, text: await answer.text() };
  };
  const person = (event) => server.call("POST", "pages/3001/people/mal/events", event);
  await person({ type: "message", message: { text: HOSTILE }, entry: { type: "ad", ad_id: "1" } });
  const card = { type: "postback", postback: { title: HOSTILE, payload: HOSTILE } };
  await person(card);
  await person({ type: "referral", entry: { type: "link", ref: HOSTILE } });
  await person({ type: "message", message: { attachments: [{ type: "image", payload: { url: ADDRESS } }, { type: "file", payload: { url: ADDRESS } }] } });
  await server.call("PUT", "pages/3001/people/mal", {
    name: HOSTILE,
    first_name: HOSTILE,
    last_name: HOSTILE,
    username: HOSTILE,
    profile_pic: ADDRESS,
  });
  const recipient = { id: "mal" };
  const sent = [
    ["me/messages", { recipient, message: { text: HOSTILE, quick_replies: [{ content_type: "text", title: HOSTILE.slice(0, 20), payload: HOSTILE }] } }],
    ["me/messages", { recipient, message: { attachment: { type: "template", payload: { template_type: "generic", elements: [{ title: HOSTILE.slice(0, 80), subtitle: HOSTILE.slice(0, 80), buttons: [{ type: "postback", title: HOSTILE.slice(0, 20), payload: HOSTILE }] }] } } } }],
    ["me/messenger_profile", { get_started: { payload: HOSTILE } }],
    ["me/messenger_profile", { persistent_menu: [{ locale: "default", call_to_actions: [{ type: "postback", title: HOSTILE.slice(0, 30), payload: HOSTILE }] }] }],
    ["me/pass_thread_control", { recipient, target_app_id: 263902037430900, metadata: HOSTILE }],
    ["me/request_thread_control", { recipient, metadata: HOSTILE }],
    ["me/take_thread_control", { recipient, metadata: HOSTILE }],
  ];
  const answers = [];
  for (const [path, body] of sent) answers.push({ path, ...(await graph(path, body)) });
  // All but the calls that this mode has no use for are taken; those are refused, and stand in the history.
  for (const one of answers.slice(0, 5)) assert.equal(one.status, 200, `${one.path}: ${one.text}`);
  await server.call("POST", "members", { name: HOSTILE.slice(0, 60), role: "agent" });
  ids = { app, warnings: made.warnings };
});
after(async () => {
  await browser?.close();
  await server?.stop();
  receiver?.close();
});

/** What went wrong, asked of the page itself. */
function judge() {
  const found = [];
  if (window.hacked !== undefined) found.push("a script ran");
  for (const one of document.querySelectorAll("[onerror], img[src='x'], script:not([src]), iframe, object, [href^='javascript:' i], [src^='javascript:' i]")) {
    found.push(one.outerHTML.slice(0, 200));
  }
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = texts.nextNode(); node; node = texts.nextNode()) {
    if (!node.data.includes("onerror") && !node.data.includes("\u202E")) continue;
    const around = node.parentElement;
    // A turn of the direction must end where the text ends.
    if (!around.closest("bdi, [dir], option, pre, code, textarea, .hidden, td, title")) found.push(`not isolated: ${around.outerHTML.slice(0, 160)}`);
  }
  return found;
}

test("text on every screen", async () => {
  const { page, fine, close } = await visit(browser, server, "inbox?page=3001");
  const dialogs = [];
  page.on("dialog", (dialog) => {
    dialogs.push(dialog.message());
    void dialog.dismiss();
  });
  const deliveries = (await server.call("GET", `apps/${ids.app}/deliveries?limit=5`)).data;
  const { data: activity } = await server.call("GET", "activity?limit=200");
  const told = (event) => activity.find((one) => one.event === event && (one.page_id === "3001" || one.app_id === ids.app))?.id;
  const screens = [
    "inbox",
    "inbox/3001/mal?range=all",
    "inbox/3001/mal?view=table",
    "simulator?phones=3001:mal",
    "live",
    `live/${told("decision")}`,
    `live/${told("refusal")}`,
    `live/${told("delivery")}`,
    "overview",
    "pages/3001/routing",
    "pages/17841400000099/routing",
    "pages/3001/ads",
    "pages/3001/links",
    "pages/3001/tokens",
    "pages/3001/warnings",
    "apps",
    `apps/${ids.app}`,
    `deliveries?app=${ids.app}`,
    `deliveries/${deliveries[0].id}?app=${ids.app}`,
    // The audit log is in people.test.mjs: there somebody of such a name did something.
    "settings/people",
  ];
  const wrong = [];
  for (const path of screens) {
    await page.goto(`${server.url}/console/${path}${path.includes("?") ? "&" : "?"}page=3001`);
    const text = page.getByRole("main").getByText(/onerror/).first();
    const shown = await text.waitFor({ state: "attached", timeout: 10_000 }).then(() => true, () => false);
    if (!shown) wrong.push(`${path}: shows nothing of it`);
    await page.waitForFunction(() => document.querySelectorAll("[aria-busy=true]").length === 0);
    const found = await page.evaluate(judge);
    wrong.push(...found.map((one) => `${path}: ${one}`));
  }
  assert.deepEqual(wrong, []);
  // What is typed to find somebody, the list that jumps anywhere, the menus.
  await page.goto(`${server.url}/console/inbox?page=3001`);
  await page.getByLabel("Name or id").fill(HOSTILE);
  await page.getByRole("option").filter({ hasText: "onerror" }).waitFor();
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Search or jump to" }).fill("onerror");
  await page.getByRole("dialog").getByText("onerror").first().waitFor();
  assert.deepEqual(await page.evaluate(judge), []);
  await page.keyboard.press("Escape");
  await page.goto(`${server.url}/console/simulator?phones=3001:mal&page=3001`);
  await page.getByRole("button", { name: "Menu", exact: true }).click();
  await page.getByRole("list", { name: "Menu" }).getByText("<img").waitFor();
  assert.deepEqual(await page.evaluate(judge), []);
  assert.deepEqual(dialogs, []);
  fine();
  await close();
});
