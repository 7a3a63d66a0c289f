/** What was said, oldest on top, with the changes of control between. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, useEffect, useLayoutEffect, useMemo, useRef } from "react";
import type { Growing } from "../../api/growing";
import { messageKey } from "../../api/messages";
import type { Message, OneConversation } from "../../api/types";
import { said } from "../../model/messages";
import { sentence } from "../../model/sentences";
import { type Entry, markKind } from "../../model/timeline";
import { AppMark, Moment, Sentence } from "../../parts/app";
import { Problem } from "../../parts/basic";
import { RuleTag } from "../../parts/explain";
import { SentFile } from "../../parts/sent-file";
import { useAround } from "../shell";
import css from "./inbox.module.css";
import { MarkIcon } from "./marks";

type Item =
  | { key: string; at: number; message: Message; last: boolean; entry?: undefined }
  | { key: string; at: number; entry: Entry; message?: undefined };

/** Messages and changes in one order; of one moment the change comes first, since it decided who heard the message. */
function merged(messages: Message[], entries: Entry[], complete: boolean): Item[] {
  const oldest = messages.at(-1);
  const from = complete || !oldest ? Number.NEGATIVE_INFINITY : Date.parse(oldest.at);
  const all: Item[] = [
    ...entries
      .filter((entry) => Date.parse(entry.at) >= from)
      .map((entry) => ({ key: entry.key, at: Date.parse(entry.at), entry })),
    ...[...messages].reverse().map((message) => ({
      key: messageKey(message),
      at: Date.parse(message.at),
      message,
      last: false,
    })),
  ];
  all.sort((a, b) => a.at - b.at);
  return all.map((item, index) => {
    if (!item.message) return item;
    const next = all[index + 1];
    const same =
      next?.message && next.message.from === item.message.from && next.message.app_id === item.message.app_id;
    return { ...item, last: !same };
  });
}

/** How high a row is until it is measured, and how near the top the earlier ones are asked for. */
const LINE = 64;
const AHEAD = 10;
/** Who reads no further from the end than this reads the end. */
const END = 40;

export function Messages({
  one,
  query,
  entries,
  chosen,
  onSeen,
}: {
  one: OneConversation;
  query: Growing<Message>;
  entries: Entry[];
  chosen: Entry | null;
  onSeen: (at: number | null) => void;
}) {
  const { rows, hasMore, isFetchingMore, more } = query;
  const items = useMemo(() => merged(rows, entries, !hasMore), [rows, entries, hasMore]);
  const box = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: items.length,
    getScrollElement: () => box.current,
    estimateSize: () => LINE,
    getItemKey: (index) => items[index]?.key ?? index,
    overscan: 8,
    paddingStart: 14,
    paddingEnd: 18,
    // Who reads the end stays there; who reads further up stays where they are, whatever comes above or below.
    anchorTo: "end",
    followOnAppend: true,
    scrollEndThreshold: END,
    onChange: (instance) => {
      const first = instance.isAtEnd(END)
        ? undefined
        : instance.getVirtualItemForOffset(instance.scrollOffset ?? 0);
      onSeen(first ? (items[first.index]?.at ?? null) : null);
    },
  });
  const any = items.length > 0;
  useLayoutEffect(() => {
    if (any) virtual.scrollToEnd();
  }, [any, virtual]);
  const shown = virtual.getVirtualItems();
  const top = shown[0]?.index ?? AHEAD;
  // A change that somebody chose may stand further up than anything that is known yet.
  const place = chosen ? items.findIndex((item) => item.key === chosen.key) : -1;
  const missing = chosen !== null && place < 0;
  useEffect(() => {
    if ((top < AHEAD || missing) && any && hasMore && !isFetchingMore) more();
  }, [top, missing, any, hasMore, isFetchingMore, more]);
  const found = place >= 0;
  // It goes there once, and not again when rows come.
  useEffect(() => {
    if (found) virtual.scrollToIndex(place, { align: "center" });
  }, [chosen?.key, found]);
  return (
    <>
      {query.error && <Problem error={query.error} again={query.refetch} />}
      <div
        ref={box}
        className={css.messages}
        role="log"
        aria-live="off"
        aria-label="Conversation"
        aria-busy={query.isPending}
        tabIndex={0}
      >
        {isFetchingMore && (
          <p className={css.earlier}>
            <span>Earlier messages are coming…</span>
          </p>
        )}
        <div className={css.all} style={{ height: virtual.getTotalSize() }}>
          {shown.map(({ index, key, start }) => {
            const item = items[index];
            if (!item) return null;
            return (
              <div
                key={key}
                ref={virtual.measureElement}
                data-index={index}
                className={css.item}
                style={{ transform: `translateY(${start}px)` }}
              >
                {item.message ? (
                  <Bubble one={one} message={item.message} last={item.last} at={item.at} />
                ) : (
                  <Change entry={item.entry} chosen={chosen?.key === item.key} />
                )}
              </div>
            );
          })}
        </div>
      </div>
    </>
  );
}

