/** How an app does, in words; failures by the hour; a webhook as a line for a terminal. */
import type { Delivery, DeliveryState, Health, OneDelivery } from "../api/types";
import { duration, HOUR } from "./time";

export type Tone = "well" | "wait" | "danger" | "plain";

export interface Words {
  tone: Tone;
  words: string;
  detail: string;
}

const count = (many: number, one: string, more: string): string => `${many} ${many === 1 ? one : more}`;

/** In the order of gravity: what is worst is said. */
export function healthWords(health: Health): Words {
  const pending = count(health.pending, "webhook waits", "webhooks wait");
  const waits = health.pending_is_more ? `more than ${pending}` : pending;
  const lag = health.pending > 0 ? `${waits}, the oldest for ${duration(health.lag_seconds * 1_000)}` : waits;
  switch (health.state) {
    case "no_address":
      return { tone: "plain", words: "Hears nothing", detail: "it has no webhook address" };
    case "disabled":
      return { tone: "danger", words: "Switched off", detail: `${lag}: ${health.disabled?.reason ?? ""}` };
    case "unverified":
      return { tone: "danger", words: "Not verified", detail: `${waits} until the address verifies` };
    case "failing":
      return { tone: "danger", words: "Not answering", detail: lag };
    case "ok":
      break;
  }
  if (health.parked > 0) {
    const some = count(health.parked, "conversation waits", "conversations wait");
    return { tone: "wait", words: "Retrying", detail: `${some} out its failures` };
  }
  if (health.pending > 0) return { tone: "wait", words: "Delivering", detail: lag };
  return { tone: "well", words: "Delivering", detail: "nothing waits" };
}

const STATES: Record<DeliveryState, Tone> = {
  pending: "wait",
  delivered: "well",
  parked: "wait",
  dead: "danger",
  expired: "danger",
};

export const stateTone = (state: DeliveryState): Tone => STATES[state];

/** Attempts of one hour: how many, and how many failed. */
export interface Cell {
  hour: number;
  sent: number;
  failed: number;
}

const failed = (attempt: Delivery["attempts"][number]): boolean =>
  attempt.status === null || attempt.status < 200 || attempt.status >= 300;

/** The last hours, oldest first; an hour in which nothing was sent is there too. */
export function byHour(deliveries: Delivery[], now: number, hours: number): Cell[] {
  const last = Math.floor(now / HOUR) * HOUR;
  const cells = Array.from({ length: hours }, (_, index) => ({
    hour: last - (hours - 1 - index) * HOUR,
    sent: 0,
    failed: 0,
  }));
  for (const attempt of deliveries.flatMap((one) => one.attempts)) {
    const cell =
      cells[hours - 1 - Math.round((last - Math.floor(Date.parse(attempt.at) / HOUR) * HOUR) / HOUR)];
    if (!cell) continue;
    cell.sent += 1;
    if (failed(attempt)) cell.failed += 1;
  }
  return cells;
}

/** The share of failures in per cent, and the step that colours it; null where nothing was sent. */
export function heat(cell: Cell): { share: number; step: 0 | 1 | 2 | 3 | 4 } | null {
  if (cell.sent === 0) return null;
  const exact = (cell.failed / cell.sent) * 100;
  // One failure is never drawn as none.
  const share = exact > 0 && exact < 1 ? 1 : Math.round(exact);
  const step = share === 0 ? 0 : share < 5 ? 1 : share < 20 ? 2 : share < 60 ? 3 : 4;
  return { share, step };
}

export function answerOf(delivery: Delivery): string {
  const last = delivery.attempts.at(-1);
  if (!last) return delivery.state === "pending" ? "waits its turn" : "–";
  return last.error ?? (last.status === null ? "no answer" : `${last.status}, ${last.duration_ms} ms`);
}

/** Whether a signature that somebody computed is one of these; null: nothing was given. */
export function compared(signatures: string[], given: string): boolean | null {
  const bare = (text: string): string =>
    text
      .trim()
      .replace(/^(x-hub-signature(-256)?|webhook-signature)\s*:\s*/i, "")
      .replace(/^(sha1=|sha256=|v1,)/i, "");
  const wanted = bare(given);
  if (wanted === "") return null;
  const digest = (text: string): string => (/^[0-9a-f]+$/i.test(text) ? text.toLowerCase() : text);
  return signatures.some((one) => digest(bare(one)) === digest(wanted));
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** The same request from a terminal; to a receiver on this machine, for one. */
export function asCurl(one: OneDelivery): string {
  const headers = one.request.headers.map(({ name, value }) => `  -H ${quoted(`${name}: ${value}`)}`);
  return [
    `curl -X POST ${quoted(one.request.url ?? "http://127.0.0.1/")}`,
    ...headers,
    `  --data-binary ${quoted(one.request.body)}`,
  ].join(" \\\n");
}

/** The delivery that a line of activity tells of: of the same event and person, tried at about that time. */
export function toldOf(
  deliveries: Delivery[],
  line: { at: string; events: { page_id: string; on: string; person_id: string | null; event: string }[] },
): Delivery | undefined {
  const about = line.events[0];
  if (!about) return undefined;
  const own = deliveries.filter(
    (one) =>
      one.event === about.event &&
      one.page_id === about.page_id &&
      one.on === about.on &&
      one.person_id === about.person_id,
  );
  const far = (one: Delivery): number =>
    Math.min(...one.attempts.map((attempt) => Math.abs(Date.parse(attempt.at) - Date.parse(line.at))));
  return own.toSorted((one, other) => far(one) - far(other))[0];
}
