/** The same as a table: every change and refusal, newest first. */
import { IconCopy } from "@tabler/icons-react";
import { useState } from "react";
import { useNow } from "../../api/clock";
import type { OneConversation } from "../../api/types";
import { personName } from "../../model/people";
import { plain, sentence } from "../../model/sentences";
import { moment } from "../../model/time";
import { type Entry, markKind } from "../../model/timeline";
import { Moment, Sentence } from "../../parts/app";
import { Button } from "../../parts/basic";
import { RuleTag } from "../../parts/explain";
import { useAround } from "../shell";
import { MarkIcon } from "./marks";
import css from "./timeline.module.css";

const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;

export function TimelineTable({
  one,
  entries,
  chosen,
  choose,
}: {
  one: OneConversation;
  entries: Entry[];
  chosen: Entry | null;
  choose: (entry: Entry) => void;
}) {
  const { apps } = useAround();
  const now = useNow(60);
  const [copied, setCopied] = useState(false);
  const name = (id: string) => apps.app(id).name;
  const by = (entry: Entry): string => {
    if (entry.by_app_id) return name(entry.by_app_id);
    return entry.cause === "expiry"
      ? "clock"
      : entry.cause === "settings"
        ? "settings"
        : personName(one.person);
  };
  const newest = [...entries].reverse();
  function csv(): string {
    const rows = newest.map((entry) => [
      entry.at,
      plain(sentence(entry, entry.owner), name),
      by(entry),
      entry.rule,
      entry.expires_at ?? "",
    ]);
    return [["When", "What", "By", "Rule", "Until"], ...rows]
      .map((row) => row.map(quoted).join(","))
      .join("\r\n");
  }
  return (
    <div className={css.tableBox} tabIndex={0} role="region" aria-label="Changes of control, as a table">
      <table className={css.table}>
        <thead>
          <tr>
            <th scope="col">When</th>
            <th scope="col">What</th>
            <th scope="col">By</th>
            <th scope="col">Rule</th>
            <th scope="col">Until</th>
          </tr>
        </thead>
        <tbody>
          {newest.map((entry) => (
            <tr
              key={entry.key}
              aria-current={entry.key === chosen?.key || undefined}
              onClick={() => choose(entry)}
            >
              <td>
                <Moment at={Date.parse(entry.at)}>{moment(Date.parse(entry.at), now, true)}</Moment>
              </td>
              <td>
                <span className={css.what} data-refused={entry.refused ? true : undefined}>
                  <MarkIcon kind={markKind(entry)} size={15} />
                  <span>
                    {entry.refused && "Refused: "}
                    <Sentence pieces={sentence(entry, entry.owner)} apps={apps} />
                    {entry.metadata && <bdi> · “{entry.metadata}”</bdi>}
                  </span>
                </span>
              </td>
              <td>
                <bdi>{by(entry)}</bdi>
              </td>
              <td>
                <RuleTag rule={entry.rule} via={entry.via} />
              </td>
              <td>
                {entry.refused || !entry.to_app_id ? (
                  "–"
                ) : entry.expires_at ? (
                  <Moment at={Date.parse(entry.expires_at)} />
                ) : (
                  "no end"
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {entries.length === 0 && <p className={css.noEntries}>Control has not changed yet.</p>}
      {entries.length > 0 && (
        <Button
          look="quiet"
          onClick={() => void navigator.clipboard.writeText(csv()).then(() => setCopied(true))}
        >
          <IconCopy size={15} aria-hidden="true" /> {copied ? "Copied" : "Copy as CSV"}
        </Button>
      )}
    </div>
  );
}
