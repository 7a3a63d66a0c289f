// An app as a routing file has it, and its webhook address: what a story about any library needs of one.

import assert from 'node:assert/strict';

import { Receiver } from './receiver.mjs';

const FIELDS = ['messages', 'messaging_postbacks', 'messaging_referrals', 'messaging_handovers', 'standby', 'message_echoes'];

/** What kind of event this is: the key beside sender, recipient and timestamp; echoes are told apart. */
export function kind(event) {
  const [key] = Object.keys(event).filter((key) => !['sender', 'recipient', 'timestamp'].includes(key));
  return key === 'message' && event.message.is_echo ? 'echo' : key;
}

export class App extends Receiver {
  constructor(name, id) {
    super({ name, secret: `secret of ${name}`, verifyToken: `verify-${id}` });
    this.id = id;
    this.accessToken = `EAA${id}`;
  }

  /** Its part of a routing file. */
  app(compat = []) {
    return `
[[apps]]
id = "${this.id}"
name = "${this.name}"
secret = "${this.secret}"
webhook_url = "${this.url}"
verify_token = "${this.verifyToken}"
compat = ${JSON.stringify(compat)}
`;
  }

  /** Its connection, as a table of the page that stands before it. */
  connection(fields = FIELDS) {
    return `
[[pages.connections]]
app = "${this.name}"
token = "${this.accessToken}"
fields = ${JSON.stringify(fields)}
`;
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
}
