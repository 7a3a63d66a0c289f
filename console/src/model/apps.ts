/** How apps look: their colour's slot and their two letters. The same app looks the same everywhere. */
import type { Surface } from "../api/types";

export const INBOX: Record<Surface, string> = {
  messenger: "263902037430900",
  instagram: "1217981644879628",
};

/** Colours that apps take, in the order in which they were created; from the ninth on they repeat. */
export const SLOTS = 8;

export interface App {
  id: string;
  name: string;
  letters: string;
  /** `inbox`, or a number from 0. */
  colour: string;
  inbox: boolean;
}

export function isInbox(id: string | null): boolean {
  return id === INBOX.messenger || id === INBOX.instagram;
}

/** Letters that a name may be shortened to, the best first. */
function candidates(name: string): string[] {
  const words = name
    .toUpperCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== "");
  const [first = "?", second] = words;
  const letters = Array.from(words.join(""));
  const initial = letters[0] ?? "?";
  const initials = second ? [`${Array.from(first)[0]}${Array.from(second)[0]}`] : [];
  return [...initials, ...letters.slice(1).map((letter) => initial + letter), initial];
}

/** Two letters for each name, made unique as far as the names allow. */
export function letters(names: string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    const all = candidates(name);
    const digits = Array.from({ length: 9 }, (_, index) => `${all[0]?.[0] ?? "?"}${index + 1}`);
    const found = [...all, ...digits].find((two) => !taken.has(two)) ?? all[0] ?? "?";
    taken.add(found);
    return found;
  });
}

/** Every app by id, the Inbox of both platforms included. `apps` in the order of their making. */
export function directory(apps: { id: string; name: string }[]): Map<string, App> {
  const two = letters(apps.map((app) => app.name));
  const known = apps.map((app, index) => ({
    id: app.id,
    name: app.name,
    letters: two[index] ?? "?",
    colour: String(index % SLOTS),
    inbox: false,
  }));
  const inboxes = Object.values(INBOX).map((id) => ({
    id,
    name: "Inbox",
    letters: "IN",
    colour: "inbox",
    inbox: true,
  }));
  return new Map([...known, ...inboxes].map((app) => [app.id, app]));
}

/** An app that is not there any more still has a name. */
export function unknownApp(id: string): App {
  return { id, name: `App ${id}`, letters: "?", colour: "none", inbox: false };
}
