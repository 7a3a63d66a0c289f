/** The list of conversations. It may have thousands of rows: what changes is asked for, and nothing else. */

import { isInbox } from "../model/apps";
import { continued, type Order } from "../model/growing";
import { answered, api, given, Problem } from "./client";
import { type Growing, refreshed, useGrowing } from "./growing";
import type { Conversation, Folder, List } from "./types";

export interface Wanted {
  page: string;
  folder?: Folder | undefined;
  /** An app's id; or `inbox`, `nobody`, or `waiting`. */
  owner?: string | undefined;
  q?: string | undefined;
  order?: "newest" | "expiry" | undefined;
}

/** Rows of one part. */
const PART = 100;
/** Parts that are asked for again when everything may have changed; what is below them comes when somebody scrolls. */
const PARTS = 5;
/** Conversations further down that are asked for one by one. */
const ONES = 20;

export const conversationKey = (one: { page: string; person: { id: string } }): string =>
  `${one.page}/${one.person.id}`;

const ORDER: Order<Conversation> = { key: conversationKey, at: (one) => one.last_message_at };

/** What happened to conversations, oldest first; null: to all of them. */
const CHANGES = 500;
let changes: { number: number; key: string | null }[] = [];
let newest = 0;

/** A list, and up to which change it is right. */
type Shown = List<Conversation> & { upTo?: number };

/** Something happened to a conversation; null: to all of them. */
export function conversationChanged(key: string | null): void {
  newest += 1;
  changes.push({ number: newest, key });
  if (changes.length > 2 * CHANGES) changes = changes.slice(-CHANGES);
}

/** Conversations that something happened to after a change; null: any may be among them. */
function changedSince(number: number): Set<string> | null {
  const since = changes.filter((change) => change.number > number);
  if (since.length < newest - number) return null;
  const keys = since.map((change) => change.key);
  return keys.includes(null) ? null : new Set(keys.filter((key) => key !== null));
}

/** Whether a conversation is still one of a list that is filtered: what the server does, for one row. */
function fits(one: Conversation, { folder, owner }: Wanted): boolean {
  if (folder && one.folder !== folder) return false;
  if (owner === "nobody") return one.state === "idle";
  if (owner === "waiting") return one.requests.length > 0;
  if (owner === "inbox") return isInbox(one.owner_app_id);
  return !owner || one.owner_app_id === owner;
}

async function oneOf(key: string): Promise<Conversation | null> {
  const [page = "", ...person] = key.split("/");
  try {
    const path = { page, person: person.join("/") };
    return await answered(api.GET("/baton/v1/pages/{page}/conversations/{person}", { params: { path } }));
  } catch (error) {
    if (error instanceof Problem && error.document.status === 404) return null;
    throw error;
  }
}

/** Rows below the newest part of which something is known to have happened, as they are now. */
async function corrected(
  list: List<Conversation>,
  changed: Set<string>,
  wanted: Wanted,
): Promise<List<Conversation>> {
  const below = list.data.slice(PART).map(conversationKey);
  const keys = below.filter((key) => changed.has(key));
  if (keys.length === 0) return list;
  const now = new Map(
    await Promise.all(keys.slice(0, ONES).map(async (key) => [key, await oneOf(key)] as const)),
  );
  const data = list.data.flatMap((row) => {
    const one = now.get(conversationKey(row));
    if (one === undefined) return [row];
    return one && fits(one, wanted) ? [one] : [];
  });
  return { data, next: list.next };
}

export function useConversations(wanted: Wanted): Growing<Conversation> {
  const { owner } = wanted;
  const filter = given({
    page: wanted.page,
    folder: wanted.folder,
    q: wanted.q || undefined,
    order: wanted.order,
    owner: owner === "nobody" || owner === "waiting" ? undefined : owner,
    state: owner === "nobody" ? ("idle" as const) : undefined,
    waiting: owner === "waiting" || undefined,
  });
  const queryKey = ["conversations", "list", filter];
  const ask = (after: string | undefined) =>
    answered(
      api.GET("/baton/v1/conversations", {
        params: { query: { ...filter, ...given({ after }), limit: PART } },
      }),
    );
  return useGrowing({
    queryKey,
    ask,
    order: ORDER,
    enabled: wanted.page !== "",
    keepPrevious: true,
    refresh: async (ask, known): Promise<Shown> => {
      const shown: Shown | undefined = known();
      const changed = changedSince(shown?.upTo ?? 0);
      let upTo = newest;
      if (shown && changed && changed.size <= ONES && wanted.order !== "expiry") {
        const list = await corrected(await refreshed(ask, known, ORDER), changed, wanted);
        return { ...list, upTo };
      }
      let list = await ask(undefined);
      if (changedSince(upTo) === null) {
        // Everything may have changed while it was on its way.
        upTo = newest;
        list = await ask(undefined);
      }
      const wide = wanted.order === "expiry" ? 0 : (shown?.data.length ?? 0);
      for (let parts = 1; parts < PARTS && list.next && list.data.length < wide; parts += 1) {
        list = continued(list, await ask(list.next), ORDER);
      }
      return { ...list, upTo };
    },
  });
}
