import { expect, test } from "vitest";
import { matrix, parts, share, stepWords, took } from "./statistics";

test("a matrix has the same names in rows and columns, nobody last", () => {
  const found = matrix([
    { from_app_id: null, to_app_id: "1", count: 3 },
    { from_app_id: "1", to_app_id: "2", count: 2 },
  ]);
  expect(found.ids).toEqual(["1", "2", null]);
  expect(found.rows).toEqual([
    [0, 2, 0],
    [0, 0, 0],
    [3, 0, 0],
  ]);
  expect(matrix([]).ids).toEqual([]);
});

test("numbers are drawn as parts of the largest, and none of nothing", () => {
  expect(parts([1, 4, 0])).toEqual([0.25, 1, 0]);
  expect(parts([0, 0])).toEqual([0, 0]);
  expect([share(1, 3), share(0, 0)]).toEqual(["33 %", "0 %"]);
});

test("steps and durations in words", () => {
  expect(stepWords([{ up_to_ms: 1_000 }, { up_to_ms: 60_000 }, { up_to_ms: null }])).toEqual([
    "< 1 s",
    "1 min",
    "> 1 min",
  ]);
  expect([took(null), took(340), took(11_000)]).toEqual(["–", "340 ms", "11 s"]);
});
