/** Who delivers what, in words. */
import type { Node, Nodes } from "../api/types";
import type { Tone } from "./deliveries";

/** Numbers that only grow, as `0–3, 7`. */
export function ranges(numbers: readonly number[]): string {
  const found: [first: number, last: number][] = [];
  for (const number of numbers) {
    const range = found.at(-1);
    if (range && range[1] + 1 === number) range[1] = number;
    else found.push([number, number]);
  }
  return found.map(([first, last]) => (first === last ? first : `${first}–${last}`)).join(", ");
}

/** One is gone, and came again under its name: with each start it is another one. */
const cameAgain = (node: Node, all: readonly Node[]): boolean =>
  all.some((one) => one.there && one.name === node.name);

/** Those that are gone and should perhaps be there. One that was stopped as it should be is not listed at all. */
export const missing = (all: readonly Node[]): Node[] =>
  all.filter((one) => !one.there && !cameAgain(one, all));

/** How one stands. */
export function nodeWords(node: Node, all: readonly Node[]): { tone: Tone; words: string; detail: string } {
  if (node.there) return { tone: "well", words: "There", detail: "" };
  if (cameAgain(node, all)) return { tone: "plain", words: "Gone", detail: "it was started again" };
  return { tone: "danger", words: "Gone", detail: "nothing is heard of it" };
}

/** All of them in a sentence, which stays the same as long as nobody comes or goes. */
export function together({ nodes, undelivered }: Nodes): string {
  const there = nodes.filter((one) => one.there);
  const held = nodes.reduce((sum, one) => sum + one.streams.length, 0);
  const streams = held + undelivered.length;
  const who = there.length === 1 ? "1 node is there" : `${there.length} nodes are there`;
  const shares = there.length === 1 ? "delivers" : "share the delivery of";
  if (undelivered.length === 0)
    return `${who} and ${shares} ${streams === 1 ? "the one stream" : `all ${streams} streams`}.`;
  return `${who}; nobody delivers ${undelivered.length} of ${streams === 1 ? "1 stream" : `${streams} streams`}.`;
}
