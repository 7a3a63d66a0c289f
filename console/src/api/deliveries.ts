/** Webhooks to apps: how each app does, each delivery with its attempts, and sending again. */
import {
  keepPreviousData,
  useInfiniteQuery,
  useMutation,
  useQueries,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import { healthWords } from "../model/deliveries";
import { get, post, segment } from "./client";
import { useDirectory } from "./queries";
import { useMe } from "./session";
import type { Instant, List, Surface } from "./types";

export type DeliveryState = "pending" | "delivered" | "parked" | "dead" | "expired";

export interface Attempt {
  at: Instant;
  status: number | null;
  duration_ms: number;
  error: string | null;
  body_start: string;
  /** Where it was sent, if not to the app's own address. */
  to: string | null;
}

export interface Delivery {
  id: string;
  page_id: string;
  on: Surface;
  /** Null: it is of the page itself. */
  person_id: string | null;
  at: Instant;
  event: string;
  channel: "messaging" | "standby";
  message_id: string | null;
  rule: string;
  state: DeliveryState;
  next_attempt_at: Instant | null;
  attempts: Attempt[];
  given_up: { at: Instant; reason: string; attempts: number } | null;
}

/** One in full: what was sent, byte for byte. */
export interface OneDelivery extends Delivery {
  request: { url: string | null; headers: { name: string; value: string }[]; body: string };
}

/** How an app does. */
export interface Health {
  state: "ok" | "failing" | "disabled" | "unverified" | "no_address";
  in_flight: number;
  pending: number;
  pending_is_more: boolean;
  lag_seconds: number;
  parked: number;
  dead: number;
  expired: number;
  resending: number;
  next_attempt_at: Instant | null;
  last_delivered_at: Instant | null;
  failing_since: Instant | null;
  last_error: { at: Instant; status: number | null; error: string } | null;
  disabled: { since: Instant; reason: string } | null;
  p95_ms: number | null;
}

const app = (id: string): string => `apps/${segment(id)}`;
const HEALTH_AGE = 5_000;

export const useHealth = (id: string) =>
  useQuery({
    queryKey: ["deliveries", "health", id],
    queryFn: () => get<Health>(`${app(id)}/health`),
    staleTime: HEALTH_AGE,
    refetchInterval: HEALTH_AGE,
  });

/** Apps that are not told what they should be, in words. */
export function useSickApps(): { app: string; words: string }[] {
  const directory = useDirectory();
  const { data: me } = useMe();
  const ids = me && me.role !== "agent" ? (directory?.apps ?? []).map((one) => one.id) : [];
  const found = useQueries({
    queries: ids.map((id) => ({
      queryKey: ["deliveries", "health", id],
      queryFn: () => get<Health>(`${app(id)}/health`),
      staleTime: HEALTH_AGE,
      refetchInterval: 4 * HEALTH_AGE,
    })),
  });
  return found.flatMap(({ data }, index) => {
    const said = data && healthWords(data);
    return said && said.tone === "danger" ? [{ app: ids[index] ?? "", words: said.detail }] : [];
  });
}

export function useDeliveries(id: string, state: string) {
  return useInfiniteQuery({
    queryKey: ["deliveries", "list", id, state],
    queryFn: ({ pageParam }) =>
      get<List<Delivery>>(`${app(id)}/deliveries`, {
        state: state || undefined,
        limit: 100,
        after: pageParam,
      }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
    placeholderData: keepPreviousData,
    enabled: id !== "",
    staleTime: HEALTH_AGE,
  });
}

export const useDelivery = (id: string, delivery: string | null) =>
  useQuery({
    queryKey: ["deliveries", "one", id, delivery],
    queryFn: () => get<OneDelivery>(`${app(id)}/deliveries/${segment(delivery ?? "")}`),
    enabled: id !== "" && delivery !== null,
  });

/** The newest deliveries of an app, to find the one that a line of activity tells of. */
export const useNewest = (id: string) =>
  useQuery({
    queryKey: ["deliveries", "newest 200", id],
    queryFn: () => get<List<Delivery>>(`${app(id)}/deliveries`, { limit: 200 }),
    staleTime: 0,
  });

/** How many deliveries of an app are looked at for the picture of its failures. */
export const MOST_DRAWN = 1_000;

/** The newest deliveries of every app, for the picture of failures by the hour. */
export function useAllDeliveries(ids: string[]) {
  return useQueries({
    queries: ids.map((id) => ({
      queryKey: ["deliveries", "newest", id],
      queryFn: async () => {
        const all: Delivery[] = [];
        let after: string | undefined;
        while (all.length < MOST_DRAWN) {
          const list: List<Delivery> = await get(`${app(id)}/deliveries`, { limit: 200, after });
          all.push(...list.data);
          if (!list.next) break;
          after = list.next;
        }
        return all;
      },
      staleTime: 60_000,
    })),
  });
}

export type Resend = { ids: string[]; to?: string } | { since: Instant; to?: string };

function useDo<In>(run: (given: In) => Promise<{ count: number }>) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: run,
    onSettled: () => queries.invalidateQueries({ queryKey: ["deliveries"] }),
  });
}

export const useResend = () =>
  useDo(({ id, what }: { id: string; what: Resend }) => post<{ count: number }>(`${app(id)}/resend`, what));
export const useResume = () => useDo((id: string) => post<{ count: number }>(`${app(id)}/resume`, {}));
