/** What the screens ask for, and when it is asked again: when the server tells that something happened to it. */
import {
  keepPreviousData,
  QueryCache,
  QueryClient,
  useMutation,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import { useMemo } from "react";
import { type App, directory, unknownApp } from "../model/apps";
import type { Menu } from "../model/platform";
import { answered, api, given, Problem } from "./client";
import { conversationChanged } from "./conversations";
import { onSignedOut, type Row } from "./live";
import type {
  Activity,
  ClockTurn,
  Decided,
  DryRun,
  HistoryEntry,
  InboxAct,
  List,
  NamedPage,
  PersonCard,
  PersonEvent,
  Surface,
} from "./types";

export const client: QueryClient = new QueryClient({
  // The session has ended: whoever looks at it says so.
  queryCache: new QueryCache({ onError: (error) => isSignedOut(error) && askWho() }),
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      // A problem document is an answer: asking again gives the same one.
      retry: (times, error) => !(error instanceof Problem) && times < 2,
      refetchOnWindowFocus: true,
    },
  },
});

export const isSignedOut = (error: Error): boolean =>
  error instanceof Problem && error.document.status === 401;

/** Whether somebody is still signed in is asked again. */
export function askWho(): void {
  const known = client.getQueryState(["session"]);
  if (known?.status === "success" && known.fetchStatus === "idle") {
    void client.invalidateQueries({ queryKey: ["session"] });
  }
}

onSignedOut(askWho);

/** One page on one platform. */
export interface Place {
  /** What paths name. */
  address: string;
  page: NamedPage;
  on: Surface;
  defaultApp: string | null;
  primary: string | null;
}

export interface Directory {
  app: (id: string) => App;
  apps: App[];
  places: Place[];
  place: (address: string) => Place | undefined;
  /** The address of a page on a platform, from what a line of activity says. */
  of: (page: string, on: Surface) => Place | undefined;
}

function placesOf(page: NamedPage): Place[] {
  const of = (address: string, on: Surface): Place => ({
    address,
    page,
    on,
    defaultApp: page[on]?.default_app ?? null,
    primary: page[on]?.primary_receiver ?? null,
  });
  const account = page.instagram?.id;
  return [of(page.id, "messenger"), ...(account ? [of(account, "instagram")] : [])];
}

/** Apps and pages, or why they are not known. */
export function useWholeDirectory() {
  const { data, error, refetch } = useQuery({
    queryKey: ["routing", "names"],
    queryFn: () => answered(api.GET("/baton/v1/directory")),
    staleTime: 60_000,
  });
  const apps = useMemo((): Directory | undefined => {
    if (!data) return undefined;
    const known = directory(data.apps);
    const places = data.pages.flatMap(placesOf);
    return {
      app: (id: string) => known.get(id) ?? unknownApp(id),
      apps: data.apps.map((app) => known.get(app.id) ?? unknownApp(app.id)),
      places,
      place: (address: string) => places.find((place) => place.address === address),
      of: (page: string, on: Surface) => places.find((place) => place.page.id === page && place.on === on),
    };
  }, [data]);
  return { apps, failed: error, refetch };
}

export const useDirectory = (): Directory | undefined => useWholeDirectory().apps;

export const useRouting = (enabled = true) =>
  useQuery({
    enabled,
    queryKey: ["routing", "whole"],
    queryFn: () => answered(api.GET("/baton/v1/routing")),
    staleTime: 60_000,
  });

export const useCounts = (page: string) =>
  useQuery({
    queryKey: ["conversations", "counts", page],
    queryFn: () => answered(api.GET("/baton/v1/conversations/counts", { params: { query: { page } } })),
    enabled: page !== "",
    placeholderData: keepPreviousData,
  });

const of = (page: string, person: string) => ({ params: { path: { page, person } } });

export function useConversation(page: string, person: string) {
  return useQuery({
    queryKey: ["thread", page, person, "one"],
    queryFn: () => answered(api.GET("/baton/v1/pages/{page}/conversations/{person}", of(page, person))),
  });
}

/** At most this many entries: what is older is not drawn. */
const HISTORY_PAGES = 5;

export function useHistory(page: string, person: string) {
  return useQuery({
    queryKey: ["thread", page, person, "history"],
    queryFn: async () => {
      const all: HistoryEntry[] = [];
      let after: string | undefined;
      for (let pages = 0; pages < HISTORY_PAGES; pages += 1) {
        const query = { limit: 200, ...given({ after }) };
        const list: List<HistoryEntry> = await answered(
          api.GET("/baton/v1/pages/{page}/threads/{person}/history", {
            params: { path: { page, person }, query },
          }),
        );
        all.push(...list.data);
        if (!list.next) break;
        after = list.next;
      }
      return all.reverse();
    },
  });
}

