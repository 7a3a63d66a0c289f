// A market's three days: apps that answer, one that stops to, people who come by ads, links and by themselves, on both
// platforms. What pictures of the screens are made with: lists with names in them, and hours with something in each.
import { createServer } from "node:http";
import { deflateSync } from "node:zlib";

export const PAGE = "2001";
export const ACCOUNT = "17841400000001";

const FIELDS = ["messages", "messaging_postbacks", "messaging_referrals", "messaging_handovers", "standby", "message_echoes"];
const APPS = {
  order: { id: "127841634393114", name: "Order bot" },
  spring: { id: "127841634393113", name: "Spring ads bot" },
  desk: { id: "127841634393115", name: "Help desk", take_control: true, human_agent: true },
};
for (const app of Object.values(APPS)) Object.assign(app, { token: `EAA${app.id}`, verify: `verify-${app.id}` });

/** Who speaks, on which platform, and what they are called. */
const PEOPLE = {
  maya: [ACCOUNT, "Maya Lindqvist", "maya.lindqvist"],
  daniel: [PAGE, "Daniel Okafor"],
  sofia: [ACCOUNT, "Sofia Marchetti", "sofia.cooks"],
  priya: [PAGE, "Priya Raman"],
  tom: [ACCOUNT, "Tom Brandt", "tombrandt"],
  aiko: [ACCOUNT, "Aiko Tanaka", "aiko.t"],
  hanna: [PAGE, "Hanna Kowalczyk"],
  grace: [ACCOUNT, "Grace Müller-Ostrowska", "grace.mo"],
  omar: [PAGE, "Omar Haddad"],
  ruth: [PAGE, "Ruth Adeyemi"],
  lucas: [PAGE, "Lucas Ferreira"],
  emil: [PAGE, "Emil Berg"],
  noah: [ACCOUNT, "Noah Lindgren", "noahlindgren"],
  mei: [ACCOUNT, "Mei Watanabe", "mei.w"],
};
const CROWD = ["Ana", "Ben", "Chloé", "David", "Elif", "Finn", "Gaia", "Hugo", "Ines", "Jan", "Kira", "Leo", "Mina", "Nils", "Olga", "Pau", "Rosa", "Sami", "Tess", "Uma"];
const FAMILIES = ["Moreau", "Weber", "Silva", "Novak"];
const ASKED = ["Do you deliver on Saturdays?", "Is the chilli one very hot?", "Where is my order?", "Can I change the address?", "Two jars of kimchi, please"];

/** Plays it on a server without demo, `long` before it; gives the receivers' end, and how far its clock is ahead. */
export async function market(server, long = async () => {}) {
  const play = await stage(server);
  await long();
  await play.days();
  return { ahead: async () => Date.parse((await server.call("GET", "clock")).now) - Date.now(), close: play.close };
}