const Change = memo(function Change({ entry, chosen }: { entry: Entry; chosen: boolean }) {
  const { apps } = useAround();
  const lane = entry.refused ? entry.by_app_id : (entry.to_app_id ?? entry.from_app_id);
  return (
    <p
      className={css.change}
      data-key={entry.key}
      data-at={Date.parse(entry.at)}
      data-chosen={chosen || undefined}
    >
      <span>
        <span
          className={css.changeIcon}
          data-app={lane ? apps.app(lane).colour : "none"}
          data-refused={entry.refused ? true : undefined}
        >
          <MarkIcon kind={markKind(entry)} size={14} />
        </span>
        <Sentence pieces={sentence(entry, entry.owner)} apps={apps} />
        {entry.metadata && <bdi> · “{entry.metadata}”</bdi>}{" "}
        <small>
          <Moment at={Date.parse(entry.at)} />
        </small>{" "}
        <RuleTag rule={entry.rule} via={entry.via} />
      </span>
    </p>
  );
});

const Bubble = memo(function Bubble({
  one,
  message,
  last,
  at,
}: {
  one: OneConversation;
  message: Message;
  last: boolean;
  at: number;
}) {
  const { apps } = useAround();
  const what = said(message);
  const app = message.app_id ? apps.app(message.app_id) : null;
  const mine = message.from !== "person";
  return (
    <div
      className={css.said}
      data-side={mine ? "us" : "them"}
      data-app={app?.colour}
      data-at={at}
      data-on={one.on}
    >
      {what.note ? (
        <p className={css.noted}>
          <bdi>{what.note}</bdi>
        </p>
      ) : (
        <div className={css.bubble} dir="auto">
          {what.text && <p>{what.text}</p>}
          {what.cards.map((card, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: the cards of a message never change
            <div key={index} className={css.card}>
              {(card.title || card.kind !== "card") && (
                <p>
                  <bdi>{card.title ?? card.kind}</bdi>
                </p>
              )}
              {card.subtitle && (
                <p className={css.subtitle}>
                  <bdi>{card.subtitle}</bdi>
                </p>
              )}
              {card.url && <SentFile url={card.url} kind={card.kind} className={css.photo} />}
              {card.buttons.map((button, place) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: nor its buttons
                <p key={place} className={css.cardButton}>
                  <bdi>{button.title ?? button.url ?? button.type}</bdi>
                </p>
              ))}
            </div>
          ))}
        </div>
      )}
      {what.quickReplies.length > 0 && (
        <p className={css.quick}>
          {what.quickReplies.map((reply, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: nor its quick replies
            <span key={index}>
              <bdi>{reply.title ?? reply.content_type}</bdi>
            </span>
          ))}
        </p>
      )}
      {(last || what.entry) && (
        <p className={css.by}>
          {app && (
            <>
              <AppMark app={app} />{" "}
              <strong>
                <bdi>{app.name}</bdi>
              </strong>{" "}
              ·{" "}
            </>
          )}
          <Moment at={at} />
          {what.entry && (
            <>
              {" "}
              · <bdi>{what.entry}</bdi>
            </>
          )}
        </p>
      )}
    </div>
  );
});
