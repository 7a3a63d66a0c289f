/** A page's settings as they are being changed. Nothing is saved before it is said what that does. */
import { createContext, useContext, useSyncExternalStore } from "react";
import type { useConsequences } from "../../api/settings";
import type { PageTable, Surface } from "../../api/types";

export interface Draft {
  /** As it is. */
  saved: PageTable;
  /** As it would be. */
  page: PageTable;
  on: Surface;
  changed: boolean;
  /** What saving `settled` would do. */
  consequences: ReturnType<typeof useConsequences>;
  /** The page as it was when somebody last paused. */
  settled: PageTable;
  change: (page: PageTable) => void;
  discard: () => void;
  /** Whether whoever looks may change anything. */
  mayChange: boolean;
}

/** What is being changed, by page: it outlives going to another screen. */
const kept = new Map<string, PageTable>();
const watchers = new Set<() => void>();

export function keepDraft(id: string, page: PageTable | null): void {
  if (page) kept.set(id, page);
  else kept.delete(id);
  for (const watcher of watchers) watcher();
}

export function useKeptDraft(id: string): PageTable | undefined {
  return useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
    () => kept.get(id),
  );
}

export const DraftContext = createContext<Draft | null>(null);

export function useDraft(): Draft {
  const draft = useContext(DraftContext);
  if (!draft) throw new Error("outside of a page");
  return draft;
}
