import { describe, expect, test } from "vitest";
import type { Cause, HistoryEntry } from "../api/types";
import { directory, letters, unknownApp } from "./apps";
import { initials, personName } from "./people";
import { plain, sentence } from "./sentences";
import {
  axisTime,
  brief,
  DAY,
  duration,
  HOUR,
  lasting,
  left,
  MINUTE,
  moment,
  nextTick,
  offset,
} from "./time";
import { clusters, defaultRange, fold, lanes, markKind, shares, span, ticks } from "./timeline";

const START = Date.parse("2026-11-24T08:00:00.000Z");
const BOT = "111";
const DESK = "222";
const INBOX = "263902037430900";

function entry(minutes: number, cause: Cause, change: Partial<HistoryEntry> = {}): HistoryEntry {
  return {
    at: new Date(START + minutes * MINUTE).toISOString(),
    rule: "X-1",
    via: null,
    cause,
    by_app_id: null,
    from_app_id: null,
    to_app_id: null,
    expires_at: null,
    metadata: null,
    refused: null,
    ...change,
  };
}

const story: HistoryEntry[] = [
  entry(0, "message", { to_app_id: BOT }),
  entry(10, "take", {
    by_app_id: DESK,
    from_app_id: BOT,
    to_app_id: BOT,
    refused: { code: 10, subcode: null },
  }),
  entry(20, "inbox_reply", { by_app_id: INBOX, from_app_id: BOT, to_app_id: INBOX }),
  entry(30, "request", { by_app_id: DESK, from_app_id: INBOX, to_app_id: INBOX }),
  entry(60, "expiry", { from_app_id: INBOX, to_app_id: null }),
];

describe("durations and times in words", () => {
  test("at most two units, rounded down", () => {
    expect(duration(3 * DAY + 23 * HOUR + 59 * MINUTE)).toBe("3 d 23 h");
    expect(duration(23 * HOUR + 33 * MINUTE + 59_000)).toBe("23 h 33 min");
    expect(duration(48 * MINUTE)).toBe("48 min");
    expect(duration(40_900)).toBe("40 s");
    expect(duration(DAY)).toBe("1 d");
    expect(duration(-5)).toBe("0 s");
    expect(lasting(DAY - 400)).toBe("24 h");
    expect(lasting(3 * DAY - 400)).toBe("3 d");
  });
  test("today without a day, within a week the weekday, else the date", () => {
    const now = Date.parse("2026-11-24T16:30:00Z");
    expect(moment(Date.parse("2026-11-24T16:05:00Z"), now)).toBe("16:05");
    expect(moment(Date.parse("2026-11-25T16:05:00Z"), now)).toBe("Wed 16:05");
    expect(moment(Date.parse("2026-12-01T16:05:00Z"), now)).toBe("1 Dec, 16:05");
    expect(moment(Date.parse("2027-01-02T16:05:00Z"), now)).toBe("2 Jan 2027, 16:05");
    expect(axisTime(Date.parse("2026-11-24T16:05:00Z"))).toBe("16:05");
    expect(axisTime(Date.parse("2026-11-24T00:00:00Z"))).toBe("Tue 24 Nov");
    expect(brief(Date.parse("2026-11-21T10:00:00Z"), now)).toBe("Sat");
  });
  test("a countdown says expired at once, and ticks each second only at its end", () => {
    expect(left(1000, 1000)).toBe("expired");
    expect(left(61_000, 0)).toBe("1 min");
    expect(nextTick(90_500, 0)).toBe(500);
    expect(nextTick(10 * MINUTE + 20_000, 0)).toBe(20_000);
    expect(nextTick(0, 1)).toBe(Number.POSITIVE_INFINITY);
  });
  test("an offset has a sign", () => expect(offset(DAY - 300)).toBe("+24 h"));
});

