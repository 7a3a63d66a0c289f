/** The conversations: newest first, one row each, and what they are filtered by. */
import { Menu } from "@mantine/core";
import { IconFilter, IconHandStop, IconHourglass, IconInbox } from "@tabler/icons-react";
import { useNavigate } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, type RefObject, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useNow } from "../../api/clock";
import { conversationKey as keyOf } from "../../api/conversations";
import type { Growing } from "../../api/growing";
import { useCounts } from "../../api/queries";
import { useReadMarks } from "../../api/read-marks";
import type { Conversation } from "../../api/types";
import { INBOX } from "../../model/apps";
import { lineWords } from "../../model/messages";
import { personName } from "../../model/people";
import { brief, HOUR } from "../../model/time";
import { isUnread } from "../../model/unread";
import { AppChip, Countdown } from "../../parts/app";
import { Avatar, Button, Empty, LinkButton, Problem } from "../../parts/basic";
import { Find } from "../../parts/find";
import { useKeys } from "../../parts/keys";
import type { InboxSearch } from "../../router";
import { useAround } from "../shell";
import css from "./inbox.module.css";
import { type Chosen, useChange, useInboxSearch } from "./index";

const ROW = 80;
/** So many rows before the last one, the next ones are asked for. */
const AHEAD = 40;
const FOLDERS = [
  { name: "", words: "All", count: "all" },
  { name: "main", words: "Main", count: "main" },
  { name: "done", words: "Done", count: "done" },
] as const;

/** Rows do not move under the pointer: while it is over the list, their order stays and new ones wait. */
function useCalm(rows: Conversation[], still: boolean, reset: string) {
  const [held, setHeld] = useState<{ keys: string[]; reset: string } | null>(null);
  useEffect(() => {
    if (!still) setHeld(null);
    else if (held?.reset !== reset) setHeld({ keys: rows.map(keyOf), reset });
  }, [rows, still, reset, held]);
  return useMemo(() => {
    if (!still || held?.reset !== reset) return { shown: rows, fresh: 0 };
    const known = new Map(rows.map((row) => [keyOf(row), row]));
    const kept = held.keys
      .map((key) => known.get(key))
      .filter((row): row is Conversation => row !== undefined);
    const order = new Set(held.keys);
    // Those that follow the last one are the next part, and no news.
    const last = rows.findLastIndex((row) => order.has(keyOf(row)));
    const fresh = rows.slice(0, Math.max(0, last)).filter((row) => !order.has(keyOf(row))).length;
    const next = rows.slice(last + 1).filter((row) => !order.has(keyOf(row)));
    return { shown: [...kept, ...next], fresh };
  }, [rows, still, held, reset]);
}

