// A Baton of its own for each story: `baton dev` with its demo, or a node of `baton serve` on PostgreSQL, gone when the
// story ends.
import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";

const PROGRAM = process.env.BATON_BIN ?? "../../target/debug/baton";

/** Starts one, and waits until the demo, if there is one, has played its story. */
export async function start({ demo = true } = {}) {
  const server = await run(["dev", ...(demo ? [] : ["--no-demo"])], {}, demo ? "Your turn" : "ready in");
  return {
    ...server,
    /** The link that signs in, once. */
    link: /http:\S+#link=\w+/.exec(server.told())?.[0],
  };
}

/** A database of its own on the server that `e2e/on_postgres.py` started. */
export async function database() {
  const at = process.env.E2E_POSTGRES;
  if (!at) throw new Error("no PostgreSQL: run this by `npm test`, or by `python3 ../on_postgres.py node --test …`");
  const [host, port] = at.split(":");
  const name = `console_${randomBytes(8).toString("hex")}`;
  await promisify(execFile)("createdb", ["-h", host, "-p", port, "-U", "baton", name]);
  return `postgres://baton@${at}/${name}?sslmode=disable`;
}

/** Starts a node on a database. All have the same operator token, and may deliver to this machine. */
export function startNode(database, name) {
  const settings = {
    BATON_DATABASE: database,
    BATON_NODE: name,
    BATON_LEASE: "2s",
    BATON_OPERATOR_TOKEN: "operator-of-these-nodes",
    BATON_DELIVERY__ALLOW_ADDRESSES: "127.0.0.0/8",
  };
  return run(["serve"], settings, "");
}

/** Runs it in a folder of its own, until it says where it is and what is waited for. */
async function run([command, ...more], settings, isReady) {
  const home = mkdtempSync(join(tmpdir(), "baton-console-"));
  const env = { ...process.env, XDG_RUNTIME_DIR: home, NO_COLOR: "1" };
  for (const name of Object.keys(env)) if (name.startsWith("BATON_")) delete env[name];
  const args = [command, "--data", join(home, "data"), "--listen", "127.0.0.1:0", ...more];
  const child = spawn(PROGRAM, args, { env: { ...env, ...settings }, stdio: ["ignore", "pipe", "pipe"] });
  let told = "";
  child.stdout.on("data", (text) => (told += text));
  child.stderr.on("data", (text) => (told += text));
  const file = join(home, "data", "server.json");
  const ended = new Promise((resolve) => child.once("exit", resolve));
  for (let tries = 0; !existsSync(file) || !told.includes(isReady); tries += 1) {
    if (child.exitCode !== null || tries > 600) throw new Error(`baton ${command} did not start:\n${told}`);
    await pause(100);
  }
  const { url, operator_token: token } = JSON.parse(readFileSync(file, "utf8"));
  const call = async (method, path, body) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const response = await fetch(`${url}/baton/v1/${path}`, { method, headers, body: body && JSON.stringify(body) });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response.json();
  };
  return {
    url,
    token,
    /** What it has printed. */
    told: () => told,
    call,
    /** Sends it a signal. */
    signal: (name) => child.kill(name),
    /** Ends it; by another signal, as something else than an operator would. */
    stop: async (signal = "SIGTERM") => {
      child.kill(signal);
      await ended;
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** The same server behind a line that can be cut. */
export async function behindALine(server) {
  const port = Number(new URL(server.url).port);
  const open = new Set();
  let whole = true;
  const line = createServer((near) => {
    if (!whole) return near.destroy();
    const far = connect(port, "127.0.0.1");
    for (const [one, other] of [[near, far], [far, near]]) {
      open.add(one);
      one.pipe(other);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        open.delete(one);
        other.destroy();
      });
    }
  });
  await new Promise((resolve) => line.listen(0, "127.0.0.1", resolve));
  return {
    ...server,
    url: `http://127.0.0.1:${line.address().port}`,
    cut: () => {
      whole = false;
      for (const one of open) one.destroy();
    },
    mend: () => {
      whole = true;
    },
    close: () => {
      for (const one of open) one.destroy();
      line.close();
    },
  };
}
