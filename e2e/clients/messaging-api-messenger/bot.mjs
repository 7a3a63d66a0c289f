// A bot written with messaging-api-messenger, as it would be for the platform. Only `origin` says that it
// speaks with Baton.

import assert from 'node:assert/strict';
import messenger from 'messaging-api-messenger';

import { Receiver } from '../support/receiver.mjs';

/** What kind of event this is: the key beside sender, recipient and timestamp; echoes are told apart. */
function kind(event) {
  const [key] = Object.keys(event).filter((key) => !['sender', 'recipient', 'timestamp'].includes(key));
  return key === 'message' && event.message.is_echo ? 'echo' : key;
}

export class Bot extends Receiver {
  constructor(name, id) {
    super({ name, secret: `secret of ${name}`, verifyToken: `verify-${id}` });
    this.id = id;
    this.accessToken = `EAA${id}`;
  }

  /** The bot's part of a routing file. */
  app() {
    return `
[[apps]]
id = "${this.id}"
name = "${this.name}"
secret = "${this.secret}"
webhook_url = "${this.url}"
verify_token = "${this.verifyToken}"
`;
  }

  /** Its connection, as a table of the page that stands before it. */
  connection() {
    return `
[[pages.connections]]
app = "${this.name}"
token = "${this.accessToken}"
fields = ["messages", "messaging_postbacks", "messaging_referrals", "messaging_handovers", "standby", "message_echoes"]
`;
  }

  connect(origin) {
    this.client = new messenger.MessengerClient({
      accessToken: this.accessToken,
      appId: this.id,
      appSecret: this.secret,
      origin,
    });
  }

  /** The next webhook must be this; its event. */
  async hears(channel, expected) {
    let next = await this.next();
    if (kind(next.event) === 'app_roles' && expected !== 'app_roles') {
      // What an app is told of the page itself stands in no order with its conversations.
      this.role = next.event.app_roles[this.id];
      next = await this.next();
    }
    assert.equal(`${next.channel}: ${kind(next.event)}`, `${channel}: ${expected}`, JSON.stringify(next.event));
    return next.event;
  }

  /** Its role in the Handover Protocol, as it was told. */
  async hearsRole(role) {
    this.role ??= (await this.hears('messaging', 'app_roles')).app_roles[this.id];
    assert.deepEqual(this.role, [role]);
  }

  async hearsText(channel, expected, text) {
    const event = await this.hears(channel, expected);
    assert.equal(event.message.text, text);
    return event;
  }

  // The library has no methods for these two edges; its own connection does as well.

  release(person) {
    return this.post('release_thread_control', { recipient: { id: person } });
  }

  extend(person, duration) {
    return this.post('extend_thread_control', { recipient: { id: person }, duration });
  }

  async post(edge, body) {
    const { data } = await this.client.axios.post(`/me/${edge}?access_token=${this.accessToken}`, body);
    return data;
  }
}

/** The call must be refused with this error, as the library reports it. */
export async function refused(call, { code, subcode, text }) {
  const error = await call.then((answer) => assert.fail(`not refused: ${JSON.stringify(answer)}`), (error) => error);
  const body = error.response?.data?.error;
  assert.ok(body, `not a refusal of the platform: ${error.stack}`);
  assert.equal(error.response.status, 400);
  assert.deepEqual({ code: body.code, subcode: body.errorSubcode }, { code, subcode });
  assert.match(body.message, text);
  assert.equal(body.type, 'OAuthException');
}
