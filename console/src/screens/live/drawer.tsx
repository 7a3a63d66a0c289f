/** One row in full: what and to whom, why, and what became of it. */
import { IconArrowRight, IconX } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { type ReactNode, useMemo } from "react";
import { useDelivery, useNewest } from "../../api/deliveries";
import type { Row } from "../../api/live";
import type { Names } from "../../api/names";
import { useHistory, useRule } from "../../api/queries";
import {
  type Answer,
  answers,
  answerWords,
  type Decision,
  delivered,
  noticeName,
  type Refusal,
} from "../../model/activity";
import { toldOf } from "../../model/deliveries";
import { changeWords } from "../../model/routing";
import { exactTime } from "../../model/time";
import { AppChip, Moment, Sentence } from "../../parts/app";
import { Button, Empty, Json, Notices, Problem, StatePill, SurfaceIcon } from "../../parts/basic";
import { RuleTag } from "../../parts/explain";
import { InFull } from "../deliveries/in-full";
import { useAround } from "../shell";
import { aboutOf, appOf, nameOf, piecesOf, Result, What } from "./facts";
import css from "./live.module.css";

/** The decision that a webhook tells of. */
function causeOf(row: Row, rows: Row[], heard: Map<string, Answer>): Decision | null {
  if (row.event !== "delivery") return null;
  const decided = rows.filter((one): one is Decision => one.event === "decision");
  return (
    decided.find((one) =>
      one.events.some(
        (notice, place) => heard.get(noticeName(one.id, notice, place))?.delivery.id === row.id,
      ),
    ) ?? null
  );
}

export function Drawer({
  row,
  rows,
  names,
  close,
}: {
  row: Row | undefined;
  rows: Row[];
  names: Names;
  close: () => void;
}) {
  const { apps } = useAround();
  const heard = useMemo(() => answers(rows), [rows]);
  if (!row || row.event === "gap") {
    return (
      <aside className={css.drawer} aria-label="Event">
        <header>
          <h2>This event is not kept any more</h2>
          <Close close={close} />
        </header>
        <Empty title="The newest 1,000 are">
          <p>What became of control stands in each conversation’s history.</p>
        </Empty>
      </aside>
    );
  }
  const about = aboutOf(row);
  const app = appOf(row);
  const decided = row.event === "decision" || row.event === "refusal" ? row : causeOf(row, rows, heard);
  const place = about && apps.of(about.page_id, about.on);
  return (
    <aside className={css.drawer} aria-label="Event">
      <header>
        <div>
          <h2 data-mono={row.event === "delivery" || undefined}>
            <What row={row} apps={apps} />
            {row.event === "delivery" && (
              <span className={css.answered}>
                <Result row={row} />
              </span>
            )}
          </h2>
          <p>
            {row.event === "delivery" && app && (
              <>
                to <AppChip app={apps.app(app)} />
              </>
            )}
            {about && (
              <>
                {row.event === "delivery" ? " about " : ""}
                <SurfaceIcon on={about.on} /> <bdi>{nameOf(about, names)}</bdi>
              </>
            )}
          </p>
        </div>
        <Close close={close} />
      </header>
      <p className={css.acts}>
        {about?.person_id && place && (
          <>
            <Link
              to="/inbox/$page/$person"
              params={{ page: place.address, person: about.person_id }}
              search={{ page: about.page_id }}
            >
              Open in Inbox
            </Link>
            <Link
              to="/simulator"
              search={{ page: about.page_id, phones: `${place.address}:${about.person_id}` }}
            >
              Open in Simulator
            </Link>
          </>
        )}
        <Moment at={Date.parse(row.at)}>{exactTime(Date.parse(row.at))}</Moment>
      </p>
      {decided && row.event !== "delivery" && <Why decided={decided} />}
      {row.event === "settings" && row.changed.length > 0 && (
        <section>
          <h3>What changed</h3>
          <ul className={css.changed}>
            {row.changed.map((pointer) => (
              <li key={pointer}>
                <bdi>{changeWords(pointer, (id) => apps.app(id).name)}</bdi>
                <code>{pointer}</code>
              </li>
            ))}
          </ul>
        </section>
      )}
      {(row.event === "decision" || row.event === "settings") && row.events.length > 0 && (
        <section>
          <h3>Who was told</h3>
          {row.event === "decision" ? (
            <Told row={row} heard={heard} />
          ) : (
            <Notices notices={row.events} apps={apps} />
          )}
        </section>
      )}
      {row.event === "delivery" && <Bytes row={row} why={decided && <Why decided={decided} />} />}
      <section>
        <details>
          <summary>As Baton told it</summary>
          <Json value={row} label="The event as JSON" />
        </details>
      </section>
    </aside>
  );
}

