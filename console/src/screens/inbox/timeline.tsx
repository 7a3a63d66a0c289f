/** Who was in control, as a picture: one lane for each app, a bar while it was, a mark for each change; and what comes. */
import { useElementSize } from "@mantine/hooks";
import { IconArrowRight, IconChartDots2, IconHourglass, IconTable } from "@tabler/icons-react";
import { type KeyboardEvent, useMemo, useRef, useState } from "react";
import { useNow } from "../../api/clock";
import type { Message, OneConversation } from "../../api/types";
import { INBOX } from "../../model/apps";
import { plain, sentence } from "../../model/sentences";
import { axisTime, duration, moment } from "../../model/time";
import {
  clusters,
  defaultRange,
  type Entry,
  lanes as lanesOf,
  type Mark,
  RANGE_NAMES,
  type Range,
  shares,
  span,
  type Timeline,
  ticks,
} from "../../model/timeline";
import { AppMark } from "../../parts/app";
import { LinkButton } from "../../parts/basic";
import { useKeys } from "../../parts/keys";
import { useAround } from "../shell";
import { useChange, useInboxSearch } from "./index";
import { FORM, MarkIcon } from "./marks";
import css from "./timeline.module.css";
import { Detail } from "./timeline-detail";
import { Strip } from "./timeline-strip";
import { TimelineTable } from "./timeline-table";

const RANGE_WORDS: Record<Range, string> = { "1h": "1 h", "12h": "12 h", "3d": "3 d", all: "All" };
const LABELS = 132;
const LANE = 26;
const AXIS = 20;
const FUTURE = 168;

interface Props {
  one: OneConversation;
  timeline: Timeline;
  messages: Message[];
  chosen: Entry | null;
  choose: (entry: Entry | null) => void;
  /** The moment at which the conversation is scrolled to, unless it is its end. */
  seen: number | null;
  phone: boolean;
}

export function TimelineView(props: Props) {
  const { one, timeline, chosen, choose, phone } = props;
  const { apps } = useAround();
  const search = useInboxSearch();
  const change = useChange();
  const now = useNow(5);
  const range = search.range ?? defaultRange(timeline, now);
  const table = search.view === "table";
  const [hovered, setHovered] = useState<Entry | null>(null);
  const [explaining, setExplaining] = useState(false);
  useKeys({ v: () => change({ view: table ? "" : "table" }), e: () => setExplaining(true) });
  const last = timeline.entries.findLast((entry) => entry.changes) ?? timeline.entries.at(-1) ?? null;
  const shown = hovered ?? chosen ?? last;
  if (phone) return <Strip one={one} timeline={timeline} now={now} range={range} />;
  return (
    <section className={css.timeline} aria-label="Who was in control">
      <header>
        <h3>Who was in control</h3>
        {!table && (
          <div className={css.ranges} role="group" aria-label="Range">
            {RANGE_NAMES.map((name) => (
              <button
                key={name}
                type="button"
                aria-pressed={range === name}
                onClick={() => change({ range: name })}
              >
                {RANGE_WORDS[name]}
              </button>
            ))}
          </div>
        )}
        <button
          type="button"
          className={css.toggle}
          onClick={() => change({ view: table ? "" : "table" })}
          title="V"
        >
          {table ? (
            <IconChartDots2 size={16} aria-hidden="true" />
          ) : (
            <IconTable size={16} aria-hidden="true" />
          )}
          {table ? "Timeline" : "Table"}
        </button>
      </header>
      {table ? (
        <TimelineTable one={one} entries={timeline.entries} chosen={chosen} choose={choose} />
      ) : (
        <>
          <Plot
            {...props}
            range={range}
            now={now}
            setHovered={setHovered}
            explain={() => setExplaining(true)}
          />
          <Detail one={one} entry={shown} opened={explaining} setOpened={setExplaining} />
        </>
      )}
      <p className="hidden">{summary(timeline, range, now, (id) => apps.app(id).name)}</p>
    </section>
  );
}

function summary(timeline: Timeline, range: Range, now: number, name: (id: string) => string): string {
  const { from, to } = span(timeline, range, now);
  const parts = shares(timeline, from, to).map(
    ({ app, ms }) => `${app ? name(app) : "nobody"} ${duration(ms)}`,
  );
  return `In this time: ${parts.join(", ")}.`;
}

/** A mark as a whole sentence, for who does not see it. */
function said(entry: Entry, now: number, name: (id: string) => string): string {
  const until = entry.expires_at ? `, until ${moment(Date.parse(entry.expires_at), now)}` : "";
  return `${moment(Date.parse(entry.at), now)}, ${plain(sentence(entry, entry.owner), name)}${until}, rule ${entry.rule}`;
}

type PlotProps = Props & {
  range: Range;
  now: number;
  setHovered: (entry: Entry | null) => void;
  explain: () => void;
};

