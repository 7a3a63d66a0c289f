/** Who was in control: one fold over a conversation's history into bars and marks, and where they stand. */
import type { Cause, HistoryEntry } from "../api/types";
import { DAY, HOUR } from "./time";

/** Control of one app, or of nobody, over some time. */
export interface Bar {
  /** null: nobody. */
  app: string | null;
  from: number;
  /** null: it goes on. */
  to: number | null;
  /** What began it; null where it began before anything that is known. */
  begun: Entry | null;
}

export type MarkKind =
  | "ad"
  | "link"
  | "get_started"
  | "message"
  | "postback"
  | "menu"
  | "pass"
  | "take"
  | "release"
  | "expiry"
  | "extend"
  | "request"
  | "refusal"
  | "settings";

/** Something that stands on the timeline. */
export interface Mark {
  at: number;
  kind: MarkKind;
  /** The lane that it stands on; null where no app is concerned. */
  lane: string | null;
  entry: Entry;
}

/** An entry with what only the fold knows. */
export interface Entry extends HistoryEntry {
  /** Stable within one history. */
  key: string;
  /** Who had control before it. */
  owner: string | null;
  /** Whether the owner changed. */
  changes: boolean;
}

export interface Timeline {
  bars: Bar[];
  marks: Mark[];
  /** Newest last. */
  entries: Entry[];
}

const KINDS: Record<Cause, MarkKind> = {
  signal: "message",
  metadata: "pass",
  set_menu: "menu",
  ad: "ad",
  link: "link",
  referral: "link",
  get_started: "get_started",
  message: "message",
  quick_reply: "postback",
  ice_breaker: "postback",
  postback: "postback",
  menu: "menu",
  pass: "pass",
  grant: "pass",
  take: "take",
  inbox_reply: "take",
  inbox_main: "take",
  send: "take",
  release: "release",
  inbox_done: "release",
  expiry: "expiry",
  extend: "extend",
  request: "request",
  settings: "settings",
};

export function markKind(entry: HistoryEntry): MarkKind {
  if (entry.refused) return "refusal";
  const answers = entry.cause === "send" || entry.cause === "inbox_reply";
  if (answers && entry.from_app_id === entry.to_app_id) return "message";
  // A send that gives control away is a pass, one that takes it a take.
  if (entry.cause === "send" && entry.by_app_id !== entry.to_app_id)
    return entry.to_app_id ? "pass" : "release";
  return KINDS[entry.cause] ?? "settings";
}

function lane(entry: HistoryEntry, kind: MarkKind, owner: string | null): string | null {
  switch (kind) {
    case "refusal":
      return entry.by_app_id ?? owner;
    case "request":
      return entry.by_app_id;
    case "expiry":
    case "release":
      return entry.from_app_id ?? entry.by_app_id;
    default:
      return entry.to_app_id ?? entry.from_app_id ?? entry.by_app_id;
  }
}

/**
 * `history` oldest first. `began`: when the conversation did, as far as known; `owner`: who has control now, which is
 * all there is to show where nothing ever changed.
 */
export function fold(history: HistoryEntry[], began: number | null, owner: string | null): Timeline {
  const bars: Bar[] = [];
  const marks: Mark[] = [];
  const entries: Entry[] = [];
  const changing = history.filter((entry) => !entry.refused && entry.from_app_id !== entry.to_app_id);
  let current = changing.length > 0 ? (changing[0]?.from_app_id ?? null) : owner;
  const first = history[0];
  const start = Math.min(
    began ?? Number.POSITIVE_INFINITY,
    first ? Date.parse(first.at) : Number.POSITIVE_INFINITY,
  );
  let running: Bar | null = Number.isFinite(start)
    ? { app: current, from: start, to: null, begun: null }
    : null;
  const seen = new Map<string, number>();
  for (const one of history) {
    const at = Date.parse(one.at);
    const name = `${one.at}/${one.rule}/${one.by_app_id ?? ""}`;
    const times = seen.get(name) ?? 0;
    seen.set(name, times + 1);
    const changes = !one.refused && one.from_app_id !== one.to_app_id;
    const entry: Entry = { ...one, key: times > 0 ? `${name}/${times}` : name, owner: current, changes };
    entries.push(entry);
    const kind = markKind(one);
    marks.push({ at, kind, lane: lane(one, kind, current), entry });
    if (!changes) continue;
    if (running && at > running.from) bars.push({ ...running, to: at });
    running = { app: one.to_app_id, from: at, to: null, begun: entry };
    current = one.to_app_id;
  }
  if (running) bars.push(running);
  return { bars, marks, entries };
}