/** The bytes that were sent, their signature, and sending them again. */
function Bytes({ row, why }: { row: Extract<Row, { event: "delivery" }>; why: ReactNode }) {
  const { data } = useNewest(row.app_id);
  const found = data && toldOf(data.data, row);
  const { data: one, error } = useDelivery(row.app_id, found?.id ?? null);
  if (data && !found)
    return (
      <>
        {why}
        <section>
          <p>Its bytes are not looked for: it is not among the newest 200 deliveries of its app any more.</p>
        </section>
      </>
    );
  if (error)
    return (
      <>
        {why}
        <Problem error={error} />
      </>
    );
  return one ? <InFull one={one} app={row.app_id} why={why} /> : why;
}

function Close({ close }: { close: () => void }) {
  return (
    <Button look="quiet" onClick={close} aria-label="Close">
      <IconX size={17} aria-hidden="true" />
    </Button>
  );
}

function Told({ row, heard }: { row: Decision; heard: Map<string, Answer> }) {
  const { apps } = useAround();
  let at = -1;
  return (
    <Notices
      notices={row.events}
      apps={apps}
      answer={(notice) => {
        at += 1;
        const answer = heard.get(noticeName(row.id, notice, at));
        if (!answer) return <StatePill tone="plain">waits</StatePill>;
        return (
          <StatePill tone={delivered(answer.delivery) ? "well" : "danger"}>
            {answerWords(answer.delivery)}
          </StatePill>
        );
      }}
    />
  );
}

function Why({ decided }: { decided: Decision | Refusal }) {
  const { apps } = useAround();
  const rule = decided.rule ?? "";
  const { data } = useRule(decided.via ?? rule, rule !== "");
  const note = useNote(decided);
  const from = decided.event === "decision" ? decided.from_app_id : decided.owner_app_id;
  const to = decided.event === "decision" ? decided.to_app_id : decided.owner_app_id;
  const chip = (id: string | null) => <AppChip app={id ? apps.app(id) : null} />;
  const pieces = piecesOf(decided);
  return (
    <section>
      <h3>Why</h3>
      <div className={css.why}>
        <p className={css.fromTo}>
          {chip(from)}
          {from !== to && (
            <>
              <IconArrowRight size={15} aria-label="to" /> {chip(to)}
            </>
          )}
          <span className={css.space} />
          {rule && <RuleTag rule={rule} via={decided.via} />}
        </p>
        {pieces && (
          <p className={css.sentence}>
            <Sentence pieces={pieces} apps={apps} />
          </p>
        )}
        {decided.event === "refusal" && (
          <p>
            Refused with {decided.refused.code}/{decided.refused.subcode ?? "–"}; nothing changed.
          </p>
        )}
        {decided.event === "decision" && decided.lapse && (
          <p>
            Control had expired <Moment at={Date.parse(decided.lapse.at)} />:{" "}
            <RuleTag rule={decided.lapse.rule} />
          </p>
        )}
        {decided.event === "decision" && decided.to_app_id && (
          <p>
            {decided.expires_at ? (
              <>
                until{" "}
                <b>
                  <Moment at={Date.parse(decided.expires_at)} />
                </b>
              </>
            ) : (
              "It does not end by itself."
            )}
          </p>
        )}
        {note && (
          <p>
            note{" "}
            <b>
              <bdi>“{note}”</bdi>
            </b>
          </p>
        )}
        {data && (
          <details>
            <summary>What the rule says</summary>
            <dl>
              {data.cells.slice(0, 5).map((cell) => (
                <div key={cell.title}>
                  <dt>{cell.title}</dt>
                  <dd>{cell.text}</dd>
                </div>
              ))}
            </dl>
          </details>
        )}
      </div>
    </section>
  );
}

/** What the call said: the history knows it. */
function useNote(decided: Decision | Refusal): string | null {
  const { apps } = useAround();
  const place = apps.of(decided.page_id, decided.on);
  const { data } = useHistory(place?.address ?? decided.page_id, decided.person_id);
  const near = (at: string): boolean => Math.abs(Date.parse(at) - Date.parse(decided.at)) < 1_000;
  return data?.findLast((entry) => near(entry.at) && entry.rule === decided.rule)?.metadata ?? null;
}
