// Apps: the doctor finds out what is wrong with a receiver, a signature is compared, and Live says which settings changed.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { axe, open, visit } from "./browser.mjs";
import { start } from "./server.mjs";

const SECRET = "a-secret-of-the-test";

let server;
let browser;
let receiver;
let heard;
before(async () => {
  heard = [];
  [server, browser] = await Promise.all([start({ demo: false }), open()]);
  // It verifies itself, and looks at no signature: strangers are let in.
  receiver = createServer((request, response) => {
    const challenge = new URL(request.url, "http://localhost").searchParams.get("hub.challenge");
    let body = "";
    request.on("data", (part) => (body += part));
    request.on("end", () => {
      if (!challenge) heard.push({ body, headers: request.headers });
      response.end(challenge ?? "");
    });
  });
  await new Promise((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  const webhook_url = `http://127.0.0.1:${receiver.address().port}/hook`;
  await server.call("PUT", "routing", {
    apps: [{ id: "111", name: "Credulous bot", secret: SECRET, webhook_url, verify_token: "ring" }],
    pages: [{ id: "4001", name: "Shop", messenger: { default_app: "Credulous bot" }, connections: [{ app: "Credulous bot", fields: ["messages"] }] }],
  });
  await server.call("POST", "pages/4001/people/ada/events", { type: "message", message: { text: "hello" } });
});
after(async () => {
  await browser?.close();
  await server?.stop();
  receiver?.closeAllConnections();
  receiver?.close();
});

test("the doctor says what is wrong with a receiver, and what to do", async () => {
  const { page, fine, close } = await visit(browser, server, "apps/111");
  await page.getByRole("button", { name: "Run doctor" }).click();
  await page.getByText(/things are wrong/).waitFor();
  const checks = page.getByRole("list", { name: "What was looked at" }).getByRole("listitem");
  const wrong = checks.filter({ hasText: "no signature" });
  await wrong.getByRole("img", { name: "wrong", exact: true }).waitFor();
  assert.match(await wrong.innerText(), /Do:/);
  await checks.filter({ hasText: "verification" }).first().getByRole("img", { name: "as it must be" }).waitFor();
  assert.ok((await checks.count()) > 10);
  assert.deepEqual(await axe(page), []);
  // Nobody was written to, and nothing of it is in a conversation.
  assert.equal((await server.call("GET", "conversations")).data.length, 1);
  // Where nobody listens, that is said, and the rest is not tried.
  const address = (await server.call("GET", "apps/111")).webhook_url;
  await server.call("PATCH", "apps/111", { webhook_url: "http://127.0.0.1:1/hook" });
  await page.reload();
  await page.getByRole("button", { name: "Run doctor" }).click();
  await page.getByText("Nobody listens at this address").first().waitFor();
  assert.ok((await checks.count()) <= 3);
  await server.call("PATCH", "apps/111", { webhook_url: address });
  fine();
  await close();
});

test("a signature is compared with what the receiver computes", async () => {
  const { data } = await server.call("GET", "apps/111/deliveries?state=delivered&limit=1");
  const { page, fine, close } = await visit(browser, server, `deliveries/${data[0].id}?app=111`);
  const drawer = page.getByRole("complementary", { name: "Delivery" });
  const field = drawer.getByLabel("Compare with what the receiver computes");
  const told = heard.find((one) => one.body.includes('"text":"hello"') && !one.body.includes("doctor"));
  await field.fill(createHmac("sha256", SECRET).update(told.body).digest("hex"));
  await drawer.getByText("Matches", { exact: true }).waitFor();
  await field.fill(`sha256=${createHmac("sha256", "another").update(told.body).digest("hex")}`);
  await drawer.getByText("Does not match", { exact: true }).waitFor();
  assert.deepEqual(await axe(page), []);
  fine();
  await close();
});

test("Live says which settings changed, and none of their values", async () => {
  const { page, fine, close } = await visit(browser, server, "live?page=4001&kind=settings");
  await page.getByRole("banner").locator("span", { hasText: /^Live$/ }).waitFor();
  await server.call("PATCH", "apps/111", { human_agent: true, secret: "another-secret-of-the-test" });
  const row = page.getByRole("row").filter({ hasText: "Changed:" }).first();
  await row.getByText(/and 1 other setting/).waitFor();
  await row.click();
  const drawer = page.getByRole("complementary", { name: "Event" });
  await drawer.getByText("/apps/111/human_agent", { exact: true }).waitFor();
  await drawer.getByText("/apps/111/secret", { exact: true }).waitFor();
  assert.ok(!(await page.content()).includes("another-secret"));
  await server.call("PATCH", "pages/4001", { messenger: { default_app: null } });
  await page.getByRole("row").filter({ hasText: "Changed: Default app on Messenger" }).waitFor();
  fine();
  await close();
});
