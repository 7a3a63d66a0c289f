/** Files that wait in a composer: each is brought to the server when it is chosen, and sent when the answer is. */
import { useSyncExternalStore } from "react";
import { answered, api } from "./client";

/** A file of an answer in the making. */
export interface Brought {
  /** One of this tab. */
  id: number;
  name: string;
  bytes: number;
  /** Null as long as it is on its way, or when it did not arrive. */
  attachment: string | null;
  error: Error | null;
}

/** Files of one answer at most. */
export const MOST = 10;

const NONE: Brought[] = [];
/** By conversation, as drafts are. */
const all = new Map<string, Brought[]>();
const watchers = new Set<() => void>();
let last = 0;

function set(key: string, files: Brought[]): void {
  if (files.length === 0) all.delete(key);
  else all.set(key, files);
  for (const watcher of watchers) watcher();
}

function change(key: string, id: number, to: Partial<Brought>): void {
  set(
    key,
    (all.get(key) ?? NONE).map((one) => (one.id === id ? { ...one, ...to } : one)),
  );
}

/** The body is the file itself, whose type the header says. */
export const keep = (page: string, file: File) =>
  answered(
    api.POST("/baton/v1/pages/{page}/attachments", {
      params: { path: { page } },
      headers: { "content-type": file.type || "application/octet-stream" },
      body: file,
      bodySerializer: (body) => body,
    }),
  );

/** Brings files to the server. */
export function bring(key: string, page: string, files: Iterable<File>): void {
  const room = MOST - (all.get(key)?.length ?? 0);
  for (const file of [...files].slice(0, room)) {
    last += 1;
    const id = last;
    set(key, [
      ...(all.get(key) ?? NONE),
      { id, name: file.name, bytes: file.size, attachment: null, error: null },
    ]);
    keep(page, file).then(
      ({ attachment_id }) => change(key, id, { attachment: attachment_id }),
      (error: Error) => change(key, id, { error }),
    );
  }
}

/** It was sent, or is not wanted. */
export function drop(key: string, id: number): void {
  set(
    key,
    (all.get(key) ?? NONE).filter((one) => one.id !== id),
  );
}

const watch = (watcher: () => void): (() => void) => {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
};

export const useBrought = (key: string): Brought[] => useSyncExternalStore(watch, () => all.get(key) ?? NONE);
