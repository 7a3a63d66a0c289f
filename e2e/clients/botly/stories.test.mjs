// Botly: a library with a webhook router of its own, put into an Express program as its readme has it.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { test } from 'node:test';
import { promisify } from 'node:util';
import bodyParser from 'body-parser';
import Botly from 'botly';
import express from 'express';

import { App } from '../support/app.mjs';
import { Baton, freePort } from '../support/baton.mjs';

const PAGE = '2001';
const PERSON = '5001';

test('A Botly bot hears taps on what it made, and waits for its turn', async (t) => {
  const app = new App('Botly bot', '700000000000051');
  const desk = new App('Desk', '700000000000052');
  await desk.listen();
  t.after(() => desk.close());
  app.port = await freePort();
  const origin = `http://127.0.0.1:${await freePort()}`;
  const botly = new Botly({ accessToken: app.accessToken, verifyToken: app.verifyToken, webHookPath: '/webhook', FB_URL: `${origin}/v2.12/` });
  const server = http.createServer(
    express().use(bodyParser.json({ verify: botly.getVerifySignature(app.secret) })).use(botly.router()),
  );
  server.listen(app.port, '127.0.0.1');
  t.after(() => server.close());
  botly.on('error', (error) => t.diagnostic(`the library fails: ${error.stack}`));
  const baton = await Baton.start(
    `${app.app()}${desk.app()}
[[pages]]
id = "${PAGE}"
name = "Jasper's Market"
messenger = { default_app = "${app.name}" }
${app.connection()}${desk.connection()}`,
    { listen: origin.slice('http://'.length) },
  );
  t.after(() => baton.kill());
  const call = (name) => promisify(botly[name]).bind(botly);
  const pageId = PAGE;

  assert.deepEqual(await call('setGetStarted')({ pageId, payload: 'START' }), { result: 'success' });
  const item = { title: 'Help', type: 'postback', payload: 'HELP' };
  assert.deepEqual(await call('setPersistentMenu')({ pageId, menu: [{ locale: 'default', call_to_actions: [item] }] }), { result: 'success' });
  assert.deepEqual(await call('setGreetingText')({ pageId, greeting: [{ locale: 'default', text: 'Hi' }] }), { result: 'success' });
  assert.deepEqual(await call('setWhiteList')({ pageId, whiteList: ['https://market.test'] }), { result: 'success' });

  // Get Started, by a link with a name.
  const tapped = once(botly, 'postback');
  const event = { type: 'get_started', entry: { type: 'organic' } };
  await baton.api('POST', `/pages/${PAGE}/people/${PERSON}/events`, event);
  const [sender, , payload] = await tapped;
  assert.deepEqual([sender, payload], [PERSON, 'START']);
  await desk.hears('standby', 'postback');

  const answer = await call('sendText')({ id: PERSON, text: 'Pick', quick_replies: [botly.createQuickReply('One', 'ONE')] });
  assert.equal(answer.recipient_id, PERSON);
  await desk.hearsText('standby', 'echo', 'Pick');
  const picked = once(botly, 'postback');
  const reply = { text: 'One', quick_reply: { payload: 'ONE' } };
  await baton.api('POST', `/pages/${PAGE}/people/${PERSON}/events`, { type: 'message', message: reply });
  assert.equal((await picked)[2], 'ONE');
  await desk.hearsText('standby', 'message', 'One');

  const elements = [{ title: 'Shirt', subtitle: 'Red', buttons: [botly.createWebURLButton('Shop', 'https://market.test'), botly.createPostbackButton('Buy', 'BUY')] }];
  assert.ok((await call('sendGeneric')({ id: PERSON, elements })).message_id);
  assert.equal((await desk.hears('standby', 'echo')).message.attachments[0].payload.template_type, 'generic');
  const kept = await call('upload')({ pageId, type: Botly.CONST.ATTACHMENT_TYPE.IMAGE, payload: { url: 'https://market.test/a.png', is_reusable: true } });
  assert.match(kept.attachment_id, /^[0-9]+$/);
  assert.deepEqual(await call('sendAction')({ id: PERSON, action: Botly.CONST.ACTION_TYPES.TYPING_ON }), { recipient_id: PERSON });
  const profile = await call('getUserProfile')(PERSON);
  assert.deepEqual(profile, { id: PERSON }, 'nothing was told of the person');
  assert.equal((await call('getPSID')('nonsense')).error.code, 10303);
  assert.deepEqual(await call('removePersistentMenu')({ pageId }), { result: 'success' });

  // A desk takes over in the inbox's way; the bot is refused, and hears of its turn.
  const form = { recipient: { id: PERSON }, target_app_id: desk.id, access_token: app.accessToken };
  const headers = { 'content-type': 'application/json' };
  const passed = await fetch(`${origin}/me/pass_thread_control`, { method: 'POST', headers, body: JSON.stringify(form) });
  assert.deepEqual(await passed.json(), { success: true });
  await desk.hears('messaging', 'pass_thread_control');
  const refused = await call('sendText')({ id: PERSON, text: 'more' });
  assert.deepEqual([refused.error.code, refused.error.error_subcode], [10, 2018300]);
  const again = once(botly, 'passThreadControl');
  const back = { recipient: { id: PERSON }, target_app_id: app.id, access_token: desk.accessToken, metadata: 'yours' };
  await fetch(`${origin}/me/pass_thread_control`, { method: 'POST', headers, body: JSON.stringify(back) });
  assert.equal((await again)[2].metadata, 'yours');
  desk.assertQuiet();
  await baton.stop();
});