async function stage(server) {
  const receivers = [];
  for (const app of Object.values(APPS)) {
    const receiver = createServer((request, response) => {
      request.resume();
      const asked = new URL(request.url, "http://localhost").searchParams.get("hub.challenge");
      response.statusCode = asked || !app.broken ? 200 : 503;
      response.end(asked ?? (app.broken ? "upstream connect error" : "EVENT_RECEIVED"));
    });
    await new Promise((resolve) => receiver.listen(0, "127.0.0.1", resolve));
    receivers.push(receiver);
    app.url = `http://127.0.0.1:${receiver.address().port}/webhook`;
  }
  await server.call("PUT", "routing", settings());
  for (const [person, [page, name, username]] of Object.entries(PEOPLE)) {
    await server.call("PUT", `pages/${page}/people/${person}`, { name, ...(username && { username }) });
  }

  const at = (person) => `pages/${PEOPLE[person][0]}`;
  const does = (person, event) => server.call("POST", `${at(person)}/people/${person}/events`, event);
  const says = (person, text, entry) => does(person, { type: "message", message: { text }, ...(entry && { entry }) });
  const comes = (person, entry) => does(person, { type: "referral", entry });
  const inbox = (person, action) => server.call("POST", `${at(person)}/threads/${person}/inbox`, action);
  const answers = (person, text) => inbox(person, { action: "reply", text });
  const graph = async (app, person, edge, body) => {
    const url = `${server.url}/v21.0/${PEOPLE[person][0]}/${edge}`;
    const headers = { authorization: `Bearer ${APPS[app].token}`, "content-type": "application/json" };
    const response = await fetch(url, { method: "POST", headers, body: JSON.stringify({ recipient: { id: person }, ...body }) });
    return response.json();
  };
  const sends = (app, person, message) => graph(app, person, "messages", { messaging_type: "RESPONSE", message: typeof message === "string" ? { text: message } : message });
  const passes = (app, person, to, metadata) => graph(app, person, "pass_thread_control", { target_app_id: APPS[to].id, metadata });
  const later = (advance) => server.call("POST", "clock", { advance });

  /** People without a story: every hour a few of them write, and a bot answers most. */
  let number = 0;
  async function crowd(many) {
    for (let left = many; left > 0; left -= 1, number += 1) {
      const person = `c${number % 80}`;
      const page = number % 3 === 0 ? ACCOUNT : PAGE;
      PEOPLE[`${person}-${page}`] ??= [page];
      const known = [page, `${CROWD[number % 20]} ${FAMILIES[Math.floor(number / 20) % 4]}`];
      if (!PEOPLE[person]) await server.call("PUT", `pages/${page}/people/${person}`, { name: known[1] });
      PEOPLE[person] ??= known;
      const ad = PEOPLE[person][0] === PAGE ? "9001" : "9101";
      await says(person, ASKED[number % ASKED.length], number % 4 === 1 ? { type: "ad", ad_id: ad } : undefined);
      if (number % 7 !== 6) await later(["2s", "6s", "14s", "50s", "4m"][number % 5]);
      const by = number % 4 === 1 ? "spring" : "order";
      await sends(by, person, "Let me have a look.");
      if (number % 6 === 0) await passes("order", person, "desk", "wants a person");
      if (number % 9 === 0) await sends("desk", person, "May I help?");
      // What an app may not do: take on Messenger, and write while another has control.
      if (number % 11 === 4) await graph("desk", person, "take_thread_control", {});
      if (number % 8 === 5) await sends("desk", person, "Hello?");
      if (number % 13 === 6) await passes("spring", person, "desk", "not mine to give");
      if (number % 10 === 3) await later("3m");
      if (number % 10 === 3) await answers(person, "Nadia here. It is on its way.");
      if (number % 20 === 3) await inbox(person, { action: "done" });
    }
  }

  async function twoDaysAgo() {
    await says("omar", "My order came, thanks");
    await sends("order", "omar", "You are welcome! Anything else?");
    await says("omar", "Thanks, that solved it");
    await says("grace", "Do you ship to the Faroe Islands?");
    await sends("order", "grace", "We do, it takes a week.");
    await later("20h");
    await says("daniel", "Can you send it to my office instead?");
    await later("3m");
    await answers("daniel", "Done, it goes to Harbour Street 4.");
    for (let hour = 0; hour < 10; hour += 1) {
      await crowd(hour % 4);
      await later("1h");
    }
  }

  async function thisNight() {
    await later("10h");
    await says("maya", "Is order 5521 on its way?");
    await sends("order", "maya", "It leaves tonight.");
    await graph("order", "maya", "release_thread_control", {});
    await says("hanna", "Hello");
    await sends("order", "hanna", { text: "Hello Hanna! What can I do?", quick_replies: ["Track my order", "Talk to a human"].map((title) => ({ content_type: "text", title, payload: title })) });
    await later("1h");
    await crowd(4);
    await comes("maya", { type: "ad", ad_id: "9101" });
    await says("maya", "Are the spring jars still there?", { type: "ad", ad_id: "9101" });
    await sends("spring", "maya", { attachment: { type: "template", payload: { template_type: "button", text: "Spring jars are here. Which bundle do you like?", buttons: [{ type: "postback", title: "Sweet trio · €19", payload: "SWEET" }, { type: "postback", title: "Pickle box · €24", payload: "PICKLE" }] } } });
    await later("75m");
    await does("maya", { type: "postback", postback: { payload: "SWEET", title: "Sweet trio · €19" } });
    await passes("spring", "maya", "order", "order #5521 placed");
    await sends("order", "maya", "Thank you! Order 5521 is placed.");
    await crowd(6);
    await later("80m");
    await graph("order", "maya", "release_thread_control", {});
    for (let hour = 0; hour < 2; hour += 1) {
      await crowd(5);
      await later("30m");
    }
  }

  async function today() {
    await says("maya", "Hello?");
    await sends("order", "maya", "Your order 5521 was delivered at 13:50. Is everything all right?");
    const { url } = await upload(server);
    await later("40m");
    await does("maya", { type: "message", message: { attachments: [{ type: "image", payload: { url } }], text: "It arrived today but two jars are broken 😕" } });
    await sends("desk", "maya", "We are sorry!");
    await later("6m");
    await answers("maya", "Oh no, sorry Maya! I can send new jars tomorrow or refund them (€9.50). Which do you prefer?");
    await says("tom", "My refund?");
    await passes("order", "tom", "desk", "refund");
    await sends("desk", "tom", "Your refund is on its way");
    await graph("order", "tom", "request_thread_control", { metadata: "the order is paid back" });
    await says("priya", "Is there any news?");
    await later("2m");
    await answers("priya", "I have asked the warehouse, back in a moment.");
    await says("aiko", "See you in the shop!");
    await graph("order", "aiko", "release_thread_control", {});
    await says("mei", "Perfect, thank you");
    await graph("order", "mei", "release_thread_control", {});
    await crowd(14);
    APPS.desk.broken = true;
    await later("25m");
    await says("maya", "Refund please, thank you for being so quick");
    await later("10m");
    await graph("desk", "maya", "request_thread_control", { metadata: "refund needs approval, over €5" });
    await says("emil", "Is the workshop full?");
    await answers("emil", "Two places left, Emil.");
    await says("lucas", "Hi", { type: "ad", ad_id: "9001" });
    await sends("spring", "lucas", "Spring jars are here. Which bundle do you like?");
    await says("noah", "Do you ship to the Faroe Islands?");
    await sends("order", "noah", "We do, it takes a week.");
    await later("4m");
    await comes("sofia", { type: "ad", ad_id: "9101" });
    await says("sofia", "Hello! Which jar is the sweetest?", { type: "ad", ad_id: "9101" });
    await sends("spring", "sofia", "The strawberry one. Shall I put one aside?");
    await says("sofia", "Yes, I want to pay");
    await passes("spring", "sofia", "order", "wants to pay");
    await says("daniel", "Hello, me again");
    await sends("order", "daniel", "Welcome back, Daniel! Ask me about your orders.");
    await says("ruth", "Can I change my delivery date?");
    await says("daniel", "Where is my parcel? It says delivered");
    await later("90s");
  }

  return {
    days: async () => {
      await twoDaysAgo();
      await thisNight();
      await today();
    },
    close: () => receivers.forEach((one) => {
      one.closeAllConnections();
      one.close();
    }),
  };
}