function Plot({ one, timeline, messages, chosen, choose, seen, range, now, setHovered, explain }: PlotProps) {
  const { apps } = useAround();
  const change = useChange();
  const { ref, width } = useElementSize();
  const [all, setAll] = useState(false);
  const place = apps.place(one.page);
  const name = (id: string) => apps.app(id).name;
  const within = span(timeline, range, now);
  const always = [
    place?.defaultApp ?? null,
    one.owner_app_id,
    ...one.requests.map((request) => request.app_id),
  ];
  const order = apps.apps.map((app) => app.id);
  const { shown: lanes, more } = lanesOf(timeline, within, always, order, INBOX[one.on], all);
  const future = Math.min(FUTURE, width * 0.24);
  const plot = Math.max(0, width - LABELS - future);
  const x = (at: number) => LABELS + ((at - within.from) / (within.to - within.from)) * plot;
  const y = (lane: string) => AXIS + lanes.indexOf(lane) * LANE;
  const height = AXIS + lanes.length * LANE;
  const marks = timeline.marks.filter(
    (mark) => mark.at >= within.from && mark.lane && lanes.includes(mark.lane),
  );
  const groups = clusters(marks, x);
  const bars = timeline.bars.filter((bar) => (bar.to ?? now) >= within.from);
  const renewals = messages.filter(
    (message) => message.from === "person" && Date.parse(message.at) >= within.from,
  );
  const ownerAt = (at: number) =>
    bars.find((bar) => bar.from <= at && at < (bar.to ?? Number.POSITIVE_INFINITY))?.app ?? null;
  const selected = groups.findIndex((group) => group.marks.some((mark) => mark.entry.key === chosen?.key));
  const box = useRef<HTMLDivElement>(null);
  const zoom = (by: number) => {
    const next = RANGE_NAMES[RANGE_NAMES.indexOf(range) + by];
    if (next) change({ range: next });
  };
  const open = (mark: Mark | undefined) => mark && choose(mark.entry);
  const inTime = useMemo(() => [...groups].sort((a, b) => a.x - b.x), [groups]);
  function key(event: KeyboardEvent) {
    const chosenGroup = groups[selected];
    const current = chosenGroup ? inTime.indexOf(chosenGroup) : -1;
    const go = (index: number) => open(inTime[Math.max(0, Math.min(inTime.length - 1, index))]?.marks[0]);
    const acts: Record<string, () => void> = {
      ArrowLeft: () => go(current < 0 ? inTime.length - 1 : current - 1),
      ArrowRight: () => go(current < 0 ? inTime.length - 1 : current + 1),
      Home: () => go(0),
      End: () => go(inTime.length - 1),
      ArrowUp: () => neighbour(-1),
      ArrowDown: () => neighbour(1),
      "+": () => zoom(-1),
      "-": () => zoom(1),
      Enter: () => ((groups[selected]?.marks.length ?? 0) > 1 ? zoom(-1) : explain()),
      Escape: () => choose(null),
    };
    const act = acts[event.key];
    if (act) {
      event.preventDefault();
      act();
    }
  }
  function neighbour(by: number) {
    const current = groups[selected];
    if (!current) return;
    const from = lanes.indexOf(current.lane);
    const there = groups.filter((group) => Math.sign(lanes.indexOf(group.lane) - from) === by);
    const nearest = there.sort(
      (a, b) =>
        Math.abs(lanes.indexOf(a.lane) - from) - Math.abs(lanes.indexOf(b.lane) - from) ||
        Math.abs(a.x - current.x) - Math.abs(b.x - current.x),
    )[0];
    open(nearest?.marks[0]);
  }
  const nowX = LABELS + plot;
  const until = one.expires_at ? Date.parse(one.expires_at) : null;
  const axis = ticks(within.from, within.to, Math.max(2, Math.floor(plot / 90)));
  return (
    <div ref={ref} className={css.plot} style={{ height }}>
      {lanes.map((lane) => {
        const app = apps.app(lane);
        return (
          <div key={lane} className={css.lane} style={{ top: y(lane), height: LANE }} aria-hidden="true">
            <AppMark app={app} />
            <bdi>{app.name}</bdi>
            {place?.defaultApp === lane && <small>default</small>}
          </div>
        );
      })}
      <div aria-hidden="true">
        {axis.map((at) => (
          <span key={at} className={css.tick} style={{ left: x(at), height }}>
            <time className="number">{axisTime(at)}</time>
          </span>
        ))}
        <div className={css.future} style={{ left: nowX, top: AXIS, width: future, height: height - AXIS }} />
        {bars.map((bar) => {
          const from = Math.max(LABELS, x(bar.from));
          const to = x(bar.to ?? now);
          if (!bar.app) {
            return (
              <div
                key={bar.from}
                className={css.idle}
                style={{ left: from, width: Math.max(2, to - from), top: AXIS, height: height - AXIS }}
              >
                {to - from > 60 && <span>Nobody</span>}
              </div>
            );
          }
          if (!lanes.includes(bar.app)) return null;
          return (
            <div
              key={bar.from}
              className={css.bar}
              data-app={apps.app(bar.app).colour}
              data-cut={bar.from < within.from || undefined}
              style={{ left: from, width: Math.max(3, to - from), top: y(bar.app) + 7 }}
            />
          );
        })}
        {renewals.map((message) => {
          const owner = ownerAt(Date.parse(message.at));
          if (!owner || !lanes.includes(owner)) return null;
          return (
            <span
              key={message.message_id ?? message.at}
              className={css.renewal}
              data-app={apps.app(owner).colour}
              style={{ left: x(Date.parse(message.at)), top: y(owner) + 20 }}
            />
          );
        })}
        {marks.map((mark) => {
          const { from_app_id: from, to_app_id: to, changes } = mark.entry;
          if (!changes || !from || !to || !lanes.includes(from) || !lanes.includes(to)) return null;
          const [top, bottom] = [y(from), y(to)].sort((a, b) => a - b) as [number, number];
          return (
            <span
              key={mark.entry.key}
              className={css.link}
              data-app={apps.app(to).colour}
              style={{ left: x(mark.at), top: top + 13, height: bottom - top }}
            />
          );
        })}
        <Future
          one={one}
          until={until}
          now={now}
          left={nowX}
          width={future}
          top={one.owner_app_id ? y(one.owner_app_id) : AXIS}
          height={height}
        />
        {seen !== null && seen >= within.from && (
          <span className={css.cursor} style={{ left: x(seen), top: AXIS, height: height - AXIS }} />
        )}
        <span className={css.now} style={{ left: nowX, height }}>
          <b>now</b>
        </span>
      </div>
      <div
        ref={box}
        role="listbox"
        tabIndex={0}
        aria-orientation="horizontal"
        aria-label="Changes of control"
        aria-activedescendant={groups[selected] ? `mark-${selected}` : undefined}
        className={css.marks}
        onKeyDown={key}
      >
        {groups.map((group, index) => {
          const [first] = group.marks;
          if (!first) return null;
          const many = group.marks.length > 1;
          const words = many
            ? `${group.marks.length} changes: ${group.marks.map((mark) => said(mark.entry, now, name)).join("; ")}`
            : said(first.entry, now, name);
          return (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the listbox has the keys
            <div
              key={first.entry.key}
              id={`mark-${index}`}
              role="option"
              tabIndex={-1}
              aria-selected={index === selected}
              aria-label={words}
              title={words}
              className={css.mark}
              data-app={apps.app(group.lane).colour}
              data-form={many ? "filled" : FORM[first.kind]}
              style={{ left: group.x, top: y(group.lane) + LANE / 2 }}
              onClick={() => (many && index === selected ? zoom(-1) : choose(first.entry))}
              onMouseEnter={() => setHovered(group.marks.at(-1)?.entry ?? null)}
              onMouseLeave={() => setHovered(null)}
            >
              {many ? (
                <b className="number">{group.marks.length}</b>
              ) : (
                <MarkIcon kind={first.kind} size={12} />
              )}
            </div>
          );
        })}
      </div>
      {(more > 0 || all) && (
        <p className={css.more}>
          <LinkButton onClick={() => setAll(!all)}>{all ? "Fewer apps" : `+${more} apps`}</LinkButton>
        </p>
      )}
    </div>
  );
}