describe("apps and people", () => {
  test("two letters, made unique", () => {
    expect(letters(["Order bot", "Spring ads bot", "Ordering bee", "Help"])).toEqual([
      "OB",
      "SA",
      "OR",
      "HE",
    ]);
    expect(letters(["A", "A", "A"])).toEqual(["A", "A1", "A2"]);
  });
  test("colours in the order of making, the ninth like the first; the inbox has its own", () => {
    const apps = Array.from({ length: 9 }, (_, n) => ({
      id: `${n}`,
      name: `App ${n}`,
      live: true,
      testers: [],
    }));
    const known = directory(apps);
    expect(known.get("0")?.colour).toBe("0");
    expect(known.get("8")?.colour).toBe("0");
    expect(known.get(INBOX)?.colour).toBe("inbox");
    expect(unknownApp("5").name).toBe("App 5");
  });
  test("people without a name are called by their id", () => {
    const person = {
      id: "ada",
      name: null,
      first_name: null,
      last_name: null,
      username: null,
      profile_pic: null,
    };
    expect(personName(person)).toBe("ada");
    expect(personName({ ...person, first_name: "Ada", last_name: "Byron" })).toBe("Ada Byron");
    expect(initials("Grace Muller-Ostrowska")).toBe("GO");
    expect(initials("ada")).toBe("A");
  });
});

describe("sentences", () => {
  const name = (id: string) => ({ [BOT]: "Order bot", [DESK]: "Help desk", [INBOX]: "Inbox" })[id] ?? id;
  test("each says who did what to whom", () => {
    const said = (one: HistoryEntry, owner: string | null = null) => plain(sentence(one, owner), name);
    expect(said(entry(0, "ad", { to_app_id: BOT }))).toBe("Ad gave control to Order bot");
    expect(said(entry(0, "pass", { by_app_id: DESK, from_app_id: DESK, to_app_id: BOT }))).toBe(
      "Help desk passed to Order bot",
    );
    expect(said(entry(0, "send", { by_app_id: DESK, from_app_id: BOT, to_app_id: DESK }))).toBe(
      "Help desk took control from Order bot by sending",
    );
    expect(said(entry(0, "send", { by_app_id: DESK, from_app_id: DESK, to_app_id: BOT }))).toBe(
      "Help desk passed to Order bot with a message",
    );
    expect(said(entry(0, "inbox_reply", { by_app_id: INBOX, from_app_id: BOT, to_app_id: INBOX }))).toBe(
      "Inbox took control from Order bot by replying",
    );
    expect(said(entry(0, "expiry", { from_app_id: BOT }))).toBe("Control expired, nobody is in control");
    expect(said(entry(0, "inbox_done", { by_app_id: INBOX, from_app_id: INBOX, to_app_id: BOT }))).toBe(
      "Inbox marked it as done, back to Order bot",
    );
    const refused = entry(0, "send", { by_app_id: DESK, refused: { code: 100, subcode: 2534037 } });
    expect(said(refused, INBOX)).toBe("Help desk may not send: Inbox is in control");
  });
});

