// A story of a business that uses Meta's own SDK for JavaScript as it is. Only its address says that it speaks with
// Baton.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import sdk from 'facebook-nodejs-business-sdk';

import { Baton } from '../support/baton.mjs';
import { Receiver } from '../support/receiver.mjs';

const { FacebookAdsApi, FacebookAdsApiBatch, Page } = sdk;

// The bots talk to this machine only.
for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY']) {
  delete process.env[name];
  delete process.env[name.toLowerCase()];
}

const PAGE = '2001';
const PERSON = '5001';
const recipient = { id: PERSON };

/** An app with its receiver; its page by its token. */
class App extends Receiver {
  constructor(name, id) {
    super({ name, secret: `secret of ${name}`, verifyToken: `verify-${id}` });
    Object.assign(this, { id, accessToken: `EAA${id}` });
  }

  app() {
    return `\n[[apps]]\nid = "${this.id}"\nname = "${this.name}"\nsecret = "${this.secret}"
webhook_url = "${this.url}"\nverify_token = "${this.verifyToken}"\n`;
  }

  connection() {
    return `\n[[pages.connections]]\napp = "${this.name}"\ntoken = "${this.accessToken}"
fields = ["messages", "messaging_postbacks", "messaging_handovers", "standby", "message_echoes"]\n`;
  }

  page() {
    this.api = new FacebookAdsApi(this.accessToken, 'en_US', false);
    return new Page(PAGE, {}, undefined, this.api);
  }

  async hears(channel, kind) {
    const { channel: found, event } = await this.next();
    assert.equal(found, channel, JSON.stringify(event));
    assert.ok(kind in event, `no ${kind}: ${JSON.stringify(event)}`);
    return event[kind];
  }
}

async function setUp(t, settings) {
  const apps = [new App('Sales', '700000000000031'), new App('Care', '700000000000032')];
  for (const app of apps) {
    await app.listen();
    t.after(() => app.close());
  }
  const page = `\n[[pages]]\nid = "${PAGE}"\nname = "Jasper's Market"\n${settings}`;
  const baton = await Baton.start([...apps.map((app) => app.app()), page, ...apps.map((app) => app.connection())].join(''));
  t.after(() => baton.kill());
  Object.defineProperty(FacebookAdsApi, 'GRAPH', { get: () => baton.origin, configurable: true });
  return { baton, sales: apps[0], care: apps[1] };
}

test('Conversation Routing: the default app answers, passes control and gets it back', async (t) => {
  const { baton, sales, care } = await setUp(t, '[pages.messenger]\ndefault_app = "Sales"\n');
  const [ours, theirs] = [sales.page(), care.page()];
  const { name } = await ours.get(['id', 'name']);
  assert.equal(name, "Jasper's Market");
  await baton.says(PAGE, PERSON, 'hello');
  await sales.hears('messaging', 'message');
  await care.hears('standby', 'message');
  const sent = await ours.createMessage([], { recipient, messaging_type: 'RESPONSE', message: { text: 'Grüezi & 👋' } });
  assert.equal(sent._data.recipient_id, PERSON);
  const echo = await care.hears('standby', 'message');
  assert.deepEqual([echo.mid, echo.text, echo.app_id], [sent._data.message_id, 'Grüezi & 👋', Number(sales.id)]);
  await sales.hears('messaging', 'message');

  const refused = await theirs.createMessage([], { recipient, message: { text: 'me too' } }).catch((error) => error);
  assert.equal(refused.status, 400);
  assert.match(refused.message, /another app is controlling this thread now/);

  await ours.createPassThreadControl([], { recipient, target_app_id: Number(care.id), metadata: 'yours' });
  assert.equal((await care.hears('messaging', 'pass_thread_control')).metadata, 'yours');
  const [owner] = await ours.getThreadOwner([], { recipient: PERSON });
  assert.equal(owner._data.thread_owner.app_id, care.id);
  await theirs.createMessage([], { recipient, message: { text: 'I am here' } });
  assert.equal((await care.hears('messaging', 'message')).text, 'I am here');
  assert.equal((await sales.hears('standby', 'message')).text, 'I am here');
  await theirs.createReleaseThreadControl([], { recipient });
  await baton.says(PAGE, PERSON, 'bye');
  assert.equal((await sales.hears('messaging', 'message')).text, 'bye');
  await care.hears('standby', 'message');
  const rules = (await baton.history(PAGE, PERSON)).filter(({ refused }) => refused === null).map(({ rule }) => rule);
  assert.ok(rules.includes('MCR-REL-1'), rules.join(' '));
  for (const app of [sales, care]) app.assertQuiet();
  await baton.stop();
});

test('a batch whose values nobody escaped, and a cursor that follows paging', async (t) => {
  const { baton, sales } = await setUp(t, '[pages.messenger]\ndefault_app = "Sales"\n');
  const page = sales.page();
  await baton.says(PAGE, PERSON, 'hello');
  await sales.hears('messaging', 'message');
  const [done, failed] = [[], []];
  const batch = new FacebookAdsApiBatch(sales.api);
  for (const id of [PERSON, 'nobody']) {
    const message = { recipient: { id }, message: { text: '1 & 2 = {3} 100%' } };
    batch.add('POST', [PAGE, 'messages'], message, null, (answer) => done.push(answer), (answer) => failed.push(answer));
  }
  await batch.execute();
  assert.deepEqual([done.length, failed.length], [1, 1]);
  assert.equal(failed[0].body.error.error_subcode, 2018001);
  assert.equal((await sales.hears('messaging', 'message')).text, '1 & 2 = {3} 100%');

  for (const name of ['Ann', 'Ben', 'Cem']) {
    await page.createPersona([], { name, profile_picture_url: `https://market.test/${name}.png` });
  }
  const cursor = await page.getPersonas(['name'], { limit: 2 });
  const names = cursor.map((persona) => persona._data.name);
  assert.ok(cursor.hasNext());
  const more = await cursor.next();
  assert.deepEqual([...names, ...more.map((persona) => persona._data.name)].sort(), ['Ann', 'Ben', 'Cem']);
  assert.ok(!more.hasNext());
  sales.assertQuiet();
  await baton.stop();
});