export function ConversationList({
  query,
  chosen,
  filtered,
  focus,
}: {
  query: Growing<Conversation>;
  chosen: Chosen | null;
  filtered: boolean;
  focus: RefObject<HTMLDivElement | null>;
}) {
  const search = useInboxSearch();
  const change = useChange();
  const navigate = useNavigate();
  const [over, setOver] = useState(false);
  const [shownAll, setShownAll] = useState(0);
  const filter = JSON.stringify([search.folder, search.owner, search.q, search.order, shownAll]);
  const { shown, fresh } = useCalm(query.rows, over, filter);
  const { me } = useAround();
  const marks = useReadMarks(me);
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: shown.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    overscan: 6,
    getItemKey: (index) => (shown[index] ? keyOf(shown[index]) : index),
  });
  const wanted = chosen && `${chosen.page}/${chosen.person}`;
  const at = useMemo(() => (wanted ? shown.findIndex((row) => keyOf(row) === wanted) : -1), [shown, wanted]);
  const go = (row: Conversation) =>
    void navigate({
      to: "/inbox/$page/$person",
      params: { page: row.page, person: row.person.id },
      // The instant and the range belong to the conversation that was open.
      search: ({ at: _at, range: _range, ...rest }: InboxSearch) => rest,
      replace: chosen !== null,
    });
  const latest = useRef(go);
  latest.current = go;
  // One function for all rows, so that those that did not change are not drawn again.
  const choose = useCallback((row: Conversation) => latest.current(row), []);
  const open = (index: number) => {
    const row = shown[index];
    if (!row) return;
    virtual.scrollToIndex(index);
    go(row);
  };
  const step = (by: number) => open(Math.max(0, Math.min(shown.length - 1, at + by)));
  useKeys({ j: () => step(1), k: () => step(-1) });
  // Who comes by an address sees the row of what it opens.
  const here = at >= 0;
  useEffect(() => {
    if (wanted && here) virtual.scrollToIndex(at);
    // Not when rows move: only when another conversation is opened.
  }, [wanted, here]);
  const items = virtual.getVirtualItems();
  const end = items.at(-1)?.index ?? 0;
  const { hasMore, isFetchingMore, more } = query;
  useEffect(() => {
    if (end >= shown.length - AHEAD && hasMore && !isFetchingMore) more();
  }, [end, shown.length, hasMore, isFetchingMore, more]);
  return (
    <section
      className={css.list}
      aria-label="Conversations"
      onPointerEnter={(event) => event.pointerType === "mouse" && setOver(true)}
      onPointerLeave={() => setOver(false)}
    >
      <Filters />
      {fresh > 0 && (
        <button type="button" className={css.fresh} onClick={() => setShownAll(shownAll + 1)}>
          {fresh} new
        </button>
      )}
      {query.error && <Problem error={query.error} again={query.refetch} />}
      <div
        ref={(element) => {
          scroller.current = element;
          focus.current = element;
        }}
        className={css.rows}
        role="listbox"
        tabIndex={0}
        aria-label="Conversations, newest first"
        // Only a row that is drawn can be pointed at.
        aria-activedescendant={
          items.some((item) => item.index === at) ? `row-${chosen?.page}-${chosen?.person}` : undefined
        }
        onKeyDown={(event) => {
          const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
          if (by) {
            event.preventDefault();
            step(by);
          } else if (event.key === "Home") open(0);
          else if (event.key === "End") open(shown.length - 1);
          else if (event.key === "Enter" && at < 0) open(0);
        }}
      >
        {query.isPending && <Skeleton />}
        <div style={{ position: "relative", height: virtual.getTotalSize() }}>
          {items.map((item) => {
            const row = shown[item.index];
            if (!row) return null;
            return (
              <Row
                key={keyOf(row)}
                row={row}
                chosen={item.index === at}
                top={item.start}
                place={item.index + 1}
                count={query.hasMore ? -1 : shown.length}
                unread={marks !== null && isUnread(marks, keyOf(row), row)}
                choose={choose}
              />
            );
          })}
        </div>
      </div>
      {query.isSuccess && shown.length === 0 && (
        <div className={css.none}>
          {filtered ? (
            <Empty title="No conversation fits">
              <LinkButton onClick={() => change({ folder: "", owner: "", q: "" })}>Clear filter</LinkButton>
            </Empty>
          ) : (
            <Empty icon={<IconInbox size={24} stroke={1.6} />} title="Conversations appear here" />
          )}
        </div>
      )}
    </section>
  );
}

