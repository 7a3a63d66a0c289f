/** What a row says, and what it is looked for by. */
import type { ReactNode } from "react";
import type { Row } from "../../api/live";
import { type Names, nameKey } from "../../api/names";
import type { Directory } from "../../api/queries";
import type { AppDelivery, Surface } from "../../api/types";
import { answerWords, delivered } from "../../model/activity";
import type { Facts } from "../../model/live";
import { changeWords } from "../../model/routing";
import { type Piece, plain, sentence } from "../../model/sentences";
import { duration } from "../../model/time";
import { Sentence } from "../../parts/app";
import { StatePill } from "../../parts/basic";
import { RuleTag } from "../../parts/explain";

export interface About {
  page_id: string;
  on: Surface;
  /** Null: it is of the page itself. */
  person_id: string | null;
}

/** Whom a row is about; the first, where a webhook tells of several. */
export function aboutOf(row: Row): About | null {
  if (row.event === "decision" || row.event === "refusal" || row.event === "comment") return row;
  if (row.event === "delivery") return row.events[0] ?? null;
  return null;
}

export function nameOf(about: About, names: Names): string {
  return names.get(nameKey(about)) ?? about.person_id ?? "the page itself";
}

export function appOf(row: Row): string | null {
  switch (row.event) {
    case "decision":
      return row.to_app_id;
    case "refusal":
      return row.by_app_id;
    case "delivery":
      return row.app_id;
    case "settings":
      return row.verification?.app_id ?? row.delivery?.app_id ?? null;
    default:
      return null;
  }
}

export function piecesOf(row: Row): Piece[] | null {
  if (row.event === "decision") return sentence({ ...row, cause: row.cause ?? "message", refused: null });
  if (row.event === "refusal") {
    return sentence({ ...row, from_app_id: row.owner_app_id, to_app_id: row.owner_app_id }, row.owner_app_id);
  }
  return null;
}

function eventWords(row: Extract<Row, { event: "delivery" }>): string {
  return [...new Set(row.events.map((one) => one.event))].join(", ") || "webhook";
}

const STANDING: Record<AppDelivery["state"], string> = {
  failing: "Delivery has failed for long",
  disabled: "Delivery was stopped",
  expired: "Webhooks were too old to be kept",
  resumed: "Delivery goes on",
  recovered: "Webhooks arrive again",
};

/** Which settings changed, as a sentence; as many as there is room for are named. */
function changedWords(changed: string[], name: (id: string) => string): string {
  const [first = "", ...others] = changed;
  const words = changeWords(first, name);
  if (others.length === 0) return `Changed: ${words}`;
  return `Changed: ${words}, and ${others.length === 1 ? "1 other setting" : `${others.length} other settings`}`;
}

function settingsWords(
  { verification, delivery, events, changed }: Extract<Row, { event: "settings" }>,
  name: (id: string) => string,
): string {
  if (delivery) return `${STANDING[delivery.state]}: ${delivery.reason}`;
  if (verification) {
    return verification.verified
      ? "The address verified itself"
      : `The address did not verify itself: ${verification.error}`;
  }
  if (changed.length > 0) return changedWords(changed, name);
  const told = new Set(events.map((one) => one.app_id)).size;
  if (told === 0) return "The settings changed";
  return `The settings changed: ${told === 1 ? "an app is" : `${told} apps are`} told of it`;
}

/** The row in words. */
export function wordsOf(row: Row, name: (id: string) => string): string {
  const pieces = piecesOf(row);
  if (pieces) return plain(pieces, name);
  switch (row.event) {
    case "delivery":
      return `${row.channel === "standby" ? "standby · " : ""}${eventWords(row)}`;
    case "settings":
      return settingsWords(row, name);
    case "comment":
      return row.events.length > 0 ? "A comment: apps are told of it" : "A comment: no app is told of it";
    case "clock": {
      const by = Date.parse(row.now) - Date.parse(row.was);
      return by > 0 ? `The clock went on by ${duration(by)}` : "The clock was frozen or let run";
    }
    default:
      return "";
  }
}

export function What({ row, apps }: { row: Row; apps: Directory }) {
  const pieces = piecesOf(row);
  if (pieces) return <Sentence pieces={pieces} apps={apps} />;
  return <bdi>{wordsOf(row, (id) => apps.app(id).name)}</bdi>;
}

export function Result({ row }: { row: Row }): ReactNode {
  switch (row.event) {
    case "decision":
      return row.rule && <RuleTag rule={row.rule} via={row.via} />;
    case "refusal":
      return (
        <>
          <RuleTag rule={row.rule} via={row.via} />{" "}
          <code>
            {row.refused.code}/{row.refused.subcode ?? "–"}
          </code>
        </>
      );
    case "delivery": {
      const good = delivered(row);
      const again = row.next_attempt_at ? Date.parse(row.next_attempt_at) - Date.parse(row.at) : null;
      return (
        <>
          <StatePill tone={good ? "well" : again !== null ? "wait" : "danger"}>{answerWords(row)}</StatePill>{" "}
          <small className="number">
            {good ? `${row.duration_ms} ms` : again !== null ? `again in ${duration(again)}` : ""}
          </small>
        </>
      );
    }
    case "settings":
      if (row.delivery) {
        const good = row.delivery.state === "resumed" || row.delivery.state === "recovered";
        return <StatePill tone={good ? "well" : "danger"}>{row.delivery.state}</StatePill>;
      }
      return (
        row.verification && (
          <StatePill tone={row.verification.verified ? "well" : "danger"}>
            {row.verification.verified ? "verified" : "not verified"}
          </StatePill>
        )
      );
    default:
      return null;
  }
}

export function factsOf(row: Row, apps: Directory, names: Names): Facts & { ids: string[] } {
  const about = aboutOf(row);
  const ids = [appOf(row), ...(row.event === "decision" ? [row.by_app_id, row.from_app_id] : [])].filter(
    (id): id is string => id !== null,
  );
  return {
    ids,
    apps: ids.map((id) => apps.app(id).name),
    people: about?.person_id ? [about.person_id, nameOf(about, names)] : [],
    rule:
      row.event === "decision" || row.event === "refusal"
        ? [row.rule, row.via].filter(Boolean).join(" ")
        : "",
    status: row.event === "delivery" ? answerWords(row) : "",
    what: wordsOf(row, (id) => apps.app(id).name),
  };
}
