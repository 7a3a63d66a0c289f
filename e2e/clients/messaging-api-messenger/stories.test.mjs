// Stories of two bots on one page, against the real program.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import messenger from 'messaging-api-messenger';

import { Baton, freePort } from '../support/baton.mjs';
import { Bot, refused } from './bot.mjs';

// The bots talk to this machine only.
for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY']) {
  delete process.env[name];
  delete process.env[name.toLowerCase()];
}

const PAGE = '2001';
const PERSON = '5001';
const AD = '9001';
const DAY = 24 * 60 * 60;
const ANOTHER_APP_CONTROLS = { code: 10, subcode: 2018300, text: /another app is controlling this thread now/ };

/** Starts two bots and Baton with a page of these settings. */
async function setUp(t, bots, settings) {
  for (const bot of bots) {
    if (!bot.port) await bot.listen();
    t.after(() => bot.close());
  }
  const page = `\n[[pages]]\nid = "${PAGE}"\nname = "Jasper's Market"\n${settings}`;
  const routing = [...bots.map((bot) => bot.app()), page, ...bots.map((bot) => bot.connection())].join('');
  const baton = await Baton.start(routing + (bots.ad ?? ''));
  t.after(() => baton.kill());
  for (const bot of bots) bot.connect(baton.origin);
  return baton;
}

/** An ad whose conversations one app gets, as a table of the page that stands before it. */
function ad(app) {
  const message = {
    attachment: { type: 'template', payload: { template_type: 'button', text: 'Spring sale', buttons: [] } },
    receiving_app_id: Number(app.id),
    receiving_app_control_expiration: 1,
  };
  return `
[[pages.ads]]
on = "messenger"
id = "${AD}"
name = "Spring sale"
template = '''${JSON.stringify({ message })}'''
`;
}

/** The rules that changed or lost control, oldest first. */
async function changes(baton) {
  const history = await baton.history(PAGE, PERSON);
  return history.filter(({ refused }) => refused === null).map(({ rule }) => rule);
}

