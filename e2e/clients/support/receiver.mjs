// An app's webhook address: checks what the platform promises of every request, and keeps the events in order.

import assert from 'node:assert/strict';
import { createHmac, timingSafeEqual } from 'node:crypto';
import http from 'node:http';

const PATIENCE_MS = 20_000;

export class Receiver {
  constructor({ name, secret, verifyToken }) {
    Object.assign(this, { name, secret, verifyToken });
    this.unread = [];
    this.wake = () => {};
    this.fault = null;
  }

  /** Starts to listen; on a port that is given, one that was promised before. */
  async listen(port = 0) {
    this.server = http.createServer((request, response) => {
      this.answer(request, response).catch((error) => {
        this.fault ??= error;
        this.wake();
        response.writeHead(500).end();
      });
    });
    await new Promise((resolve, reject) => {
      this.server.once('error', reject).listen(port, '127.0.0.1', resolve);
    });
    this.port = this.server.address().port;
  }

  /** Stops: from now on connections are refused. */
  async close() {
    if (!this.server?.listening) return;
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }

  get url() {
    return `http://127.0.0.1:${this.port}/webhook`;
  }

  async answer(request, response) {
    const url = new URL(request.url, 'http://receiver');
    assert.equal(url.pathname, '/webhook');
    if (request.method === 'GET') {
      assert.equal(url.searchParams.get('hub.mode'), 'subscribe');
      assert.equal(url.searchParams.get('hub.verify_token'), this.verifyToken);
      response.end(url.searchParams.get('hub.challenge'));
      return;
    }
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    this.take(request.headers, Buffer.concat(chunks));
    response.end('EVENT_RECEIVED');
  }

  take(headers, body) {
    for (const [header, algorithm] of [['x-hub-signature', 'sha1'], ['x-hub-signature-256', 'sha256']]) {
      const expected = `${algorithm}=${createHmac(algorithm, this.secret).update(body).digest('hex')}`;
      const got = headers[header] ?? '';
      const same = got.length === expected.length && timingSafeEqual(Buffer.from(got), Buffer.from(expected));
      assert.ok(same, `${this.name}: ${header} is ${got || 'missing'}, not ${expected}`);
    }
    assert.match(headers['content-type'], /^application\/json\b/);
    assert.ok(body.every((byte) => byte < 0x80), `${this.name}: the body is not ASCII`);
    const { object, entry } = JSON.parse(body.toString());
    assert.equal(object, 'page');
    assert.equal(entry.length, 1, `${this.name}: one POST holds one entry`);
    const channels = ['messaging', 'standby'].filter((channel) => channel in entry[0]);
    assert.equal(channels.length, 1, `${this.name}: an entry is either messaging or standby`);
    const events = entry[0][channels[0]];
    assert.equal(events.length, 1, `${this.name}: an entry holds one event`);
    this.unread.push({ channel: channels[0], page: entry[0].id, event: events[0] });
    this.wake();
  }

  /** The next event in order of arrival: at once if it is there, else when it comes. */
  async next() {
    const deadline = Date.now() + PATIENCE_MS;
    while (!this.fault && this.unread.length === 0 && Date.now() < deadline) {
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, deadline - Date.now());
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    if (this.fault) throw this.fault;
    assert.ok(this.unread.length > 0, `${this.name} heard nothing more within ${PATIENCE_MS / 1000} s`);
    return this.unread.shift();
  }

  /** Nothing has come that a test did not ask for. */
  assertQuiet() {
    if (this.fault) throw this.fault;
    assert.deepEqual(this.unread, [], `${this.name} heard more than it should`);
  }
}
