// A bot written with messaging-api-messenger, as it would be for the platform. Only `origin` says that it
// speaks with Baton.

import assert from 'node:assert/strict';
import messenger from 'messaging-api-messenger';

import { App } from '../support/app.mjs';

export class Bot extends App {
  connect(origin) {
    this.client = new messenger.MessengerClient({
      accessToken: this.accessToken,
      appId: this.id,
      appSecret: this.secret,
      origin,
    });
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
