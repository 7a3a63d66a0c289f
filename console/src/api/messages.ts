/** What was said in a conversation, newest first. */
import { answered, api, given } from "./client";
import { type Growing, useGrowing } from "./growing";
import type { Message } from "./types";

/** The newest part, and those that are asked for when somebody scrolls up. */
const NEWEST = 50;
const EARLIER = 200;

/** Most have an id; a reaction is told apart by what it is. */
export const messageKey = (one: Message): string =>
  one.message_id ?? `${one.at}/${one.event}/${JSON.stringify(one.content)}`;

export function useMessages(page: string, person: string): Growing<Message> {
  return useGrowing({
    queryKey: ["thread", page, person, "messages"],
    ask: (after) =>
      answered(
        api.GET("/baton/v1/pages/{page}/threads/{person}/messages", {
          params: { path: { page, person }, query: given({ limit: after ? EARLIER : NEWEST, after }) },
        }),
      ),
    order: { key: messageKey, at: (one) => one.at },
  });
}
