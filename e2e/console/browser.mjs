// Debian's Chromium, signed in; whatever the page complains of fails the story.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PROGRAM = process.env.CHROMIUM ?? "/usr/bin/chromium";

export async function open() {
  return chromium.launch({ executablePath: PROGRAM, args: ["--no-sandbox"] });
}

/** A page of the console, and what it complained of. */
export async function visit(browser, server, path, { token = server.token, initShift, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: "reduce", ...options });
  if (token) {
    // As the form does: the browser gets a session, and never keeps the token.
    const headers = { origin: server.url };
    const answer = await context.request.post(`${server.url}/baton/v1/session`, { data: { operator_token: token }, headers });
    assert.ok(answer.ok(), await answer.text());
  }
  if (initShift) await context.addInitScript(initShift);
  const page = await context.newPage();
  const complaints = [];
  const elsewhere = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    // An answer that says no is an answer.
    if (message.type() === "error" && !message.text().includes("Failed to load resource")) complaints.push(message.text());
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(server.url)) elsewhere.push(request.url());
  });
  await page.goto(`${server.url}/console/${path}`);
  return {
    page,
    /** Nothing went wrong, and nothing was fetched from elsewhere. */
    fine: () => {
      assert.deepEqual(complaints, []);
      assert.deepEqual(elsewhere, []);
    },
    close: () => context.close(),
  };
}

const EVERYTHING = { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] };
const CONTRAST = { type: "rule", values: ["color-contrast", "link-in-text-block"] };

/** What axe finds wrong, as lines. */
export const axe = (page) => judged(page, EVERYTHING);

/** What of it colours have to do with. */
export const contrast = (page) => judged(page, CONTRAST);

async function judged(page, runOnly) {
  // The page's policy allows no inline script: the debugger may.
  const session = await page.context().newCDPSession(page);
  await session.send("Runtime.evaluate", { expression: `window.axe ?? (() => {${AXE}})()` });
  await session.detach();
  const found = await page.evaluate((only) => window.axe.run({ runOnly: only, resultTypes: ["violations"] }), runOnly);
  return found.violations.flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.target.join(" ")}: ${node.failureSummary.split("\n")[1] ?? ""}`));
}
