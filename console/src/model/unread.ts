/** Which conversations somebody has not looked at since their person wrote. */
import type { Conversation } from "../api/types";

/** How far somebody has read. */
export interface ReadMarks {
  /** Up to here everything is read, whatever `read` says. */
  since: string;
  /** By conversation: up to when it was read. */
  read: Record<string, string>;
}

/** Marks that are kept; older ones make place, and what they were for counts as read. */
export const MARKS = 2_000;

/** The person spoke last, and nobody here has looked since. What an app or the Inbox answered needs nobody. */
export function isUnread(marks: ReadMarks, key: string, one: Pick<Conversation, "last_line">): boolean {
  const line = one.last_line;
  return line?.from === "person" && line.at > (marks.read[key] ?? marks.since);
}

/** With a conversation read up to then. */
export function marked(marks: ReadMarks, key: string, at: string): ReadMarks {
  const read = { ...marks.read, [key]: at };
  const all = Object.entries(read);
  if (all.length <= MARKS) return { since: marks.since, read };
  all.sort(([, one], [, other]) => (one < other ? 1 : -1));
  const kept = all.slice(0, MARKS);
  const since = [marks.since, ...all.slice(MARKS).map(([, at]) => at)].sort().at(-1) ?? marks.since;
  return { since, read: Object.fromEntries(kept) };
}

/** What was kept, if it is what it should be. */
export function parsed(text: string | null): ReadMarks | null {
  if (text === null) return null;
  try {
    const { since, read } = JSON.parse(text) as Partial<ReadMarks>;
    if (typeof since !== "string" || typeof read !== "object" || read === null) return null;
    const marks = Object.entries(read).filter(([, at]) => typeof at === "string");
    return { since, read: Object.fromEntries(marks) };
  } catch {
    return null;
  }
}
