import { readFileSync } from "node:fs";
import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

/** Where `npm run dev` finds a running Baton: its `server.json`, which is also who may use it. */
function server(): { url: string; operator_token: string } {
  const path = process.env.BATON_DATA;
  if (!path) throw new Error("set BATON_DATA to the data directory of a running Baton");
  return JSON.parse(readFileSync(`${path}/server.json`, "utf8"));
}

/** The server writes how far down an address is into `<base>`; in development the whole path is known. */
const base: Plugin = {
  name: "base",
  apply: "serve",
  transformIndexHtml: (html) => html.replace('<base href="./"', '<base href="/console/"'),
};

export default defineConfig(({ command, mode }) => {
  const developing = command === "serve" && mode !== "test";
  const baton = developing ? server() : undefined;
  return {
    // Relative: the console works wherever a proxy puts it.
    base: command === "serve" ? "/console/" : "./",
    plugins: [react(), base],
    build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false } },
    server: {
      proxy: baton
        ? {
            "/baton": { target: baton.url, headers: { authorization: `Bearer ${baton.operator_token}` } },
            "/problems": { target: baton.url },
          }
        : {},
    },
    test: { environment: "node", env: { TZ: "UTC" } },
  };
});
