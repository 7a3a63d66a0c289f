/** Apps of a page by name, as a file may name them: by id, or `inbox`. */
import { useAround } from "../shell";
import { useDraft } from "./draft";

/** An app by its id; the Inbox by its name. */
export function useName(): (id: string) => string {
  const { apps } = useAround();
  return (id) => (id === "inbox" ? "Inbox" : apps.app(id).name);
}

export function useAppChoices(none: string, withInbox = true) {
  const { page } = useDraft();
  const name = useName();
  const connected = page.connections.map(({ app }) => ({ value: app, words: name(app) }));
  return [
    { value: "", words: none },
    ...connected,
    ...(withInbox ? [{ value: "inbox", words: "Inbox" }] : []),
  ];
}
