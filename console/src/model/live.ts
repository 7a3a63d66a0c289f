/** The stream of what happens, as rows: of which kind each is, and which of them are wanted. */
import type { Row } from "../api/live";

export const KINDS = ["message", "control", "refused", "webhook", "settings", "clock"] as const;
export type Kind = (typeof KINDS)[number];

export function kindOf(row: Row): Kind | "gap" {
  switch (row.event) {
    case "decision":
      return row.from_app_id === row.to_app_id ? "message" : "control";
    case "comment":
      return "message";
    case "refusal":
      return "refused";
    case "delivery":
      return "webhook";
    default:
      return row.event;
  }
}

/** `message,control`; what is unknown is left out. Nothing given: every kind. */
export function readKinds(text: string | undefined): Set<Kind> {
  if (text === undefined) return new Set(KINDS);
  const given = text.split(",");
  return new Set(KINDS.filter((kind) => given.includes(kind)));
}

/** How the address says it: nothing where every kind is shown, `none` where no kind is. */
export function writeKinds(kinds: Set<Kind>): string {
  if (kinds.size === KINDS.length) return "";
  return KINDS.filter((kind) => kinds.has(kind)).join(",") || "none";
}

export interface Words {
  app: string[];
  person: string[];
  rule: string[];
  status: string[];
  rest: string[];
}

/** `app:order person:maya status:5 refund`: words with a field name look in that field only. */
export function readWords(text: string): Words {
  const found: Words = { app: [], person: [], rule: [], status: [], rest: [] };
  for (const word of text.toLowerCase().split(/\s+/).filter(Boolean)) {
    const [, field, value] = /^(app|person|rule|status):(.*)$/.exec(word) ?? [];
    if (field === undefined || value === undefined) found.rest.push(word);
    else if (value !== "") found[field as keyof Words].push(value);
  }
  return found;
}

/** What a row is looked for by. */
export interface Facts {
  apps: string[];
  people: string[];
  rule: string;
  status: string;
  what: string;
}

export function fits(words: Words, facts: Facts): boolean {
  const holds = (texts: string[], word: string): boolean =>
    texts.some((text) => text.toLowerCase().includes(word));
  return (
    words.app.every((word) => holds(facts.apps, word)) &&
    words.person.every((word) => holds(facts.people, word)) &&
    words.rule.every((word) => holds([facts.rule], word)) &&
    words.status.every((word) => facts.status.startsWith(word)) &&
    words.rest.every((word) =>
      holds([facts.what, facts.rule, facts.status, ...facts.apps, ...facts.people], word),
    )
  );
}

/** Rows of one page; what concerns no page is everybody's. */
export function ofPage(row: Row, page: string): boolean {
  if (row.event === "decision" || row.event === "refusal") return row.page_id === page;
  if (row.event === "delivery") return row.events.some((event) => event.page_id === page);
  return true;
}

/** How many happened in the minute before the newest. */
export function perMinute(rows: Row[]): number {
  const newest = rows[0] ? Date.parse(rows[0].at) : 0;
  const end = rows.findIndex((row) => Date.parse(row.at) < newest - 60_000);
  return end < 0 ? rows.length : end;
}
