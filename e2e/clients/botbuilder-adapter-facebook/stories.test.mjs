// A Botkit bot, which is a program with a webhook receiver of its own and speaks HTTPS only.

import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';

import { App } from '../support/app.mjs';
import { Baton, freePort } from '../support/baton.mjs';
import { Program } from '../support/program.mjs';

const PAGE = '2001';
const PERSON = '5001';

test('A Botkit bot speaks over HTTPS, hands over, and listens', async (t) => {
  const bot = new App('Botkit bot', '700000000000021');
  const desk = new App('Desk', '700000000000022');
  bot.port = await freePort();
  await desk.listen();
  t.after(() => desk.close());
  // The adapter reads `messaging` of every entry: without the switch it dies of a standby event.
  const routing = `${bot.app(['empty-messaging-beside-standby'])}${desk.app()}
[[pages]]
id = "${PAGE}"
name = "Jasper's Market"
messenger = { default_app = "${bot.name}" }
${bot.connection()}${desk.connection()}`;
  const baton = await Baton.start(routing, { https: true });
  t.after(() => baton.kill());
  const program = await Program.start(['bot.cjs'], {
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    port: bot.port,
    env: {
      // What a Node program is told so that it trusts the authority.
      NODE_EXTRA_CA_CERTS: baton.authority,
      PORT: String(bot.port),
      API_HOST: new URL(baton.secureOrigin).host,
      APP_SECRET: bot.secret,
      ACCESS_TOKEN: bot.accessToken,
      VERIFY_TOKEN: bot.verifyToken,
      DESK: desk.id,
    },
  });
  t.after(() => program.kill());
  // Nobody is known before they have done something: they read.
  await baton.api('POST', `/pages/${PAGE}/people/${PERSON}/events`, { type: 'read', read: { watermark: 1 } });
  await desk.hears('standby', 'read');
  await baton.api('PUT', `/pages/${PAGE}/people/${PERSON}`, { first_name: 'Ann' });

  await baton.says(PAGE, PERSON, 'hello');
  await desk.hearsText('standby', 'message', 'hello');
  const echo = await desk.hearsText('standby', 'echo', 'You said hello');
  assert.equal(echo.message.app_id, Number(bot.id));
  await program.says('to Ann');

  const tap = { text: 'Human', quick_reply: { payload: 'human' } };
  await baton.api('POST', `/pages/${PAGE}/people/${PERSON}/events`, { type: 'message', message: tap });
  await desk.hearsText('standby', 'message', 'Human');
  await desk.hearsText('standby', 'echo', 'A colleague takes over.');
  const { pass_thread_control: pass } = await desk.hears('messaging', 'pass_thread_control');
  assert.deepEqual([pass.previous_owner_app_id, pass.new_owner_app_id], [bot.id, desk.id]);
  await program.says('passed: {"success":true}');
  await program.says('Error sending activity to Facebook: (#10) Message failed to send because another app is controlling this thread now.');

  await baton.says(PAGE, PERSON, 'still there?');
  await desk.hearsText('messaging', 'message', 'still there?');
  await program.says('standby: still there?');
  desk.assertQuiet();
  await baton.stop();
});

test('Whoever does not trust the authority does not get in', async (t) => {
  const baton = await Baton.start('', { https: true });
  t.after(() => baton.kill());
  const wrong = await fetch(`${baton.secureOrigin}/me`).catch((error) => error.cause);
  assert.match(wrong.code, /SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET/);
  await baton.stop();
});
