/** Baton's time: the virtual clock where there is one, else this machine's. */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useSyncExternalStore } from "react";
import { answered, api, Problem } from "./client";
import type { Clock } from "./types";

interface Known {
  /** Baton's time at `seen`. */
  now: number;
  /** This machine's time when it was told. */
  seen: number;
  frozen: boolean;
  virtual: boolean;
}

let known: Known = { now: 0, seen: 0, frozen: false, virtual: false };
const watchers = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | null = null;

export function batonNow(): number {
  if (!known.virtual) return Date.now();
  return known.frozen ? known.now : known.now + (Date.now() - known.seen);
}

/** The clock as it was last told. */
export function tell(clock: Clock | null): void {
  known = clock
    ? { now: Date.parse(clock.now), seen: Date.now(), frozen: clock.frozen, virtual: true }
    : { now: 0, seen: 0, frozen: false, virtual: false };
  for (const watcher of watchers) watcher();
}

function watch(watcher: () => void): () => void {
  watchers.add(watcher);
  timer ??= setInterval(() => {
    for (const one of watchers) one();
  }, 1_000);
  return () => {
    watchers.delete(watcher);
    if (watchers.size === 0 && timer) {
      clearInterval(timer);
      timer = null;
    }
  };
}

/**
 * The time, in steps of so many seconds: who shows it is drawn anew only when a step is over. What was told last is
 * never shown as earlier.
 */
export function useNow(step = 1): number {
  const steps = useSyncExternalStore(watch, () => Math.floor(batonNow() / (step * 1000)));
  const start = steps * step * 1000;
  return step === 1 ? start : Math.max(start, Math.min(batonNow(), start + step * 1000 - 1));
}

export function useClock(): { virtual: boolean; frozen: boolean; offset: number; loaded: boolean } {
  const query = useQuery({
    queryKey: ["clock"],
    queryFn: async () => {
      try {
        return await answered(api.GET("/baton/v1/clock"));
      } catch (error) {
        // The system's clock is not shown there.
        if (error instanceof Problem && error.document.type.endsWith("clock-not-virtual")) return null;
        throw error;
      }
    },
    refetchInterval: 30_000,
  });
  const { data } = query;
  useEffect(() => {
    if (data !== undefined) tell(data);
  }, [data]);
  useNow(1);
  const virtual = known.virtual;
  return {
    virtual,
    frozen: known.frozen,
    offset: virtual ? batonNow() - Date.now() : 0,
    loaded: data !== undefined,
  };
}
