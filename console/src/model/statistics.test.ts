import { expect, test } from "vitest";
import { INBOX } from "./apps";
import { matrix, oneInboxOfChanges, oneInboxOfOwners, parts, share, stepWords, took } from "./statistics";

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

test("the Inbox is one, though it has an id on each platform", () => {
  const inbox = [INBOX.messenger, INBOX.instagram];
  expect(
    oneInboxOfOwners([
      { app_id: inbox[1] ?? null, count: 2 },
      { app_id: "1", count: 4 },
      { app_id: null, count: 9 },
      { app_id: inbox[0] ?? null, count: 3 },
    ]),
  ).toEqual([
    { app_id: inbox[0], count: 5 },
    { app_id: "1", count: 4 },
    { app_id: null, count: 9 },
  ]);
  const changes = inbox.map((id) => ({ from_app_id: "1", to_app_id: id, count: 1 }));
  expect(oneInboxOfChanges(changes)).toEqual([{ from_app_id: "1", to_app_id: inbox[0], count: 2 }]);
  expect(matrix([...changes.slice(0, 1), { from_app_id: null, to_app_id: "1", count: 1 }]).ids).toEqual([
    "1",
    inbox[0],
    null,
  ]);
});

test("numbers are drawn as parts of the largest, and none of nothing", () => {
  expect(parts([1, 4, 0])).toEqual([0.25, 1, 0]);
  expect(parts([0, 0])).toEqual([0, 0]);
  expect([share(1, 3), share(0, 0)]).toEqual(["33 %", "–"]);
});

test("steps and durations in words", () => {
  expect(stepWords([{ up_to_ms: 1_000 }, { up_to_ms: 60_000 }, { up_to_ms: null }])).toEqual([
    "< 1 s",
    "1 min",
    "> 1 min",
  ]);
  expect([took(null), took(340), took(11_000)]).toEqual(["–", "340 ms", "11 s"]);
});