/** The rules that refused, once they are on record: a refusal is answered before it is written down. */
async function refusals(baton, expected) {
  let found;
  for (const deadline = Date.now() + 5_000; Date.now() < deadline; ) {
    const history = await baton.history(PAGE, PERSON);
    found = history.filter(({ refused }) => refused !== null).map(({ rule }) => rule);
    if (found.length >= expected.length) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.deepEqual(found, expected);
}

test('Handover Protocol: the primary bot leads, passes control, and takes it back', async (t) => {
  const primary = new Bot('Primary bot', '700000000000001');
  const secondary = new Bot('Secondary bot', '700000000000002');
  const baton = await setUp(t, [primary, secondary], `[pages.messenger]\nprimary_receiver = "${primary.name}"\n`);
  await primary.hearsRole('primary_receiver');
  await secondary.hearsRole('secondary_receiver');

  // A person writes: the primary receiver answers, the other listens.
  const receipt = await baton.says(PAGE, PERSON, 'Grüß Gott 👋 <50% @ Jasper/Market>');
  assert.equal(receipt.rule, 'HOP-MSG-1');
  assert.equal(receipt.thread.owner_app_id, primary.id);
  const heard = await primary.hearsText('messaging', 'message', 'Grüß Gott 👋 <50% @ Jasper/Market>');
  assert.deepEqual([heard.sender.id, heard.recipient.id], [PERSON, PAGE]);
  assert.equal(heard.message.mid, receipt.message_id);
  const overheard = await secondary.hearsText('standby', 'message', 'Grüß Gott 👋 <50% @ Jasper/Market>');
  assert.equal(overheard.message.mid, receipt.message_id);

  // The other may not speak, but ask.
  await refused(secondary.client.sendText(PERSON, 'me too'), ANOTHER_APP_CONTROLS);
  assert.deepEqual(await secondary.client.requestThreadControl(PERSON, 'I know the prices'), { success: true });
  const request = await primary.hears('messaging', 'request_thread_control');
  assert.deepEqual(request.request_thread_control, {
    requested_owner_app_id: secondary.id,
    metadata: 'I know the prices',
  });

  // The primary bot says so and passes.
  const sent = await primary.client.sendText(PERSON, 'My colleague knows.');
  assert.equal(sent.recipientId, PERSON);
  const echo = await primary.hearsText('messaging', 'echo', 'My colleague knows.');
  assert.equal(echo.message.mid, sent.messageId);
  assert.equal(echo.message.app_id, Number(primary.id));
  await secondary.hearsText('standby', 'echo', 'My colleague knows.');
  assert.deepEqual(await primary.client.passThreadControl(PERSON, secondary.id, 'wants prices'), { success: true });
  const pass = await secondary.hears('messaging', 'pass_thread_control');
  assert.deepEqual(pass.pass_thread_control, {
    previous_owner_app_id: primary.id,
    new_owner_app_id: secondary.id,
    metadata: 'wants prices',
  });
  await refused(primary.client.sendText(PERSON, 'still here'), ANOTHER_APP_CONTROLS);

  // Now it is the other way round.
  await secondary.client.sendText(PERSON, 'Two for one.');
  await secondary.hearsText('messaging', 'echo', 'Two for one.');
  await primary.hearsText('standby', 'echo', 'Two for one.');
  await baton.says(PAGE, PERSON, 'Thanks');
  await secondary.hearsText('messaging', 'message', 'Thanks');
  await primary.hearsText('standby', 'message', 'Thanks');

  // Extended to two days: everybody sees who owns it and until when.
  assert.deepEqual(await secondary.extend(PERSON, 2 * DAY), { success: true });
  const { now } = await baton.api('GET', '/clock');
  for (const bot of [primary, secondary]) {
    const owner = await bot.client.getThreadOwner(PERSON);
    assert.equal(owner.appId, secondary.id);
    assert.ok(Math.abs(owner.expiration - (Date.parse(now) / 1000 + 2 * DAY)) < 30, `expires at ${owner.expiration}`);
  }

  // Released, nobody owns it; asking for it then is getting it.
  assert.deepEqual(await secondary.release(PERSON), { success: true });
  const path = `/me/thread_owner?recipient=${PERSON}&access_token=${primary.accessToken}`;
  assert.deepEqual((await primary.client.axios.get(path)).data, { data: [] });
  await secondary.client.requestThreadControl(PERSON, 'again');
  const grant = await secondary.hears('messaging', 'pass_thread_control');
  assert.deepEqual([grant.pass_thread_control.previous_owner_app_id, grant.pass_thread_control.new_owner_app_id], [null, secondary.id]);

  // The primary receiver may take at any time, a secondary one may not.
  const taken = await primary.client.takeThreadControl(PERSON, 'my turn');
  assert.equal(taken.success, true);
  const take = await secondary.hears('messaging', 'take_thread_control');
  assert.deepEqual(take.take_thread_control, {
    previous_owner_app_id: secondary.id,
    new_owner_app_id: primary.id,
    metadata: 'my turn',
  });
  await refused(secondary.client.takeThreadControl(PERSON), { code: 10, subcode: undefined, text: /not allowed to take/ });
  assert.equal((await secondary.client.getThreadOwner(PERSON)).appId, primary.id);

  // All of it can be explained.
  assert.deepEqual(await changes(baton), [
    'HOP-MSG-1',
    'HOP-REQ-2',
    'HOP-PASS-1',
    'HOP-EXT-1',
    'HOP-REL-1',
    'HOP-REQ-1',
    'HOP-TAKE-2',
  ]);
  await refusals(baton, ['HOP-SEND-3', 'HOP-SEND-3', 'HOP-TAKE-3']);
  for (const bot of [primary, secondary]) bot.assertQuiet();
  await baton.stop();
});

test('Conversation Routing: an ad leads to the marketing bot, which hands over with its last message', async (t) => {
  const marketing = new Bot('Marketing bot', '700000000000003');
  const service = new Bot('Service bot', '700000000000004');
  const bots = Object.assign([marketing, service], { ad: ad(marketing) });
  const baton = await setUp(t, bots, `[pages.messenger]\ndefault_app = "${service.name}"\n`);

  // The ad's bot gets control, then the message with what led to it; the default app listens.
  const receipt = await baton.says(PAGE, PERSON, 'Is the sale still on?', { entry: { type: 'ad', ad_id: AD } });
  assert.equal(receipt.rule, 'MCR-AD-5');
  assert.equal(receipt.thread.owner_app_id, marketing.id);
  const pass = await marketing.hears('messaging', 'pass_thread_control');
  assert.equal(pass.pass_thread_control.new_owner_app_id, marketing.id);
  const heard = await marketing.hearsText('messaging', 'message', 'Is the sale still on?');
  assert.deepEqual([heard.message.referral.ad_id, heard.message.referral.source], [AD, 'ADS']);
  const overheard = await service.hearsText('standby', 'message', 'Is the sale still on?');
  assert.equal(overheard.message.referral.ad_id, AD);

  await refused(service.client.sendText(PERSON, 'Yes!'), ANOTHER_APP_CONTROLS);
  await marketing.client.sendText(PERSON, 'Until Sunday.');
  await marketing.hearsText('messaging', 'echo', 'Until Sunday.');
  await service.hearsText('standby', 'echo', 'Until Sunday.');

  // The last message carries control with it: first the echo, then the pass.
  await marketing.client.sendText(PERSON, 'My colleague takes your order.', {
    messagingType: 'RESPONSE',
    threadControl: { payload: 'pass_thread_control' },
  });
  await marketing.hearsText('messaging', 'echo', 'My colleague takes your order.');
  await service.hearsText('standby', 'echo', 'My colleague takes your order.');
  const handover = await service.hears('messaging', 'pass_thread_control');
  assert.deepEqual(
    [handover.pass_thread_control.previous_owner_app_id, handover.pass_thread_control.new_owner_app_id],
    [marketing.id, service.id],
  );

  // There is no way back by the old edges.
  const disabled = { code: 100, subcode: undefined, text: /Handover Protocol APIs disabled/ };
  await refused(marketing.client.takeThreadControl(PERSON), disabled);
  await refused(marketing.client.requestThreadControl(PERSON), disabled);
  await refused(marketing.client.sendText(PERSON, 'One more thing'), ANOTHER_APP_CONTROLS);

  // The default app speaks, and gets what the person writes by the command line.
  await service.client.sendText(PERSON, 'What would you like?');
  await service.hearsText('messaging', 'echo', 'What would you like?');
  await marketing.hearsText('standby', 'echo', 'What would you like?');
  await baton.command('send', PAGE, PERSON, 'Two avocados');
  await service.hearsText('messaging', 'message', 'Two avocados');
  await marketing.hearsText('standby', 'message', 'Two avocados');

  assert.deepEqual(await changes(baton), ['MCR-AD-5', 'MCR-TC-1']);
  await refusals(baton, ['MCR-SEND-3', 'MCR-TAKE-1', 'MCR-REQ-1', 'MCR-SEND-3']);
  for (const bot of bots) bot.assertQuiet();
  await baton.stop();
});

test('Conversation Routing: control lapses after a day without a word', async (t) => {
  const marketing = new Bot('Marketing bot', '700000000000003');
  const service = new Bot('Service bot', '700000000000004');
  const bots = Object.assign([marketing, service], { ad: ad(marketing) });
  const baton = await setUp(t, bots, `[pages.messenger]\ndefault_app = "${service.name}"\n`);

  await baton.command('send', PAGE, PERSON, 'Is the sale still on?', '--ad', AD);
  await marketing.hears('messaging', 'pass_thread_control');
  await marketing.hearsText('messaging', 'message', 'Is the sale still on?');
  await service.hearsText('standby', 'message', 'Is the sale still on?');
  const owner = await marketing.client.getThreadOwner(PERSON);
  assert.equal(owner.appId, marketing.id);

  await baton.command('clock', 'advance', '24h');

  await refused(marketing.client.sendText(PERSON, 'Still there?'), ANOTHER_APP_CONTROLS);
  assert.equal((await service.client.getThreadOwner(PERSON)).appId, service.id);

  const receipt = await baton.says(PAGE, PERSON, 'I slept over it');
  assert.equal(receipt.thread.owner_app_id, service.id);
  await service.hearsText('messaging', 'message', 'I slept over it');
  await marketing.hearsText('standby', 'message', 'I slept over it');

  const lapses = (await baton.history(PAGE, PERSON)).filter(({ rule }) => rule === 'MCR-EXP-1');
  assert.equal(lapses.length, 1);
  const [lapse] = lapses;
  assert.equal(lapse.cause, 'expiry');
  assert.equal(lapse.from_app_id, marketing.id);
  assert.equal(Date.parse(lapse.at) / 1000, owner.expiration, 'dated when it happened, not when it was noticed');
  const explained = await baton.command('thread', 'explain', PAGE, PERSON);
  for (const rule of ['MCR-AD-5', 'MCR-EXP-1']) assert.ok(explained.includes(rule), explained);
  for (const bot of bots) bot.assertQuiet();
  await baton.stop();
});

test('A bot that is down gets everything, in order, when it is there again', async (t) => {
  const late = new Bot('Late bot', '700000000000005');
  const awake = new Bot('Awake bot', '700000000000006');
  late.port = await freePort(); // promised, but nobody listens there yet
  const baton = await setUp(t, [late, awake], `[pages.messenger]\nprimary_receiver = "${late.name}"\n`);
  await awake.hearsRole('secondary_receiver');

  // Down from the start: not even the handshake succeeded. The other bot does not wait for it.
  const first = Array.from({ length: 20 }, (_, number) => `early ${number}`);
  for (const text of first) await baton.says(PAGE, PERSON, text);
  for (const text of first) await awake.hearsText('standby', 'message', text);
  await late.listen(late.port);
  await baton.command('clock', 'advance', '10m');
  for (const text of first) await late.hearsText('messaging', 'message', text);
  await late.hearsRole('primary_receiver');

  // Down again after it was there.
  await late.close();
  const second = Array.from({ length: 20 }, (_, number) => `later ${number}`);
  for (const text of second) await baton.says(PAGE, PERSON, text);
  for (const text of second) await awake.hearsText('standby', 'message', text);
  await late.listen(late.port);
  await baton.command('clock', 'advance', '10m');
  for (const text of second) await late.hearsText('messaging', 'message', text);

  for (const bot of [late, awake]) bot.assertQuiet();
  await baton.stop();
});

test('Files, a profile, personas and a batch, as the library sends them', async (t) => {
  const bot = new Bot('Shop bot', '700000000000007');
  const baton = await setUp(t, [bot], `[pages.messenger]\ndefault_app = "${bot.name}"\n`);
  const { client } = bot;
  await client.setGetStarted('START');
  await client.setPersistentMenu([{ type: 'postback', title: 'Orders', payload: 'ORDERS' }]);
  assert.equal((await client.getGetStarted()).payload, 'START');
  await baton.api('POST', `/pages/${PAGE}/people/${PERSON}/events`, { type: 'menu', menu: { payload: 'ORDERS' } });
  const tap = await bot.hears('messaging', 'postback');
  assert.deepEqual([tap.postback.title, tap.postback.payload], ['Orders', 'ORDERS']);

  // A buffer: multipart in chunks, the file before the rest. It lies where only who was told finds it.
  const picture = Buffer.from('89504e470d0a1a0a00ff', 'hex');
  const kept = await client.uploadImage(picture, { filename: 'shirt.png', isReusable: true });
  assert.match(kept.attachmentId, /^[0-9]{16}$/);
  await client.sendImage(PERSON, { attachmentId: kept.attachmentId });
  const echo = await bot.hears('messaging', 'echo');
  const shown = await fetch(echo.message.attachments[0].payload.url);
  assert.deepEqual([shown.status, shown.headers.get('content-type')], [200, 'image/png']);
  assert.deepEqual(Buffer.from(await shown.arrayBuffer()), picture);
  await client.sendFile(PERSON, Buffer.from('<script>'), { filename: 'page.html' });
  const page = await fetch((await bot.hears('messaging', 'echo')).message.attachments[0].payload.url);
  assert.deepEqual([page.status, page.headers.get('content-disposition')], [200, 'attachment']);

  // All personas: the library asks on until there are no more cursors.
  for (const name of ['Ann', 'Ben']) await client.createPersona({ name, profilePictureUrl: 'https://market.test/p.png' });
  const personas = await client.getAllPersonas();
  assert.deepEqual(personas.map(({ name }) => name).sort(), ['Ann', 'Ben']);
  await client.deletePersona(personas[0].id);
  assert.equal((await client.getAllPersonas()).length, 1);

  const { MessengerBatch } = messenger;
  const answers = await client.sendBatch([
    MessengerBatch.sendText(PERSON, 'in a batch & more'),
    MessengerBatch.typingOn(PERSON),
    MessengerBatch.sendText('nobody', 'x'),
  ]);
  assert.deepEqual(answers.map(({ code }) => code), [200, 200, 400]);
  await bot.hearsText('messaging', 'echo', 'in a batch & more');
  bot.assertQuiet();
  await baton.stop();
});
