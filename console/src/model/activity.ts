/** What happened, put together: which answer belongs to which decision, and what a line says. */
import type { Activity, Notice } from "../api/types";

export type Decision = Extract<Activity, { event: "decision" }>;
export type Refusal = Extract<Activity, { event: "refusal" }>;
export type Delivery = Extract<Activity, { event: "delivery" }>;

export interface Answer {
  delivery: Delivery;
  /** How many tries there were. */
  attempts: number;
}

/** A decision's notice, as a name: which of them, where the same app hears the same event twice. */
export const noticeName = (decision: string, notice: Notice, place: number): string =>
  `${decision}/${notice.app_id}/${notice.channel}/${notice.event}/${place}`;

/**
 * The answers to webhooks, by notice. Webhooks of one conversation reach an app in order, one at a time, so the first
 * delivery of an event belongs to the first decision that is still without one; a failed one is tried again.
 */
export function answers(newestFirst: readonly { event: string }[]): Map<string, Answer> {
  const found = new Map<string, Answer>();
  const open = new Map<string, string[]>();
  const lane = (
    app: string,
    channel: string,
    page: string,
    person: string | null,
    event: string | null,
  ): string => [app, channel, page, person, event].join("/");
  for (let at = newestFirst.length - 1; at >= 0; at -= 1) {
    const row = newestFirst[at] as Activity;
    if (row.event === "decision") {
      row.events.forEach((notice, place) => {
        const key = lane(notice.app_id, notice.channel, row.page_id, row.person_id, notice.event);
        open.set(key, [...(open.get(key) ?? []), noticeName(row.id, notice, place)]);
      });
    } else if (row.event === "delivery") {
      for (const one of row.events) {
        const key = lane(row.app_id, row.channel, one.page_id, one.person_id, one.event);
        const waiting = open.get(key) ?? [];
        const name = waiting[0];
        if (!name) continue;
        found.set(name, { delivery: row, attempts: (found.get(name)?.attempts ?? 0) + 1 });
        if (delivered(row)) open.set(key, waiting.slice(1));
      }
    }
  }
  return found;
}

export const delivered = (delivery: Delivery): boolean =>
  delivery.status !== null && delivery.status >= 200 && delivery.status < 300;

/** `200`, or what went wrong in a word. */
export function answerWords(delivery: Delivery): string {
  if (delivery.status !== null) return String(delivery.status);
  return delivery.error?.includes("time") ? "timeout" : "failed";
}
