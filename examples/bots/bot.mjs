// A whole bot for the Messenger Platform in one file, with nothing but Node.js: it checks the signature, answers, and
// hands the conversation over when somebody asks for a person. For the real platform, only GRAPH changes.
//
//     GRAPH=http://127.0.0.1:4300 TOKEN=EAA-bot SECRET=bot-secret VERIFY=bot-verify PORT=5001 node bot.mjs
//
// Control goes to the app that TARGET names; in Conversation Routing it may be left out, and means the default app.

import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const { GRAPH, TOKEN, SECRET, VERIFY, TARGET, PORT = "5001" } = process.env;
const heard = new Set(); // The platform delivers at least once: what comes again is not answered again.

/** Asks the Graph API; what it refuses is printed, and no reason to fail the webhook. */
async function call(edge, body) {
  const response = await fetch(`${GRAPH}/v21.0/me/${edge}?access_token=${TOKEN}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (answer.error) console.log(edge, "refused:", answer.error.message);
}

/** What is in `messaging` is for us to answer. (What is in `standby` is not: another app has control.) */
async function hear({ sender, message }) {
  if (!message?.text || message.is_echo || heard.has(message.mid)) return;
  heard.add(message.mid);
  if (heard.size > 1000) heard.delete(heard.values().next().value);
  const recipient = { id: sender.id };
  if (message.text.toLowerCase().includes("person")) {
    await call("messages", { recipient, message: { text: "One moment, a colleague will answer." } });
    await call("pass_thread_control", { recipient, metadata: "asks for a person", target_app_id: TARGET });
  } else {
    await call("messages", { recipient, message: { text: `You said: ${message.text}` } });
  }
}

function signed(body, given = "") {
  const ours = Buffer.from(`sha256=${createHmac("sha256", SECRET).update(body).digest("hex")}`);
  return given.length === ours.length && timingSafeEqual(Buffer.from(given), ours);
}

const server = createServer(async (request, response) => {
  if (request.method === "GET") {
    const asked = new URL(request.url, "http://bot").searchParams;
    const known = asked.get("hub.verify_token") === VERIFY;
    return response.writeHead(known ? 200 : 403).end(known ? asked.get("hub.challenge") : "");
  }
  const body = Buffer.concat(await request.toArray());
  if (!signed(body, request.headers["x-hub-signature-256"])) return response.writeHead(403).end();
  for (const entry of JSON.parse(body).entry) for (const event of entry.messaging ?? []) await hear(event);
  response.writeHead(200).end();
});

server.listen(Number(PORT), "127.0.0.1", () =>
  console.log(`bot listens at http://127.0.0.1:${server.address().port}/webhook`),
);
