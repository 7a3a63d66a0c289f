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
import { answered, api, given } from "./client";
import { useDirectory } from "./queries";
import { useMe } from "./session";
import type { Delivery, DeliveryState, List, Resend } from "./types";

const of = (app: string) => ({ params: { path: { app } } });
const HEALTH_AGE = 5_000;

const healthOf = (app: string) => answered(api.GET("/baton/v1/apps/{app}/health", of(app)));

/** A part of an app's deliveries, the newest first. */
const partOf = (app: string, query: { limit: number; state?: DeliveryState; after?: string }) =>
  answered(api.GET("/baton/v1/apps/{app}/deliveries", { params: { path: { app }, query } }));

export const useHealth = (id: string) =>
  useQuery({
    queryKey: ["deliveries", "health", id],
    queryFn: () => healthOf(id),
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
      queryFn: () => healthOf(id),
      staleTime: HEALTH_AGE,
      refetchInterval: 4 * HEALTH_AGE,
    })),
  });
  return found.flatMap(({ data }, index) => {
    const said = data && healthWords(data);
    return said && said.tone === "danger" ? [{ app: ids[index] ?? "", words: said.detail }] : [];
  });
}

export function useDeliveries(id: string, state: DeliveryState | "") {
  return useInfiniteQuery({
    queryKey: ["deliveries", "list", id, state],
    queryFn: ({ pageParam }) =>
      partOf(id, { limit: 100, ...given({ state: state || undefined, after: pageParam }) }),
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
    queryFn: () =>
      answered(
        api.GET("/baton/v1/apps/{app}/deliveries/{delivery}", {
          params: { path: { app: id, delivery: delivery ?? "" } },
        }),
      ),
    enabled: id !== "" && delivery !== null,
  });

/** The newest deliveries of an app, to find the one that a line of activity tells of. */
export const useNewest = (id: string) =>
  useQuery({
    queryKey: ["deliveries", "newest 200", id],
    queryFn: () => partOf(id, { limit: 200 }),
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
          const list: List<Delivery> = await partOf(id, { limit: 200, ...given({ after }) });
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

function useDo<In>(run: (given: In) => Promise<{ count: number }>) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: run,
    onSettled: () => queries.invalidateQueries({ queryKey: ["deliveries"] }),
  });
}

export const useResend = () =>
  useDo(({ id, what }: { id: string; what: Resend }) =>
    answered(api.POST("/baton/v1/apps/{app}/resend", { ...of(id), body: what })),
  );
export const useResume = () =>
  useDo((id: string) => answered(api.POST("/baton/v1/apps/{app}/resume", of(id))));
