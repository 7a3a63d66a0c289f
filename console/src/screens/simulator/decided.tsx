/** What Baton decided about one person, newest first: sentence, rule, and who was told with which answer. */
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { useRows } from "../../api/live";
import type { Place } from "../../api/queries";
import { useHistory } from "../../api/queries";
import type { HistoryEntry } from "../../api/types";
import {
  type Answer,
  answers,
  answerWords,
  type Decision,
  delivered,
  noticeName,
  type Refusal,
} from "../../model/activity";
import { sentence } from "../../model/sentences";
import type { Phone } from "../../model/simulator";
import { markKind } from "../../model/timeline";
import { Moment, Sentence } from "../../parts/app";
import { Notices } from "../../parts/basic";
import { RuleTag } from "../../parts/explain";
import { MarkIcon } from "../inbox/marks";
import { useAround } from "../shell";
import css from "./simulator.module.css";

const SHOWN = 40;

export function Decided({ phone, place }: { phone: Phone; place: Place }) {
  const rows = useRows();
  const { data: history } = useHistory(phone.page, phone.person);
  const { mine, heard } = useMemo(() => {
    const about = rows.filter(
      (row): row is Decision | Refusal =>
        (row.event === "decision" || row.event === "refusal") &&
        row.page_id === place.page.id &&
        row.on === place.on &&
        row.person_id === phone.person,
    );
    return { mine: about.slice(0, SHOWN), heard: answers(rows) };
  }, [rows, place, phone.person]);
  // What is older than what was listened to is known from the history, without its webhooks.
  // A line of activity is told a little after the decision's own time.
  const last = mine.at(-1);
  const oldest = last ? Date.parse(last.at) - 1_000 : Number.POSITIVE_INFINITY;
  const older = (history ?? [])
    .filter((entry) => Date.parse(entry.at) < oldest)
    .reverse()
    .slice(0, SHOWN - mine.length);
  return (
    <div className={css.decided}>
      <header>
        <h3>What Baton decided</h3>
        {history && (
          <Link to="/inbox/$page/$person" params={phone} search={{ page: place.page.id }}>
            Open in Inbox
          </Link>
        )}
      </header>
      <ol>
        {mine.map((row) => (
          <DecisionRow key={row.id} row={row} heard={heard} />
        ))}
        {older.map((entry) => (
          <li key={`${entry.at}/${entry.rule}/${entry.by_app_id}`}>
            <Head entry={entry} at={entry.at} />
          </li>
        ))}
      </ol>
      {mine.length === 0 && older.length === 0 && (
        <p className={css.nothing}>
          {history
            ? "Control has not changed so far. What this person does from now on is listed here, with its rule."
            : "Nothing yet. What this person does is listed here, with the rule that decided it and who was told."}
        </p>
      )}
    </div>
  );
}

type Entry = Pick<
  HistoryEntry,
  "cause" | "by_app_id" | "from_app_id" | "to_app_id" | "refused" | "expires_at" | "rule" | "via"
>;

function Head({ entry, at, owner = null }: { entry: Entry; at: string; owner?: string | null }) {
  const { apps } = useAround();
  const lane = entry.refused ? null : entry.to_app_id;
  return (
    <>
      <span
        className={css.dot}
        data-app={lane ? apps.app(lane).colour : "none"}
        data-refused={entry.refused ? true : undefined}
      >
        <MarkIcon kind={markKind({ ...entry, at, metadata: null })} size={12} />
      </span>
      <div>
        <p>
          <Sentence pieces={sentence(entry, owner)} apps={apps} />
        </p>
        <p className={css.meta}>
          <RuleTag rule={entry.rule} via={entry.via} />
          <Moment at={Date.parse(at)} seconds />
          {entry.refused && (
            <code>
              {entry.refused.code} / {entry.refused.subcode ?? "–"}
            </code>
          )}
          {entry.expires_at && (
            <span>
              until <Moment at={Date.parse(entry.expires_at)} />
            </span>
          )}
        </p>
      </div>
    </>
  );
}

function DecisionRow({ row, heard }: { row: Decision | Refusal; heard: Map<string, Answer> }) {
  const { apps } = useAround();
  if (row.event === "refusal") {
    const entry = { ...row, from_app_id: row.owner_app_id, to_app_id: row.owner_app_id, expires_at: null };
    return (
      <li>
        <Head entry={entry} at={row.at} owner={row.owner_app_id} />
      </li>
    );
  }
  const entry = { ...row, rule: row.rule ?? "", cause: row.cause ?? "message", refused: null };
  const many = row.events.length === 1 ? "1 webhook" : `${row.events.length} webhooks`;
  let place = -1;
  return (
    <>
      <li>
        <Head entry={entry} at={row.at} />
        {row.events.length > 0 && (
          <details>
            <summary>{many}</summary>
            <Notices
              notices={row.events}
              apps={apps}
              answer={(notice) => {
                place += 1;
                return <AnswerWords answer={heard.get(noticeName(row.id, notice, place))} />;
              }}
            />
          </details>
        )}
      </li>
      {row.lapse && (
        <li>
          <span className={css.dot} data-app="none">
            <MarkIcon kind="expiry" size={12} />
          </span>
          <div>
            <p>Control had expired before</p>
            <p className={css.meta}>
              <RuleTag rule={row.lapse.rule} /> <Moment at={Date.parse(row.lapse.at)} seconds />
            </p>
          </div>
        </li>
      )}
    </>
  );
}

function AnswerWords({ answer }: { answer: Answer | undefined }) {
  if (!answer) return <span className={css.waits}>waits</span>;
  const good = delivered(answer.delivery);
  return (
    <span className={css.answer} data-good={good || undefined} title={answer.delivery.error ?? undefined}>
      {answerWords(answer.delivery)}
      {answer.attempts > 1 && ` (try ${answer.attempts})`}
    </span>
  );
}