function settings() {
  const template = (app, text, days) => JSON.stringify({
    message: {
      attachment: { type: "template", payload: { template_type: "button", text, buttons: [{ type: "postback", title: "Sweet trio · €19", payload: "BUNDLE_SWEET" }, { type: "postback", title: "Pickle box · €24", payload: "BUNDLE_PICKLE" }] } },
      receiving_app_id: Number(APPS[app].id),
      receiving_app_control_expiration: days,
    },
  }, null, 2);
  return {
    apps: Object.values(APPS).map(({ id, name, url, verify, human_agent = false }) => ({ id, name, webhook_url: url, verify_token: verify, human_agent })),
    pages: [{
      id: PAGE,
      name: "Jasper's Market",
      messenger: { default_app: "Order bot" },
      instagram: { id: ACCOUNT, username: "jaspers.market", default_app: "Order bot" },
      connections: Object.values(APPS).map(({ name, token, take_control = false }) => ({ app: name, token, fields: FIELDS, take_control })),
      links: [
        { on: "messenger", ref: "spring", app: "Spring ads bot" },
        { on: "messenger", ref: "help", app: "Help desk" },
        { on: "instagram", ref: "bio", app: "Spring ads bot" },
      ],
      ads: [
        { on: "messenger", id: "9001", name: "Spring sale", status: "published", template: template("spring", "Spring jars are here. Which bundle do you like?", 4) },
        { on: "messenger", id: "9002", name: "Workshop week", status: "draft", template: template("spring", "Come and ferment with us", 1) },
        { on: "messenger", id: "9003", name: "Refill reminder", status: "paused", template: template("order", "Time for a new jar?", 2) },
        { on: "instagram", id: "9101", name: "Spring jars", status: "published", template: template("spring", "Spring jars are here. Which bundle do you like?", 4) },
      ],
    }],
  };
}

/** Two jars on a shelf, one of them broken. */
function picture() {
  const [width, height] = [360, 180];
  const boxes = [[0, 0, 360, 130, 0xead9c2], [0, 130, 360, 50, 0xb98f66], [70, 40, 60, 90, 0xc9452f], [76, 30, 48, 14, 0x5d6673], [150, 40, 60, 90, 0xe0922a], [156, 30, 48, 14, 0x5d6673], [250, 100, 12, 30, 0x9fb6c9], [270, 76, 14, 54, 0x9fb6c9], [236, 126, 72, 10, 0xc9452f]];
  const rows = Buffer.alloc((width * 3 + 1) * height);
  for (const [left, top, wide, high, colour] of boxes) {
    for (let y = top; y < top + high; y += 1) for (let x = left; x < left + wide; x += 1) rows.writeUIntBE(colour, y * (width * 3 + 1) + 1 + x * 3, 3);
  }
  const chunk = (name, data) => {
    const body = Buffer.concat([Buffer.from(name), data]);
    const whole = Buffer.alloc(body.length + 8);
    whole.writeUInt32BE(data.length);
    body.copy(whole, 4);
    whole.writeUInt32BE(crc(body), body.length + 4);
    return whole;
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width);
  head.writeUInt32BE(height, 4);
  head.set([8, 2], 8);
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), chunk("IHDR", head), chunk("IDAT", deflateSync(rows)), chunk("IEND", Buffer.alloc(0))]);
}

function crc(bytes) {
  let rest = 0xffffffff;
  for (const byte of bytes) {
    rest ^= byte;
    for (let bit = 0; bit < 8; bit += 1) rest = (rest >>> 1) ^ (rest & 1 ? 0xedb88320 : 0);
  }
  return (rest ^ 0xffffffff) >>> 0;
}

async function upload(server) {
  const headers = { authorization: `Bearer ${server.token}`, "content-type": "image/png" };
  const response = await fetch(`${server.url}/baton/v1/pages/${ACCOUNT}/attachments`, { method: "POST", headers, body: picture() });
  if (!response.ok) throw new Error(await response.text());
  return response.json();
}