/** What would be decided: the decision, or the problem that says why not. */
export type Outcome = { decided: Decided } | { problem: Problem };

export async function dryRun(page: string, person: string, body: DryRun): Promise<Outcome> {
  try {
    const asked = api.POST("/baton/v1/pages/{page}/threads/{person}/dry-run", { ...of(page, person), body });
    return { decided: await answered(asked) };
  } catch (error) {
    if (error instanceof Problem) return { problem: error };
    throw error;
  }
}

/** What an act in the Inbox would do now. Asked anew at each change of control. */
export function useDryRun(page: string, person: string, act: InboxAct, enabled = true) {
  return useQuery({
    queryKey: ["thread", page, person, "dry", act],
    queryFn: () => dryRun(page, person, { inbox: act }),
    enabled,
    // A window closes without anything happening.
    refetchInterval: 60_000,
  });
}

function useThreadMutation<T>(run: (input: T) => Promise<Decided>, page: string, person: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: run,
    onSettled: () => {
      void queries.invalidateQueries({ queryKey: ["thread", page, person] });
      void queries.invalidateQueries({ queryKey: ["conversations"] });
    },
  });
}

export const useInbox = (page: string, person: string) =>
  useThreadMutation(
    (body: InboxAct) =>
      answered(api.POST("/baton/v1/pages/{page}/threads/{person}/inbox", { ...of(page, person), body })),
    page,
    person,
  );

export const usePersonEvent = (page: string, person: string) =>
  useThreadMutation(
    (body: PersonEvent) =>
      answered(api.POST("/baton/v1/pages/{page}/people/{person}/events", { ...of(page, person), body })),
    page,
    person,
  );

export const keepPerson = (page: string, person: string, body: Partial<Omit<PersonCard, "id">>) =>
  answered(api.PUT("/baton/v1/pages/{page}/people/{person}", { ...of(page, person), body }));

/** The persistent menu that a person sees. */
export const useMenu = (page: string, person: string) =>
  useQuery({
    queryKey: ["thread", page, person, "menu"],
    queryFn: async () => {
      const { menu } = await answered(
        api.GET("/baton/v1/pages/{page}/people/{person}/menu", of(page, person)),
      );
      return (menu ?? null) as Menu[] | null;
    },
    staleTime: 60_000,
  });

export const turnClock = (body: ClockTurn) => answered(api.POST("/baton/v1/clock", { body }));

/** How conversations stand that expire, the soonest first. */
export const soonestExpiry = async () => {
  const query = { order: "expiry", limit: 1 } as const;
  return (await answered(api.GET("/baton/v1/conversations", { params: { query } }))).data[0] ?? null;
};

/** As JSON, which it is unless a stream is asked for. */
export async function recentActivity(): Promise<Activity[]> {
  const list = await answered(api.GET("/baton/v1/activity", { params: { query: { limit: 200 } } }));
  return typeof list === "string" ? [] : list.data;
}

export function useRule(id: string, enabled: boolean) {
  return useQuery({
    queryKey: ["rule", id],
    queryFn: () => answered(api.GET("/baton/v1/rules/{name}", { params: { path: { name: id } } })),
    enabled,
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** Things that happened are asked for together, not one by one. */
let pending = new Set<string>();
let _timer: ReturnType<typeof setTimeout> | null = null;

/** What is being asked for is let finish first: or much that happens would mean that nothing is ever answered. */
function flush(): void {
  _timer = null;
  const keys = pending;
  pending = new Set();
  for (const key of keys) {
    const queryKey = JSON.parse(key) as unknown[];
    if (client.isFetching({ queryKey }) > 0) stale(queryKey);
    else void client.invalidateQueries({ queryKey });
  }
}

function stale(key: unknown[]): void {
  pending.add(JSON.stringify(key));
  _timer ??= setTimeout(flush, 120);
}

/** Something happened: what shows it is asked for again. */
export function happened(row: Row, places: Place[]): void {
  const touch = (page: string, on: Surface, person: string): void => {
    const place = places.find((one) => one.page.id === page && one.on === on);
    if (!place) return;
    conversationChanged(`${place.address}/${person}`);
    stale(["thread", place.address, person]);
  };
  switch (row.event) {
    case "decision":
      touch(row.page_id, row.on, row.person_id);
      stale(["conversations"]);
      break;
    case "refusal":
      touch(row.page_id, row.on, row.person_id);
      break;
    case "settings":
      conversationChanged(null);
      stale(["routing"]);
      stale(["conversations"]);
      stale(["thread"]);
      break;
    case "clock":
      conversationChanged(null);
      stale(["clock"]);
      stale(["conversations"]);
      stale(["thread"]);
      break;
    case "gap":
      conversationChanged(null);
      stale(["conversations"]);
      stale(["thread"]);
      break;
    case "delivery":
      break;
  }
}