export const RANGES = { "1h": HOUR, "12h": 12 * HOUR, "3d": 3 * DAY, all: Number.POSITIVE_INFINITY } as const;
export type Range = keyof typeof RANGES;
export const RANGE_NAMES = Object.keys(RANGES) as Range[];

/** The shortest range that shows three changes; else the shortest that shows all there are. */
export function defaultRange(timeline: Timeline, now: number): Range {
  const changes = timeline.entries
    .filter((entry) => entry.changes)
    .map((entry) => now - Date.parse(entry.at));
  const wanted = Math.min(3, changes.length);
  const begun = timeline.bars[0]?.from ?? now;
  if (wanted === 0) return RANGE_NAMES.find((range) => now - begun <= RANGES[range]) ?? "all";
  return RANGE_NAMES.find((range) => changes.filter((age) => age <= RANGES[range]).length >= wanted) ?? "all";
}

/** From when to when a range shows. */
export function span(timeline: Timeline, range: Range, now: number): { from: number; to: number } {
  if (range !== "all") return { from: now - RANGES[range], to: now };
  const first = timeline.bars[0]?.from ?? now - HOUR;
  const length = Math.max(now - first, 10 * 1000);
  return { from: now - length * 1.04, to: now };
}

const MOST_LANES = 6;

/** Which lanes are shown, the Inbox last; and how many apps had to be left out. */
export function lanes(
  timeline: Timeline,
  range: { from: number; to: number },
  always: (string | null)[],
  order: string[],
  inbox: string,
  all = false,
): { shown: string[]; more: number } {
  const wanted = new Set<string>(always.filter((app): app is string => app !== null));
  for (const bar of timeline.bars) {
    if (bar.app && (bar.to ?? range.to) >= range.from) wanted.add(bar.app);
  }
  for (const mark of timeline.marks) if (mark.lane && mark.at >= range.from) wanted.add(mark.lane);
  wanted.add(inbox);
  const place = (app: string): number => {
    if (app === inbox) return Number.POSITIVE_INFINITY;
    const at = order.indexOf(app);
    return at < 0 ? order.length : at;
  };
  const sorted = [...wanted].sort((a, b) => place(a) - place(b));
  if (all || sorted.length <= MOST_LANES) return { shown: sorted, more: 0 };
  const shown = [...sorted.slice(0, MOST_LANES - 1), inbox];
  return { shown, more: sorted.length - shown.length };
}

/** Marks of one lane that would overlap, joined. */
export interface Cluster {
  x: number;
  lane: string;
  marks: Mark[];
}

export function clusters(marks: Mark[], x: (at: number) => number, apart = 18): Cluster[] {
  const found: Cluster[] = [];
  const last = new Map<string, Cluster>();
  for (const mark of marks) {
    if (!mark.lane) continue;
    const at = x(mark.at);
    const before = last.get(mark.lane);
    if (before && at - before.x < apart) {
      before.marks.push(mark);
      continue;
    }
    const cluster = { x: at, lane: mark.lane, marks: [mark] };
    found.push(cluster);
    last.set(mark.lane, cluster);
  }
  return found;
}

/** Where the axis has its ticks: at round local times, at most `most` of them. */
export function ticks(from: number, to: number, most: number): number[] {
  const minute = 60_000;
  const steps = [1, 2, 5, 10, 15, 30].map((n) => n * minute);
  const hours = [1, 2, 3, 6, 12].map((n) => n * HOUR);
  const days = [1, 2, 5, 10, 20, 50, 100].map((n) => n * DAY);
  const small = [1, 2, 5, 10, 15, 30].map((n) => n * 1000);
  const step = [...small, ...steps, ...hours, ...days].find((one) => (to - from) / one <= most) ?? 365 * DAY;
  const shift = new Date(from).getTimezoneOffset() * minute;
  const found: number[] = [];
  for (let at = Math.ceil((from - shift) / step) * step + shift; at <= to; at += step) found.push(at);
  return found;
}

/** How long each had control within a range, the longest first. */
export function shares(timeline: Timeline, from: number, to: number): { app: string | null; ms: number }[] {
  const sums = new Map<string | null, number>();
  for (const bar of timeline.bars) {
    const ms = Math.min(bar.to ?? to, to) - Math.max(bar.from, from);
    if (ms > 0) sums.set(bar.app, (sums.get(bar.app) ?? 0) + ms);
  }
  return [...sums].map(([app, ms]) => ({ app, ms })).sort((a, b) => b.ms - a.ms);
}
