/** Asks for lists that grow: the newest part again when something happened, older ones when somebody scrolls there. */
import { keepPreviousData, type QueryClient, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useRef, useState } from "react";
import { continued, joined, type Order } from "../model/growing";
import type { List } from "./types";

/** Parts that are asked for at most to meet what is known; when they do not, it is forgotten. */
const PARTS = 5;

export type Ask<T> = (after: string | undefined) => Promise<List<T>>;

/** The list as it is now. `known` is asked last, since somebody may have scrolled meanwhile. */
export async function refreshed<T>(
  ask: Ask<T>,
  known: () => List<T> | undefined,
  order: Order<T>,
): Promise<List<T>> {
  let fresh = await ask(undefined);
  const first = fresh;
  for (let parts = 1; ; parts += 1) {
    const before = known();
    const met = before ? joined(before, fresh, order) : fresh;
    if (met) return met;
    if (parts === PARTS || fresh.next === null) return first;
    fresh = continued(fresh, await ask(fresh.next), order);
  }
}

export interface Growing<T> {
  rows: T[];
  error: Error | null;
  isPending: boolean;
  isSuccess: boolean;
  /** Whether there are older ones. */
  hasMore: boolean;
  isFetchingMore: boolean;
  more: () => void;
  refetch: () => void;
}

const NONE: never[] = [];

export function useGrowing<T>({
  queryKey,
  ask,
  order,
  refresh = refreshed,
  enabled = true,
  keepPrevious = false,
}: {
  queryKey: unknown[];
  ask: Ask<T>;
  order: Order<T>;
  refresh?: (ask: Ask<T>, known: () => List<T> | undefined, order: Order<T>) => Promise<List<T>>;
  enabled?: boolean;
  keepPrevious?: boolean;
}): Growing<T> {
  const queries: QueryClient = useQueryClient();
  const query = useQuery({
    queryKey,
    queryFn: () => refresh(ask, () => queries.getQueryData<List<T>>(queryKey), order),
    enabled,
    // What did not change is the same object already.
    structuralSharing: false,
    ...(keepPrevious ? { placeholderData: keepPreviousData<List<T>> } : {}),
  });
  const running = useRef(false);
  const [isFetchingMore, setFetching] = useState(false);
  const [failed, setFailed] = useState<Error | null>(null);
  const next = query.isPlaceholderData ? null : (query.data?.next ?? null);
  const hash = JSON.stringify(queryKey);
  const more = useCallback(() => {
    if (running.current || next === null) return;
    running.current = true;
    setFetching(true);
    setFailed(null);
    ask(next)
      .then((part) =>
        queries.setQueryData<List<T>>(queryKey, (known) =>
          // Another list meanwhile: this is no part of it.
          known?.next === next ? continued(known, part, order) : known,
        ),
      )
      .catch((error: Error) => setFailed(error))
      .finally(() => {
        running.current = false;
        setFetching(false);
      });
  }, [hash, next, queries]);
  return {
    rows: query.data?.data ?? NONE,
    error: query.error ?? failed,
    isPending: query.isPending,
    isSuccess: query.isSuccess,
    hasMore: next !== null && failed === null,
    isFetchingMore,
    more,
    refetch: () => {
      setFailed(null);
      void query.refetch();
    },
  };
}