function Filters() {
  const { apps, page } = useAround();
  const search = useInboxSearch();
  const change = useChange();
  const { data: counts } = useCounts(page);
  const owner = search.owner ?? "";
  const named: Record<string, string> = {
    "": "Owner",
    nobody: "Nobody",
    waiting: "Someone waits",
    inbox: "Inbox",
  };
  const words = named[owner] ?? apps.app(owner).name;
  return (
    <div className={css.filters}>
      <div className={css.folders} role="group" aria-label="Folder">
        {FOLDERS.map(({ name, words, count }) => (
          <button
            key={name}
            type="button"
            aria-pressed={(search.folder ?? "") === name}
            onClick={() => change({ folder: name })}
          >
            {words}{" "}
            <span className="number">{counts ? `${counts[count]}${counts.at_least ? "+" : ""}` : ""}</span>
          </button>
        ))}
      </div>
      <div className={css.finding}>
        <Find
          asked={search.q}
          ask={(q) => change({ q })}
          label="Name or id"
          placeholder="Name or id"
          className={css.find}
        />
        <Menu shadow="md" position="bottom-end">
          <Menu.Target>
            <Button
              aria-label={`Owner: ${words}`}
              data-on={owner !== "" || search.order === "expiry" || undefined}
            >
              <IconFilter size={15} aria-hidden="true" />
              <span className={css.ownerWord}>{words}</span>
            </Button>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Label>Who is in control</Menu.Label>
            <Menu.Item onClick={() => change({ owner: "" })}>Anyone</Menu.Item>
            {apps.places.some((place) => place.page.id === page && place.on === "instagram") ||
            apps.places.some((place) => place.page.id === page && !place.defaultApp) ? (
              <Menu.Item onClick={() => change({ owner: "nobody" })}>
                <AppChip app={null} />
              </Menu.Item>
            ) : null}
            {[apps.app(INBOX.messenger), ...apps.apps].map((app) => (
              <Menu.Item key={app.id} onClick={() => change({ owner: app.inbox ? "inbox" : app.id })}>
                <AppChip app={app} />
              </Menu.Item>
            ))}
            <Menu.Item leftSection={<IconHandStop size={15} />} onClick={() => change({ owner: "waiting" })}>
              Someone waits
            </Menu.Item>
            <Menu.Label>Order</Menu.Label>
            <Menu.Item onClick={() => change({ order: "" })}>Newest first</Menu.Item>
            <Menu.Item leftSection={<IconHourglass size={15} />} onClick={() => change({ order: "expiry" })}>
              Expires soonest
            </Menu.Item>
          </Menu.Dropdown>
        </Menu>
      </div>
    </div>
  );
}

function Skeleton() {
  return (
    <div className={css.skeleton} aria-hidden="true">
      {["a", "b", "c", "d", "e", "f"].map((key) => (
        <div key={key} style={{ height: ROW }} />
      ))}
    </div>
  );
}

const Row = memo(function Row({
  row,
  chosen,
  top,
  place,
  count,
  unread,
  choose,
}: {
  row: Conversation;
  chosen: boolean;
  top: number;
  place: number;
  count: number;
  unread: boolean;
  choose: (row: Conversation) => void;
}) {
  const { apps } = useAround();
  const now = useNow(30);
  const name = personName(row.person);
  const owner = row.owner_app_id ? apps.app(row.owner_app_id) : null;
  const byDefault =
    owner !== null && row.expires_at === null && apps.place(row.page)?.defaultApp === owner.id;
  const until = row.expires_at ? Date.parse(row.expires_at) : null;
  const line = row.last_line;
  const speaker =
    line?.from === "inbox"
      ? "You: "
      : line?.from === "app" && line.app_id
        ? `${apps.app(line.app_id).name}: `
        : "";
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the listbox has the keys
    <div
      id={`row-${row.page}-${row.person.id}`}
      className={css.row}
      role="option"
      tabIndex={-1}
      aria-selected={chosen}
      aria-posinset={place}
      aria-setsize={count}
      style={{ transform: `translateY(${top}px)`, height: ROW }}
      data-unread={unread || undefined}
      onClick={() => choose(row)}
    >
      <Avatar name={name} on={row.on} />
      <div className={css.rowText}>
        <p>
          <strong>
            <bdi>{name}</bdi>
          </strong>
          {unread && (
            <span className={css.unread}>
              <span className="hidden">unread</span>
            </span>
          )}
          <time className="number" dateTime={row.last_message_at}>
            {brief(Date.parse(row.last_message_at), now)}
          </time>
        </p>
        <p className={css.line}>
          <bdi>
            {speaker}
            {line ? lineWords(line) : "Came in"}
          </bdi>
        </p>
        <p className={css.ownerLine}>
          <AppChip app={owner} coloured note={byDefault ? "default" : undefined} />
          {until !== null && (
            <span className={css.left} data-soon={until - now < HOUR || undefined}>
              <IconHourglass size={12} aria-hidden="true" />
              <span className="hidden">time left: </span>
              <Countdown until={until} />
            </span>
          )}
          {row.requests.length > 0 && (
            <span className={css.hands}>
              <IconHandStop size={14} aria-hidden="true" />
              {row.requests.length}
              <span className="hidden"> wait for control</span>
            </span>
          )}
        </p>
      </div>
    </div>
  );
});
