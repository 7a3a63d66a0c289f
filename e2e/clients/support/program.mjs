// A bot that is a program of its own, as its users run it: started by a test, with its output kept.

import { spawn } from 'node:child_process';
import net from 'node:net';

const PATIENCE_MS = 30_000;

function listens(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

export class Program {
  /** Starts `node` with these words, and waits until something listens at the port. */
  static async start(words, { cwd, env = {}, port }) {
    const program = new Program();
    program.output = '';
    program.process = spawn(process.execPath, words, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [program.process.stdout, program.process.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => (program.output += text));
    }
    let over = false;
    program.ended = new Promise((resolve) => program.process.once('exit', resolve));
    program.ended.then(() => (over = true));
    for (const deadline = Date.now() + PATIENCE_MS; !over && Date.now() < deadline; ) {
      if (await listens(port)) return program;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    await program.kill();
    throw new Error(`the bot did not start:\n${program.output}`);
  }

  /** Waits until it has printed this. */
  async says(text) {
    for (const deadline = Date.now() + PATIENCE_MS; Date.now() < deadline; ) {
      if (this.output.includes(text)) return;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error(`the bot never said ${JSON.stringify(text)}:\n${this.output}`);
  }

  async kill() {
    this.process.kill('SIGKILL');
    await this.ended;
  }
}
