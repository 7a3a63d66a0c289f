// The real program, started by a test on a data directory of its own, and its own API and commands.

import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const START_MS = 30_000;
const STOP_MS = 10_000;

/** `$BATON_BIN`, else what the makefile built. */
function program() {
  const built = ['release', 'debug'].map((profile) => path.join(ROOT, 'target', profile, 'baton'));
  const found = process.env.BATON_BIN ?? built.find(existsSync);
  if (!found) throw new Error(`no program at ${built.join(' or ')}: build it with \`make release\`, or set BATON_BIN`);
  return path.resolve(found);
}

/** A port that was free a moment ago. */
export async function freePort() {
  const server = net.createServer();
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Where a server of PostgreSQL is, `host:port`, when the stories are to be told on it (`e2e/on_postgres.py`). */
const POSTGRES = process.env.E2E_POSTGRES;

/** `baton dev` with a routing file, as an operator starts it; on PostgreSQL `baton serve`, and the file applied. */
export class Baton {
  /** `https`: it speaks HTTPS too, with the certificate that it makes for this machine. `listen`: where, if somebody knows before. */
  static async start(routing, { https = false, listen } = {}) {
    const baton = new Baton();
    baton.folder = await mkdtemp(path.join(tmpdir(), 'baton-story-'));
    baton.origin = `http://${listen ?? `127.0.0.1:${await freePort()}`}`;
    baton.secureOrigin = https ? `https://localhost:${await freePort()}` : null;
    baton.token = `operator-${randomBytes(16).toString('hex')}`;
    baton.output = '';
    const file = path.join(baton.folder, 'routing.toml');
    await writeFile(file, routing);
    const data = path.join(baton.folder, 'data');
    const at = baton.origin.slice('http://'.length);
    if (POSTGRES) await baton.database();
    const words = POSTGRES ? ['serve'] : ['dev', '-f', file, '--no-demo'];
    baton.process = spawn(program(), [...words, '--data', data, '--listen', at], {
      env: baton.environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [baton.process.stdout, baton.process.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => (baton.output += text));
    }
    baton.ended = new Promise((resolve) => {
      baton.process.once('exit', (code, signal) => resolve({ code, signal }));
      baton.process.once('error', (error) => resolve({ code: error.message, signal: null }));
    });
    try {
      await baton.ready();
      if (POSTGRES) await baton.command('apply', '-f', file);
    } catch (error) {
      await baton.kill();
      throw error;
    }
    return baton;
  }

  /** Makes it a database of its own. */
  async database() {
    const [host, port] = POSTGRES.split(':');
    const name = `story_${randomBytes(8).toString('hex')}`;
    await promisify(execFile)('createdb', ['-h', host, '-p', port, '-U', 'baton', name]);
    this.served = {
      BATON_DATABASE: `postgres://baton@${POSTGRES}/${name}?sslmode=disable`,
      BATON_DELIVERY__ALLOW_ADDRESSES: '127.0.0.0/8',
    };
  }

  environment() {
    const variables = { ...this.served, BATON_OPERATOR_TOKEN: this.token, BATON_SERVER: this.origin, NO_COLOR: '1' };
    if (this.secureOrigin) variables.BATON_TLS_LISTEN = `127.0.0.1:${new URL(this.secureOrigin).port}`;
    return { ...process.env, ...variables };
  }

  /** The authority that clients trust who speak HTTPS. */
  get authority() {
    return path.join(this.folder, 'data', 'tls', 'authority.pem');
  }

  /** Looks until it has said where it is, which it does when the routing file is applied, and is ready. */
  async ready() {
    const said = path.join(this.folder, 'data', 'server.json');
    let over = false;
    this.ended.then(() => (over = true));
    for (const deadline = Date.now() + START_MS; !over && Date.now() < deadline; ) {
      const answer = existsSync(said) && (await fetch(`${this.origin}/readyz`).catch(() => null));
      if (answer && answer.status === 200) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`baton did not become ready:\n${this.output}`);
  }

  /** Stops it as an operator does; it must end by itself, in time, without an error. */
  async stop() {
    this.process.kill('SIGTERM');
    const late = new Promise((resolve) => setTimeout(resolve, STOP_MS, 'still running').unref());
    const end = await Promise.race([this.ended, late]);
    await this.kill();
    if (end.code !== 0) throw new Error(`baton did not stop well (${JSON.stringify(end)}):\n${this.output}`);
  }

  async kill() {
    this.process.kill('SIGKILL');
    await this.ended;
    await rm(this.folder, { recursive: true, force: true });
  }

  /** One call of Baton's own API; the answer's JSON, or an error that shows it. */
  async api(method, call, body) {
    const answer = await fetch(`${this.origin}/baton/v1${call}`, {
      method,
      headers: { authorization: `Bearer ${this.token}`, 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
    });
    const text = await answer.text();
    if (answer.status !== 200) throw new Error(`${method} ${call} was answered with ${answer.status}: ${text}`);
    return JSON.parse(text);
  }

  /** A person writes; the receipt. */
  says(page, person, text, more = {}) {
    const event = { type: 'message', message: { text }, ...more };
    return this.api('POST', `/pages/${page}/people/${person}/events`, event);
  }

  /** What happened to the control of a thread, oldest first. */
  async history(page, person) {
    const { data } = await this.api('GET', `/pages/${page}/threads/${person}/history`);
    return data.reverse();
  }

  /** A command of the program against this server; what it printed. */
  async command(...words) {
    const { stdout } = await promisify(execFile)(program(), words, { env: this.environment() });
    return stdout;
  }
}
