// A Bottender bot: a framework with its webhook receiver, run by its own command line.

import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';

import { App } from '../support/app.mjs';
import { Baton, freePort } from '../support/baton.mjs';
import { Program } from '../support/program.mjs';

const PAGE = '2001';
const PERSON = '5001';
const COMMAND = fileURLToPath(new URL('node_modules/.bin/bottender', import.meta.url));

test('A Bottender bot hands over to a desk and gets the conversation back', async (t) => {
  const bot = new App('Bottender bot', '700000000000031');
  const desk = new App('Desk', '700000000000032');
  bot.port = await freePort();
  await desk.listen();
  t.after(() => desk.close());
  const baton = await Baton.start(`${bot.app()}${desk.app()}
[[pages]]
id = "${PAGE}"
name = "Jasper's Market"
messenger = { primary_receiver = "${bot.name}" }
${bot.connection()}${desk.connection()}`);
  t.after(() => baton.kill());
  const env = {
    MESSENGER_ORIGIN: baton.origin,
    MESSENGER_PAGE_ID: PAGE,
    MESSENGER_ACCESS_TOKEN: bot.accessToken,
    MESSENGER_APP_ID: bot.id,
    MESSENGER_APP_SECRET: bot.secret,
    MESSENGER_VERIFY_TOKEN: bot.verifyToken,
    DESK: desk.id,
  };
  const cwd = fileURLToPath(new URL('bot/', import.meta.url));
  const program = await Program.start([COMMAND, 'start', '--port', String(bot.port)], { cwd, env, port: bot.port });
  t.after(() => program.kill());
  // Nobody is known before they have done something: they read.
  await baton.api('POST', `/pages/${PAGE}/people/${PERSON}/events`, { type: 'read', read: { watermark: 1 } });
  await desk.hears('standby', 'read');
  await baton.api('PUT', `/pages/${PAGE}/people/${PERSON}`, { first_name: 'Ann', last_name: 'Lee' });

  await baton.says(PAGE, PERSON, 'hello');
  await desk.hearsText('standby', 'message', 'hello');
  const asked = await desk.hears('standby', 'echo');
  const [{ payload: template }] = asked.message.attachments;
  assert.equal(template.text, 'Hi Ann, what can I do?');
  assert.equal(template.buttons[0].payload, 'HUMAN');

  const postback = { type: 'postback', postback: { payload: 'HUMAN', title: 'Human' } };
  await baton.api('POST', `/pages/${PAGE}/people/${PERSON}/events`, postback);
  assert.equal((await desk.hears('standby', 'postback')).postback.payload, undefined);
  const { pass_thread_control: pass } = await desk.hears('messaging', 'pass_thread_control');
  assert.deepEqual([pass.new_owner_app_id, pass.metadata], [desk.id, 'asked for a human']);
  await program.says('refused: Messenger API - 10 OAuthException (#10) Message failed to send because another app');

  await baton.says(PAGE, PERSON, 'anybody?');
  await desk.hearsText('messaging', 'message', 'anybody?');
  await program.says('standby: anybody?');
  const call = async (edge, body) => {
    const url = `${baton.origin}/v19.0/me/${edge}?access_token=${desk.accessToken}`;
    const form = new URLSearchParams({ recipient: JSON.stringify({ id: PERSON }), ...body });
    return (await fetch(url, { method: 'POST', body: form })).json();
  };
  assert.ok((await call('messages', { message: '{"text":"Here I am."}' })).message_id);
  await desk.hearsText('messaging', 'echo', 'Here I am.');
  await program.says('standby: echo Here I am.');
  assert.deepEqual(await call('pass_thread_control', { target_app_id: bot.id, metadata: 'done' }), { success: true });
  await program.says('mine again: done');

  // The bot has not stumbled over anything: it is asked, and answers.
  await baton.says(PAGE, PERSON, 'thanks');
  await desk.hearsText('standby', 'message', 'thanks');
  await desk.hears('standby', 'echo');
  desk.assertQuiet();
  await baton.stop();
});
