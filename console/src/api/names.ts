/** What people are called, as far as the list of conversations says it: not one call for each of them. */
import { useMemo } from "react";
import { personName } from "../model/people";
import { useConversations } from "./conversations";

/** By page, platform and person: see `nameKey`. */
export type Names = Map<string, string>;

export const nameKey = (one: { page_id: string; on: string; person_id: string | null }): string =>
  `${one.page_id}/${one.on}/${one.person_id}`;

export function useNames(page: string): Names {
  const { rows } = useConversations({ page });
  return useMemo(
    () =>
      new Map(
        rows.map((one) => [nameKey({ ...one, person_id: one.person.id }), personName(one.person)] as const),
      ),
    [rows],
  );
}
