import { expect, test } from "vitest";
import type { Node } from "../api/types";
import { missing, nodeWords, ranges, together } from "./nodes";

const node = (name: string, more: Partial<Node> = {}): Node => ({
  id: `${name}-1`,
  name,
  version: "0.1.0",
  this: false,
  there: true,
  since: "2026-11-22T18:17:40Z",
  streams: [],
  waiting: 0,
  ...more,
});

test("neighbours are one range", () => {
  expect(ranges([0, 1, 2, 5, 7, 8])).toBe("0–2, 5, 7–8");
  expect(ranges([15])).toBe("15");
  expect(ranges([])).toBe("");
});

test("a node that came again under its name is not missing", () => {
  const gone = node("north", { there: false });
  const back = node("north", { id: "north-2" });
  const other = node("south", { there: false });
  expect(missing([gone, back, other])).toEqual([other]);
  expect(missing([gone, { ...back, there: false }])).toHaveLength(2);
  expect(nodeWords(gone, [gone, back])).toMatchObject({ tone: "plain", detail: "it was started again" });
  expect(nodeWords(other, [gone, back, other])).toMatchObject({ tone: "danger", words: "Gone" });
  expect(nodeWords(back, [gone, back])).toMatchObject({ tone: "well", words: "There" });
});

test("all of them in a sentence", () => {
  const two = [node("north", { streams: [0, 1] }), node("south", { streams: [2] })];
  const gone = node("east", { there: false });
  const said = (nodes: Node[], undelivered: number[] = []) => together({ nodes, undelivered });
  expect(said([...two, gone])).toBe("2 nodes are there and share the delivery of all 3 streams.");
  expect(said(two.slice(1))).toBe("1 node is there and delivers the one stream.");
  expect(said(two, [3])).toBe("2 nodes are there; nobody delivers 1 of 4 streams.");
  expect(said([gone], [0, 1])).toBe("0 nodes are there; nobody delivers 2 of 2 streams.");
});
