/** What was said, oldest on top, with the changes of control between. */
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { useMessages } from "../../api/queries";
import type { Message, OneConversation } from "../../api/types";
import { said } from "../../model/messages";
import { sentence } from "../../model/sentences";
import { type Entry, markKind } from "../../model/timeline";
import { AppMark, Moment, Sentence } from "../../parts/app";
import { Button, LinkButton, Problem } from "../../parts/basic";
import { RuleTag } from "../../parts/explain";
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
    ...[...messages].reverse().map((message, index) => ({
      key: message.message_id ?? `${message.at}/${index}`,
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

/** Longer stretches than this are folded between their first and last few. */
const FOLD = 40;
const KEPT = 24;

export function Messages({
  one,
  query,
  messages,
  entries,
  chosen,
  onSeen,
}: {
  one: OneConversation;
  query: ReturnType<typeof useMessages>;
  messages: Message[];
  entries: Entry[];
  chosen: Entry | null;
  onSeen: (at: number | null) => void;
}) {
  const [unfolded, setUnfolded] = useState(false);
  const items = useMemo(
    () => merged(messages, entries, !query.hasNextPage),
    [messages, entries, query.hasNextPage],
  );
  const folds = !unfolded && items.length > FOLD && !chosen;
  const shown = folds ? items.slice(-KEPT) : items;
  const box = useRef<HTMLDivElement>(null);
  const inner = useRef<HTMLDivElement>(null);
  const bottom = useRef(true);
  const height = useRef(0);
  const newest = items.at(-1)?.key;
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    if (bottom.current) element.scrollTop = element.scrollHeight;
    else if (element.scrollTop < 40 && height.current > 0)
      element.scrollTop += element.scrollHeight - height.current;
    height.current = element.scrollHeight;
  }, [newest, shown.length]);
  // Also when the composer grows or a font arrives: who reads the end stays there.
  useEffect(() => {
    const element = box.current;
    const content = inner.current;
    if (!element || !content) return;
    const observer = new ResizeObserver(() => {
      if (bottom.current) element.scrollTop = element.scrollHeight;
    });
    observer.observe(element);
    observer.observe(content);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    if (!chosen) return;
    const found = box.current?.querySelector(`[data-key="${CSS.escape(chosen.key)}"]`);
    if (found) {
      bottom.current = false;
      found.scrollIntoView({ block: "center" });
    } else if (query.hasNextPage && !query.isFetchingNextPage) void query.fetchNextPage();
  }, [chosen, query.hasNextPage, query.isFetchingNextPage, query.fetchNextPage]);
  function scrolled() {
    const element = box.current;
    if (!element) return;
    bottom.current = element.scrollHeight - element.scrollTop - element.clientHeight < 40;
    const top = element.getBoundingClientRect().top;
    const first = [...element.querySelectorAll<HTMLElement>("[data-at]")].find(
      (row) => row.getBoundingClientRect().bottom > top + 8,
    );
    onSeen(bottom.current || !first ? null : Number(first.dataset.at));
  }
  const hidden = items.slice(0, items.length - shown.length);
  const foldedMessages = hidden.filter((item) => item.message).length;
  return (
    <div
      ref={box}
      className={css.messages}
      role="log"
      aria-live="off"
      aria-label="Conversation"
      tabIndex={0}
      onScroll={scrolled}
    >
      <div ref={inner}>
        {query.error && <Problem error={query.error} again={() => void query.refetch()} />}
        {query.hasNextPage && !folds && (
          <p className={css.earlier}>
            <Button disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
              Show earlier
            </Button>
          </p>
        )}
        {folds && (
          <p className={css.change}>
            <span>
              {foldedMessages} messages and {hidden.length - foldedMessages} changes of control ·{" "}
              <LinkButton onClick={() => setUnfolded(true)}>show</LinkButton>
            </span>
          </p>
        )}
        {shown.map((item) =>
          item.message ? (
            <Bubble key={item.key} one={one} message={item.message} last={item.last} at={item.at} />
          ) : (
            <Change key={item.key} entry={item.entry} chosen={chosen?.key === item.key} />
          ),
        )}
      </div>
    </div>
  );
}

function Change({ entry, chosen }: { entry: Entry; chosen: boolean }) {
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
}

function Bubble({
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
              {card.url && <code className={css.url}>{card.url}</code>}
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
          {what.entry && ` · ${what.entry}`}
        </p>
      )}
    </div>
  );
}
