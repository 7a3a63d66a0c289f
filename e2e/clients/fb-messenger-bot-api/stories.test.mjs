// fb-messenger-bot-api: sets a page up by `thread_settings`, which the platform retired, and never looks at the status of
// an answer.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { FacebookMessageParser, FacebookMessagingAPIClient, FacebookProfileAPIClient } from 'fb-messenger-bot-api';

import { App } from '../support/app.mjs';
import { Baton } from '../support/baton.mjs';

const { Utils } = createRequire(import.meta.url)('fb-messenger-bot-api/dist/util/Utils.js');
const PAGE = '2001';
const PERSON = '5001';

test('A bot sets its page up in the old way, and reads errors out of bodies', async (t) => {
  const app = new App('Old bot', '700000000000111');
  const desk = new App('Desk', '700000000000112');
  await Promise.all([app.listen(), desk.listen()]);
  t.after(() => Promise.all([app.close(), desk.close()]));
  const baton = await Baton.start(`${app.app()}${desk.app()}
[[pages]]
id = "${PAGE}"
name = "Jasper's Market"
messenger = { default_app = "${app.name}" }
${app.connection()}${desk.connection()}`);
  t.after(() => baton.kill());
  Utils.requestOptions.url = `${baton.origin}/v3.1/`;

  const profile = new FacebookProfileAPIClient(app.accessToken);
  assert.deepEqual(await profile.setGreetingMessage('Hello'), { result: 'success' });
  assert.deepEqual(await profile.setGetStartedAction('START'), { result: 'success' });
  const shown = await fetch(`${baton.origin}/me/messenger_profile?access_token=${app.accessToken}`);
  assert.deepEqual((await shown.json()).data, [{ greeting: [{ locale: 'default', text: 'Hello' }], get_started: { payload: 'START' } }]);

  await baton.says(PAGE, PERSON, 'hi');
  const event = await app.hearsText('messaging', 'message', 'hi');
  const entry = [{ id: PAGE, time: event.timestamp, messaging: [event] }];
  const [read] = FacebookMessageParser.parsePayload({ object: 'page', entry });
  assert.equal(read.message.text, 'hi');
  await desk.hears('standby', 'message');

  const client = new FacebookMessagingAPIClient(app.accessToken);
  const sent = await client.sendTextMessage(PERSON, 'hello');
  assert.equal(sent.recipient_id, PERSON);
  assert.equal((await app.hears('messaging', 'echo')).message.mid, sent.message_id);
  await desk.hears('standby', 'echo');
  assert.deepEqual(await client.toggleTyping(PERSON, true), { recipient_id: PERSON });
  assert.ok((await client.sendImageMessage(PERSON, 'https://www.market.com/a.png')).message_id);
  assert.equal((await app.hears('messaging', 'echo')).message.attachments[0].payload.url, 'https://www.market.com/a.png');
  await desk.hears('standby', 'echo');
  // What fails is an answer like any other to this library: its body says so.
  const other = new FacebookMessagingAPIClient(desk.accessToken);
  assert.deepEqual((({ code, error_subcode }) => [code, error_subcode])((await other.sendTextMessage(PERSON, 'me')).error), [10, 2018300]);
  assert.equal((await client.sendTextMessage('nobody', 'hello')).error.error_subcode, 2018001);
  await assert.rejects(new Promise((done, failed) => new FacebookMessagingAPIClient('EAAnobody').sendTextMessage(PERSON, 'x', (error) => (error ? failed(new Error(error.message)) : done()))), /Invalid OAuth access token/);
  desk.assertQuiet();
  await baton.stop();
});