describe("the fold of a history", () => {
  test("a change closes a bar and opens the next; nobody is a bar too", () => {
    const { bars } = fold(story, null, null);
    expect(
      bars.map(({ app, from, to }) => [app, (from - START) / MINUTE, to && (to - START) / MINUTE]),
    ).toEqual([
      [BOT, 0, 20],
      [INBOX, 20, 60],
      [null, 60, null],
    ]);
  });
  test("the default app had control before the first change that is known", () => {
    const { bars } = fold([entry(10, "ad", { from_app_id: BOT, to_app_id: DESK })], START, DESK);
    expect(bars.map((bar) => bar.app)).toEqual([BOT, DESK]);
    expect(bars[0]?.begun).toBeNull();
  });
  test("where nothing ever changed there is one bar, of the owner", () => {
    expect(fold([], START, BOT).bars).toEqual([{ app: BOT, from: START, to: null, begun: null }]);
    expect(fold([], null, BOT).bars).toEqual([]);
  });
  test("each entry is a mark on the lane that it concerns", () => {
    const { marks, entries } = fold(story, null, null);
    expect(marks.map((mark) => [mark.kind, mark.lane])).toEqual([
      ["message", BOT],
      ["refusal", DESK],
      ["take", INBOX],
      ["request", DESK],
      ["expiry", INBOX],
    ]);
    expect(entries[1]?.owner).toBe(BOT);
    expect(entries.map((one) => one.changes)).toEqual([true, false, true, false, true]);
  });
  test("a send is a take, a pass, a release or a mere message, by what it does to control", () => {
    const sends = [
      { from_app_id: BOT, to_app_id: DESK },
      { from_app_id: DESK, to_app_id: BOT },
      { from_app_id: DESK, to_app_id: null },
      { from_app_id: DESK, to_app_id: DESK },
    ].map((change) => entry(0, "send", { by_app_id: DESK, ...change }));
    expect(sends.map(markKind)).toEqual(["take", "pass", "release", "message"]);
  });
  test("entries of one moment and rule are told apart", () => {
    const twice = [entry(0, "request"), entry(0, "request")];
    const keys = fold(twice, null, null).entries.map((one) => one.key);
    expect(new Set(keys).size).toBe(2);
  });
});

describe("where things stand", () => {
  const timeline = fold(story, null, null);
  const now = START + 90 * MINUTE;
  test("the shortest range that shows three changes", () => {
    expect(defaultRange(timeline, now)).toBe("12h");
    expect(defaultRange(timeline, START + 75 * MINUTE), "two of them are not enough").toBe("12h");
    expect(defaultRange(timeline, START + 61 * MINUTE - MINUTE)).toBe("1h");
    expect(defaultRange(fold([], START, BOT), START + 2 * DAY)).toBe("3d");
    expect(defaultRange(timeline, START + 9 * DAY)).toBe("all");
  });
  test("everything begins a little after the left edge", () => {
    const { from, to } = span(timeline, "all", now);
    expect(from).toBeLessThan(START);
    expect(to).toBe(now);
    expect(span(timeline, "1h", now).from).toBe(now - HOUR);
  });
  test("lanes: who appears, in the settings' order, the inbox last", () => {
    const range = span(timeline, "all", now);
    expect(lanes(timeline, range, [BOT], [DESK, BOT], INBOX).shown).toEqual([DESK, BOT, INBOX]);
    const gone = "999";
    expect(lanes(timeline, range, [INBOX, gone], [DESK, BOT], INBOX).shown.slice(-2)).toEqual([gone, INBOX]);
    const many = Array.from({ length: 9 }, (_, n) => `9${n}`);
    const { shown, more } = lanes(timeline, range, many, many, INBOX);
    expect(shown).toHaveLength(6);
    expect(shown.at(-1)).toBe(INBOX);
    expect(more).toBe(12 - 6);
    expect(lanes(timeline, range, many, many, INBOX, true).more).toBe(0);
  });
  test("marks of one lane closer than 18 px join", () => {
    const x = (at: number) => (at - START) / MINUTE;
    const close = [0, 10, 17, 40].map((minute) => ({ at: START + minute * MINUTE, lane: BOT }));
    const marks = close.map((mark) => ({
      ...mark,
      kind: "message" as const,
      entry: timeline.entries[0] as never,
    }));
    expect(clusters(marks, x).map((one) => one.marks.length)).toEqual([3, 1]);
  });
  test("ticks stand at round times", () => {
    const found = ticks(START + 5 * MINUTE, START + 4 * HOUR, 5).map((at) => (at - START) / HOUR);
    expect(found).toEqual([1, 2, 3, 4]);
  });
  test("shares add up to the range", () => {
    const all = shares(timeline, START, now);
    expect(all.map((one) => one.ms / MINUTE)).toEqual([40, 30, 20]);
    expect(all[0]?.app).toBe(INBOX);
  });
});
