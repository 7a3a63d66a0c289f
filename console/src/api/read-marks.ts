/** How far this member has read, in this browser: nothing that another colleague or an app is told of. */
import { useSyncExternalStore } from "react";
import { marked, parsed, type ReadMarks } from "../model/unread";
import type { Me } from "./types";

const nameOf = (me: Me): string => `baton-read:${me.member_id ?? me.name}`;

const watchers = new Set<() => void>();
/** As they were read last: one object as long as nothing changes. */
const known = new Map<string, ReadMarks | null>();

function marksOf(name: string): ReadMarks | null {
  if (!known.has(name)) {
    let kept: string | null = null;
    try {
      kept = localStorage.getItem(name);
    } catch {
      // A browser that keeps nothing: the marks live as long as the tab.
    }
    known.set(name, parsed(kept));
  }
  return known.get(name) ?? null;
}

function keep(name: string, marks: ReadMarks): void {
  known.set(name, marks);
  try {
    localStorage.setItem(name, JSON.stringify(marks));
  } catch {
    // As above.
  }
  for (const watcher of watchers) watcher();
}

function watch(watcher: () => void): () => void {
  const elsewhere = (event: StorageEvent) => {
    if (event.key !== null) known.delete(event.key);
    watcher();
  };
  watchers.add(watcher);
  addEventListener("storage", elsewhere);
  return () => {
    watchers.delete(watcher);
    removeEventListener("storage", elsewhere);
  };
}

/** Null until somebody looked for the first time. */
export const useReadMarks = (me: Me): ReadMarks | null =>
  useSyncExternalStore(watch, () => marksOf(nameOf(me)));

/** Who looks for the first time finds everything read. */
export function beginReading(me: Me, at: string): void {
  if (marksOf(nameOf(me)) === null) keep(nameOf(me), { since: at, read: {} });
}

/** A conversation is read up to then; earlier than before: it is unread again. */
export function markRead(me: Me, key: string, at: string): void {
  const marks = marksOf(nameOf(me));
  if (marks && marks.read[key] !== at) keep(nameOf(me), marked(marks, key, at));
}
