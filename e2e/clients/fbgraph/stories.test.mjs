// fbgraph: brackets in a form without a content type, `method=delete`, a batch in a form.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { promisify } from 'node:util';
import graph from 'fbgraph';

import { App } from '../support/app.mjs';
import { Baton } from '../support/baton.mjs';

const PAGE = '2001';
const PERSON = '5001';

test('fbgraph sends, asks in a batch, deletes and hands over', async (t) => {
  const first = new App('First bot', '700000000000041');
  const second = new App('Second bot', '700000000000042');
  for (const app of [first, second]) {
    await app.listen();
    t.after(() => app.close());
  }
  const baton = await Baton.start(`${first.app()}${second.app()}
[[pages]]
id = "${PAGE}"
name = "Jasper's Market"
messenger = { primary_receiver = "${first.name}" }
${first.connection()}${second.connection()}`);
  t.after(() => baton.kill());
  graph.setGraphUrl(baton.origin);
  graph.setAccessToken(first.accessToken);
  graph.setAppSecret(first.secret);
  const [get, post, del, batch] = [graph.get, graph.post, graph.del, graph.batch].map((call) => promisify(call).bind(graph));
  const recipient = { id: PERSON };

  assert.deepEqual(await get('me', { fields: 'id,name' }), { id: PAGE, name: "Jasper's Market" });
  await baton.says(PAGE, PERSON, 'hello');
  await first.hearsText('messaging', 'message', 'hello');
  await second.hearsText('standby', 'message', 'hello');

  const buttons = [{ type: 'postback', title: 'Yes & no', payload: 'YES' }, { type: 'web_url', title: 'Shop', url: 'https://market.test/?a=b&c=d' }];
  const payload = { template_type: 'button', text: 'Is 50% + [1] ok?', buttons };
  const sent = await post('me/messages', { recipient, message: { attachment: { type: 'template', payload } } });
  assert.equal(sent.recipient_id, PERSON);
  for (const [app, channel] of [[first, 'messaging'], [second, 'standby']]) {
    const echo = await app.hears(channel, 'echo');
    assert.equal(echo.message.mid, sent.message_id);
    assert.deepEqual(echo.message.attachments[0].payload, payload);
  }

  await post('me/messenger_profile', { get_started: { payload: 'START' }, greeting: [{ locale: 'default', text: 'Hi' }] });
  assert.deepEqual(await del('me/messenger_profile', { fields: ['greeting'] }), { result: 'success' });
  assert.deepEqual((await get('me/messenger_profile')).data, [{ get_started: { payload: 'START' } }]);

  const answers = await batch([
    { method: 'GET', relative_url: 'me?fields=name' },
    { method: 'POST', relative_url: 'me/messages', body: `recipient=${JSON.stringify(recipient)}&message=${encodeURIComponent('{"text":"ä & ö"}')}` },
    { method: 'GET', relative_url: 'jaspers.market' },
  ]);
  assert.deepEqual(answers.map(({ code }) => code), [200, 200, 404]);
  await first.hearsText('messaging', 'echo', 'ä & ö');
  await second.hearsText('standby', 'echo', 'ä & ö');

  assert.deepEqual(await post('me/pass_thread_control', { recipient, target_app_id: second.id, metadata: 'over' }), { success: true });
  assert.equal((await second.hears('messaging', 'pass_thread_control')).pass_thread_control.metadata, 'over');
  const error = await post('me/messages', { recipient, message: { text: 'more' } }).catch((error) => error);
  assert.deepEqual([error.code, error.error_subcode, error.type], [10, 2018300, 'OAuthException']);
  assert.match(error.error_user_msg, /"Second bot" controls this conversation until .*take_thread_control/);
  const owner = await get('me/thread_owner', { recipient: PERSON });
  assert.equal(owner.data[0].thread_owner.app_id, second.id);
  for (const app of [first, second]) app.assertQuiet();
  await baton.stop();
});
