// Says how large the script of the console is, gzipped, and fails over the budget.
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const BUDGET = 300_000;
const folder = new URL("../dist/assets/", import.meta.url);
const sizes = readdirSync(folder)
  .filter((name) => name.endsWith(".js"))
  .map((name) => gzipSync(readFileSync(new URL(name, folder)), { level: 9 }).length);
const total = sizes.reduce((sum, size) => sum + size, 0);
console.log(`script, gzipped: ${(total / 1000).toFixed(1)} kB of ${BUDGET / 1000} kB`);
if (total > BUDGET) process.exit(1);
