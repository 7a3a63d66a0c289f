// A Baton of its own for each story: `baton dev` with its demo, gone when the story ends.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const PROGRAM = process.env.BATON_BIN ?? "../../target/debug/baton";

/** Starts one, and waits until the demo, if there is one, has played its story. */
export async function start({ demo = true } = {}) {
  const home = mkdtempSync(join(tmpdir(), "baton-console-"));
  const env = { ...process.env, XDG_RUNTIME_DIR: home, NO_COLOR: "1" };
  for (const name of Object.keys(env)) if (name.startsWith("BATON_")) delete env[name];
  const args = ["dev", "--data", join(home, "data"), "--listen", "127.0.0.1:0", ...(demo ? [] : ["--no-demo"])];
  const child = spawn(PROGRAM, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  let told = "";
  child.stdout.on("data", (text) => (told += text));
  child.stderr.on("data", (text) => (told += text));
  const file = join(home, "data", "server.json");
  const ended = new Promise((resolve) => child.once("exit", resolve));
  for (let tries = 0; !existsSync(file) || !told.includes(demo ? "Your turn" : "ready in"); tries += 1) {
    if (child.exitCode !== null || tries > 600) throw new Error(`baton dev did not start:\n${told}`);
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
    /** The link that signs in, once. */
    link: /http:\S+#link=\w+/.exec(told)?.[0],
    call,
    stop: async () => {
      child.kill("SIGTERM");
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
