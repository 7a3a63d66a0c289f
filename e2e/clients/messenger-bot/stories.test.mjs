// messenger-bot: a receiver that puts what arrives together as text before it checks the signature, and that dies of an
// entry without `messaging`.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { test } from 'node:test';
import Bot from 'messenger-bot';

import { App } from '../support/app.mjs';
import { Baton, freePort } from '../support/baton.mjs';

const PAGE = '2001';
const PERSON = '5001';
const LONG = 'äöå 👍 '.repeat(250);

test('A messenger-bot bot listens along without dying of it, and speaks when it is its turn', async (t) => {
  const app = new App('messenger-bot bot', '700000000000101');
  const desk = new App('Desk', '700000000000102');
  await desk.listen();
  t.after(() => desk.close());
  app.port = await freePort();
  const origin = `http://127.0.0.1:${await freePort()}`;
  const bot = new Bot({ token: app.accessToken, verify: app.verifyToken, app_secret: app.secret, graph_url: `${origin}/v2.12/` });
  const server = http.createServer(bot.middleware()).listen(app.port, '127.0.0.1');
  t.after(() => server.close());
  const wrong = [];
  bot.on('error', (error) => wrong.push(error));
  const baton = await Baton.start(
    `${app.app(['empty-messaging-beside-standby'])}${desk.app()}
[[pages]]
id = "${PAGE}"
name = "Jasper's Market"
messenger = { primary_receiver = "${app.name}" }
${app.connection()}${desk.connection()}`,
    { listen: origin.slice('http://'.length) },
  );
  t.after(() => baton.kill());
  const heard = async (kind) => (await once(bot, kind))[0];

  // Longer than one chunk, and of letters that are longer than one byte: the signature holds all the same.
  let message = heard('message');
  await baton.says(PAGE, PERSON, LONG);
  assert.equal((await message).message.text, LONG);
  await desk.hearsText('standby', 'message', LONG);
  let echo = heard('echo');
  const sent = await bot.sendMessage(PERSON, { text: LONG.slice(0, 900) });
  assert.equal(sent.recipient_id, PERSON);
  assert.equal((await echo).message.mid, sent.message_id);
  await desk.hears('standby', 'echo');
  assert.deepEqual(await bot.setGetStartedButton({ payload: 'START' }), { result: 'success' });

  // While the desk leads, what arrives has `messaging: []`; this receiver reads that without asking, and goes on.
  await passes(app, desk, origin);
  await desk.hears('messaging', 'pass_thread_control');
  await baton.says(PAGE, PERSON, 'is anybody there?');
  await desk.hearsText('messaging', 'message', 'is anybody there?');
  const refused = await bot.sendMessage(PERSON, { text: 'me' }).catch((error) => error);
  assert.equal(refused.statusCode, 400);
  assert.deepEqual([refused.error.error.code, refused.error.error.error_subcode], [10, 2018300]);
  const back = { recipient: { id: PERSON }, target_app_id: app.id };
  assert.deepEqual(await post(origin, 'pass_thread_control', desk, back), { success: true });
  message = heard('message');
  await baton.says(PAGE, PERSON, 'and now?');
  assert.equal((await message).message.text, 'and now?');
  await desk.hearsText('standby', 'message', 'and now?');
  assert.deepEqual(wrong, []);
  await baton.stop();
});

async function post(origin, edge, app, body) {
  const answer = await fetch(`${origin}/me/${edge}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...body, access_token: app.accessToken }),
  });
  return answer.json();
}

/** The library knows no handover, so its bot calls it as it can. */
async function passes(app, desk, origin) {
  const form = { recipient: { id: PERSON }, target_app_id: desk.id };
  assert.deepEqual(await post(origin, 'pass_thread_control', app, form), { success: true });
}
