import { expect, test } from "vitest";
import type { Row } from "../api/live";
import { fits, KINDS, kindOf, ofPage, perMinute, readKinds, readWords, writeKinds } from "./live";

const decision = {
  id: "1",
  at: "2026-01-01T00:00:00.000Z",
  event: "decision",
  page_id: "2001",
  on: "messenger",
  person_id: "ada",
  rule: "X-1",
  via: null,
  cause: "message",
  by_app_id: null,
  from_app_id: "1",
  to_app_id: "1",
  expires_at: null,
  lapse: null,
  events: [],
} satisfies Row;

test("a decision that moves control is another kind than one that does not", () => {
  expect(kindOf(decision)).toBe("message");
  expect(kindOf({ ...decision, to_app_id: "2" })).toBe("control");
  expect(kindOf({ id: "c", at: decision.at, event: "clock", now: "", was: "" })).toBe("clock");
});

test("kinds are in the address only where some are left out", () => {
  expect(writeKinds(readKinds(undefined))).toBe("");
  expect(readKinds("control,bogus,message")).toEqual(new Set(["message", "control"]));
  expect(readKinds(writeKinds(new Set())).size).toBe(0);
  expect(readKinds(undefined).size).toBe(KINDS.length);
});

test("words with a field look in that field only", () => {
  const facts = { apps: ["Order bot"], people: ["Maya"], rule: "MCR-MSG-1", status: "503", what: "messages" };
  const found = (text: string) => fits(readWords(text), facts);
  expect(found("app:order person:maya rule:msg status:5")).toBe(true);
  expect(found("maya messages")).toBe(true);
  expect(found("app:maya")).toBe(false);
  expect(found("status:03")).toBe(false);
  expect(found("app: ")).toBe(true);
});

test("rows of other pages are not this page's, and what concerns none is", () => {
  expect(ofPage(decision, "2001")).toBe(true);
  expect(ofPage(decision, "2002")).toBe(false);
  expect(ofPage({ id: "c", at: decision.at, event: "clock", now: "", was: "" }, "2002")).toBe(true);
});

test("the last minute is counted from the newest row", () => {
  const at = (second: number): Row => ({ ...decision, at: new Date(second * 1000).toISOString() });
  expect(perMinute([at(100), at(90), at(41), at(39)])).toBe(3);
  expect(perMinute([])).toBe(0);
});