/** What comes: control until it lapses, on a scale of its own, so that a day ahead does not squeeze the last hour. */
function Future({
  one,
  until,
  now,
  left,
  width,
  top,
  height,
}: {
  one: OneConversation;
  until: number | null;
  now: number;
  left: number;
  width: number;
  top: number;
  height: number;
}) {
  const { apps } = useAround();
  const owner = one.owner_app_id ? apps.app(one.owner_app_id) : null;
  if (!owner) {
    return (
      <div className={css.idle} style={{ left, width, top: AXIS, height: height - AXIS }}>
        <span>Nobody</span>
      </div>
    );
  }
  const end = until === null ? width - 4 : width * 0.8;
  return (
    <>
      <div
        className={css.ghost}
        data-app={owner.colour}
        data-open={until === null || undefined}
        style={{ left, width: end, top: top + 4 }}
      >
        <span>{until === null ? "no end" : until <= now ? "expired" : `in ${duration(until - now)}`}</span>
        {until === null && <IconArrowRight size={13} />}
      </div>
      {until !== null && (
        <>
          <span className={css.scale} style={{ left: left + 26 }}>
            {"//"}
          </span>
          <span className={css.end} data-app={owner.colour} style={{ left: left + end, top: top + LANE / 2 }}>
            <IconHourglass size={11} stroke={2.2} />
          </span>
          <span className={css.tick} data-end style={{ left: left + end, height }}>
            <time className="number">{moment(until, now)}</time>
          </span>
        </>
      )}
    </>
  );
}
