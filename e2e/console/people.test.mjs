// Who may do what: an operator invites an agent and a viewer, each sees their own screens and no other, and what they
// did stands in the audit log. A name may be anything.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { axe, open, visit } from "./browser.mjs";
import { start } from "./server.mjs";

const HOSTILE = `<img src=x onerror=alert(1)> ‮evil "'`;
const PASSWORD = "correct horse battery";

let server;
let browser;
before(async () => {
  [server, browser] = await Promise.all([start(), open()]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Invites somebody in Settings; gives the link that is shown once. */
async function invite(page, name, role) {
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("Role", { exact: true }).selectOption(role);
  await page.getByRole("button", { name: "Make a link" }).click();
  const link = await page.getByRole("status").locator("code").innerText();
  await page.getByRole("button", { name: "I have it" }).click();
  assert.match(link, /\/console\/#link=\w+$/);
  return link.slice(`${server.url}/console/`.length);
}

/** Follows a link and chooses a password. */
async function join(link) {
  const joined = await visit(browser, server, link, { token: null });
  await joined.page.getByLabel("Password").fill(PASSWORD);
  await joined.page.getByRole("button", { name: "Sign in" }).click();
  return joined;
}

test("an agent answers people and has no other screen; what they did is written down", async () => {
  const operator = await visit(browser, server, "settings/people");
  const link = await invite(operator.page, HOSTILE, "agent");
  const agent = await join(link);
  await agent.page.getByRole("option", { name: /ada/ }).waitFor();
  assert.equal(await agent.page.getByRole("navigation", { name: "Screens" }).count(), 0);
  assert.deepEqual(await axe(agent.page), []);
  await agent.page.getByRole("option", { name: /ada/ }).click();
  await agent.page.getByRole("textbox", { name: "Reply as Inbox" }).fill("An agent answers");
  await agent.page.getByRole("button", { name: /Send|Take over/ }).click();
  await agent.page.getByRole("log").getByText("An agent answers").waitFor();
  agent.fine();
  await agent.page.goto(`${server.url}/console/apps`);
  await agent.page.getByText("Apps is not for you").waitFor();
  // The link is used up, and the name is text.
  const again = await visit(browser, server, link, { token: null });
  await again.page.getByRole("alert").getByText(/used before/).waitFor();
  await again.close();
  await operator.page.getByRole("link", { name: "Audit log" }).click();
  const row = operator.page.getByRole("row").filter({ hasText: "act in inbox" }).filter({ hasText: "<img" });
  await row.getByText("done").waitFor();
  assert.ok((await row.innerText()).includes("<img src=x"), "as it was typed");
  // Signed out from afar: the agent's browser shows the door.
  await operator.page.getByRole("link", { name: "Sessions" }).click();
  await operator.page.getByRole("button", { name: "Sign out" }).click();
  await operator.page.getByText("No member is signed in.").waitFor();
  await agent.page.goto(`${server.url}/console/inbox`);
  await agent.page.getByRole("heading", { name: "Sign in to Baton" }).waitFor();
  await agent.page.getByLabel("Name").fill(HOSTILE);
  await agent.page.getByLabel("Password").fill(PASSWORD);
  await agent.page.getByRole("button", { name: "Sign in" }).click();
  await agent.page.getByRole("option", { name: /ada/ }).waitFor();
  operator.fine();
  await Promise.all([operator.close(), agent.close()]);
});

test("colleagues see each other in a conversation, and an operator signs somebody out of every browser", async () => {
  const operator = await visit(browser, server, "settings/people");
  const agent = await join(await invite(operator.page, "Nadia", "agent"));
  await agent.page.getByRole("option", { name: /ada/ }).click();
  const reply = agent.page.getByRole("textbox", { name: "Reply as Inbox" });
  await reply.waitFor();
  const other = await visit(browser, server, "inbox/2001/ada");
  await other.page.getByText("Nadia looks at it").waitFor();
  await reply.fill("I am on it");
  await other.page.getByText("Nadia is writing an answer").waitFor();
  assert.deepEqual(await axe(other.page), []);
  // Somewhere else, she is gone at once; and so is who looked at her.
  await agent.page.goto(`${server.url}/console/inbox`);
  await agent.page.getByRole("option", { name: /ada/ }).waitFor();
  await other.page.getByText(/Nadia/).waitFor({ state: "detached" });
  const row = operator.page.getByRole("row", { name: /Nadia/ });
  await operator.page.reload();
  await row.getByText("1 browser").waitFor();
  await row.getByRole("button", { name: "Sign out Nadia everywhere" }).click();
  await row.getByText("nowhere").waitFor();
  await agent.page.reload();
  await agent.page.getByRole("heading", { name: "Sign in to Baton" }).waitFor();
  other.fine();
  operator.fine();
  await Promise.all([operator.close(), agent.close(), other.close()]);
});

test("a viewer sees how everything is set up, and can change nothing", async () => {
  const operator = await visit(browser, server, "settings/people");
  const viewer = await join(await invite(operator.page, "Vera", "viewer"));
  const { page } = viewer;
  await page.getByRole("navigation", { name: "Screens" }).getByRole("link", { name: "Pages" }).click();
  await page.getByRole("heading", { name: "Who answers" }).waitFor();
  assert.ok(await page.getByRole("combobox", { name: "Default app" }).isDisabled());
  assert.equal(await page.getByRole("heading", { name: "Before you save" }).count(), 0);
  await page.getByRole("navigation", { name: "Screens" }).getByRole("link", { name: "Apps" }).click();
  await page.getByRole("heading", { name: "Apps", level: 2 }).waitFor();
  assert.equal(await page.getByRole("button", { name: "New app" }).count(), 0);
  await page.goto(`${server.url}/console/inbox/2001/ada`);
  await page.getByText(/read conversations, and do not answer/).waitFor();
  assert.equal(await page.getByRole("textbox", { name: "Reply as Inbox" }).count(), 0);
  viewer.fine();
  await operator.page.getByRole("row", { name: /Vera/ }).getByRole("button", { name: "Remove…" }).click();
  await operator.page.getByRole("button", { name: "Remove, sign out everywhere" }).click();
  await operator.page.getByRole("row", { name: /Vera/ }).waitFor({ state: "detached" });
  await page.reload();
  await page.getByRole("heading", { name: "Sign in to Baton" }).waitFor();
  await Promise.all([operator.close(), viewer.close()]);
});
