import { describe, expect, it } from "vitest";
import type { Conversation, Line } from "../api/types";
import { isUnread, MARKS, marked, parsed, type ReadMarks } from "./unread";

const at = (minute: number): string => new Date(minute * 60_000).toISOString();
const said = (minute: number, from: Line["from"] = "person"): Pick<Conversation, "last_line"> => ({
  last_line: { at: at(minute), from, app_id: null, event: "messages", kind: "message", text: "hello" },
});
const none: ReadMarks = { since: at(10), read: {} };

describe("unread marks", () => {
  it("stand where the person spoke last, and nobody looked since", () => {
    expect(isUnread(none, "a", said(9))).toBe(false);
    expect(isUnread(none, "a", said(11))).toBe(true);
    expect(isUnread(none, "a", { last_line: null })).toBe(false);
    const read = marked(none, "a", at(11));
    expect(isUnread(read, "a", said(11))).toBe(false);
    expect(isUnread(read, "a", said(12))).toBe(true);
    expect(isUnread(read, "b", said(11))).toBe(true);
  });

  it("do not stand where somebody answered", () => {
    expect(isUnread(none, "a", said(11, "app"))).toBe(false);
    expect(isUnread(none, "a", said(11, "inbox"))).toBe(false);
  });

  it("can be set again by hand", () => {
    const read = marked(none, "a", at(11));
    expect(isUnread(marked(read, "a", at(0)), "a", said(11))).toBe(true);
  });

  it("are bounded: what the oldest stood for counts as read", () => {
    const full = Array.from({ length: MARKS }, (_, index) => [`p${index + 1}`, at(index + 1)]);
    let marks: ReadMarks = { since: at(0), read: Object.fromEntries(full) };
    for (let minute = MARKS + 1; minute <= MARKS + 5; minute += 1)
      marks = marked(marks, `p${minute}`, at(minute));
    expect(Object.keys(marks.read)).toHaveLength(MARKS);
    expect(marks.since).toBe(at(5));
    expect(isUnread(marks, "p3", said(3))).toBe(false);
    expect(isUnread(marks, "p3", said(MARKS + 9))).toBe(true);
  });

  it("are read from what was kept, and from nothing else", () => {
    expect(parsed(JSON.stringify(none))).toEqual(none);
    for (const text of [null, "", "{}", "7", '{"since": 1, "read": {}}', '{"since": "x", "read": null}']) {
      expect(parsed(text)).toBeNull();
    }
    expect(parsed('{"since": "x", "read": {"a": 1, "b": "y"}}')).toEqual({ since: "x", read: { b: "y" } });
  });
});
