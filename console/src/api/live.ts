/** The one connection on which the server tells what happens. It reconnects by itself, and goes on where it was. */
import { useSyncExternalStore } from "react";
import { api, Problem } from "./client";
import { eventReader } from "./events";
import type { Activity, Told } from "./types";

/** A row of what happened, or a gap of which nothing is known. */
export type Row = Activity | { id: string; at: string; event: "gap"; missed: number | null; detail: string };

export interface Connection {
  state: "connecting" | "live" | "lost";
  /** When the connection was lost, by this machine's clock. */
  since: number | null;
  /** When it is tried again. */
  again: number | null;
}

/** Rows that are kept. */
const KEPT = 5_000;
const PAUSES = [1_000, 2_000, 4_000, 8_000, 15_000];

let connection: Connection = { state: "connecting", since: null, again: null };
let rows: Row[] = [];
let last: string | null = null;
let stop: AbortController | null = null;
let wake: (() => void) | null = null;
let gaps = 0;

const watchers = new Set<() => void>();
const listeners = new Set<(row: Row) => void>();

function changed(): void {
  for (const watcher of watchers) watcher();
}

function set(next: Connection): void {
  connection = next;
  changed();
}

/** Rows arrive in bursts: they are shown together, at the next frame. */
let waiting: Row[] = [];
let scheduled = false;

function show(): void {
  scheduled = false;
  if (waiting.length === 0) return;
  const known = new Set(rows.slice(0, 1_000).map((row) => row.id));
  const fresh = waiting.filter((row) => !known.has(row.id));
  waiting = [];
  rows = [...fresh.reverse(), ...rows].slice(0, KEPT);
  changed();
}

function took(row: Row): void {
  for (const listener of listeners) listener(row);
  waiting.push(row);
  if (!scheduled) {
    scheduled = true;
    setTimeout(show, 50);
  }
}

function heard(id: string | null, data: string): void {
  const said = JSON.parse(data) as Told;
  if (said.event === "missed") {
    gaps += 1;
    const at = new Date().toISOString();
    took({ id: `gap-${gaps}`, at, event: "gap", missed: said.missed, detail: said.detail });
    return;
  }
  last = id;
  took(said);
}

async function listen(signal: AbortSignal): Promise<void> {
  const { data: bytes } = await api.GET("/baton/v1/activity", {
    params: { header: last ? { "Last-Event-ID": last } : {} },
    headers: { accept: "text/event-stream" },
    parseAs: "stream",
    signal,
  });
  if (!bytes) throw new Error("a stream without a body");
  set({ state: "live", since: null, again: null });
  const read = eventReader();
  const reader = bytes.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    for (const one of read(value)) heard(one.id, one.data);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    const go = () => {
      clearTimeout(timer);
      resolve();
    };
    wake = go;
    signal.addEventListener("abort", go, { once: true });
  });
  wake = null;
}

/** Called when the session has ended. */
let signedOut: () => void = () => {};

export function onSignedOut(tell: () => void): void {
  signedOut = tell;
}

/** Starts to listen, with what is known already. Gives what ends it. */
export function start(known: Activity[]): () => void {
  const ended = new AbortController();
  stop = ended;
  rows = [...known];
  last = known[0]?.id ?? null;
  void (async () => {
    let tries = 0;
    while (!ended.signal.aborted) {
      try {
        await listen(ended.signal);
        tries = 0;
      } catch (error) {
        if (error instanceof Problem && error.document.status === 401) signedOut();
        tries += 1;
      }
      if (ended.signal.aborted) return;
      const ms = PAUSES[Math.min(tries, PAUSES.length - 1)] ?? 1_000;
      set({ state: "lost", since: connection.since ?? Date.now(), again: Date.now() + ms });
      await pause(ms, ended.signal);
    }
  })();
  return () => {
    ended.abort();
    if (stop === ended) stop = null;
    connection = { state: "connecting", since: null, again: null };
  };
}

export function tryNow(): void {
  wake?.();
}

/** Called with each row as it arrives. */
export function onRow(listener: (row: Row) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

const watch = (watcher: () => void): (() => void) => {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
};

export const useConnection = (): Connection => useSyncExternalStore(watch, () => connection);
export const useRows = (): Row[] => useSyncExternalStore(watch, () => rows);
