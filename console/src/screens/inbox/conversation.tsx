/** One conversation: who it is with and who is in control, the timeline, what was said, and the answer. */
import { Menu } from "@mantine/core";
import {
  IconArrowLeft,
  IconCheck,
  IconChevronDown,
  IconCopy,
  IconDeviceMobile,
  IconDots,
  IconHandStop,
  IconInfoCircle,
  IconMailOpened,
} from "@tabler/icons-react";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useMemo, useRef, useState } from "react";
import { batonNow } from "../../api/clock";
import { conversationKey } from "../../api/conversations";
import { useMessages } from "../../api/messages";
import { useConversation, useDryRun, useHistory, useInbox } from "../../api/queries";
import { markRead } from "../../api/read-marks";
import type { InboxAct, Me, OneConversation } from "../../api/types";
import { isInbox } from "../../model/apps";
import { personName } from "../../model/people";
import { plain, sentence } from "../../model/sentences";
import { moment } from "../../model/time";
import { type Entry, fold } from "../../model/timeline";
import { type Control, OwnerPill } from "../../parts/app";
import { Avatar, Button, Loading, Problem, SURFACES } from "../../parts/basic";
import { useAround } from "../shell";
import { Acts } from "./acts";
import { Composer } from "./composer";
import css from "./inbox.module.css";
import { useChange, useInboxSearch } from "./index";
import { Messages } from "./messages";
import { TimelineView } from "./timeline";

/** Before anything that was said. */
const NEVER = new Date(0).toISOString();

export function controlOf(one: OneConversation, apps: ReturnType<typeof useAround>["apps"]): Control {
  const owner = one.owner_app_id ? apps.app(one.owner_app_id) : null;
  const until = one.expires_at ? Date.parse(one.expires_at) : null;
  return {
    owner,
    until,
    byDefault: owner !== null && until === null && apps.place(one.page)?.defaultApp === owner.id,
  };
}

export function ConversationView({
  page,
  person,
  phone,
  more,
}: {
  page: string;
  person: string;
  phone: boolean;
  more: (() => void) | null;
}) {
  const { apps, me } = useAround();
  const { data: one, error, refetch } = useConversation(page, person);
  useReading(me, one);
  const history = useHistory(page, person);
  const messages = useMessages(page, person);
  const search = useInboxSearch();
  const change = useChange();
  const said = messages.rows;
  const oldest = messages.hasMore ? undefined : said.at(-1);
  const began = oldest ? Date.parse(oldest.at) : null;
  const owner = one?.owner_app_id ?? null;
  const timeline = useMemo(() => fold(history.data ?? [], began, owner), [history.data, began, owner]);
  const last = history.data ? (timeline.entries.findLast((entry) => entry.changes) ?? null) : undefined;
  const [seen, setSeen] = useState<number | null>(null);
  const chosen = timeline.entries.find((entry) => entry.key === search.at) ?? null;
  const choose = (entry: Entry | null) => change({ at: entry?.key ?? "" });
  if (error && !one) {
    return (
      <section className={css.conversation} aria-label="Conversation">
        <Problem error={error} again={() => void refetch()} />
      </section>
    );
  }
  if (!one) {
    return (
      <section className={css.conversation} aria-label="Conversation">
        <Loading what="The conversation is loading" />
      </section>
    );
  }
  return (
    <section className={css.conversation} aria-label={`Conversation with ${personName(one.person)}`}>
      <Head one={one} phone={phone} more={more} />
      <Acts one={one} />
      {history.error ? (
        <Problem error={history.error} again={() => void history.refetch()} />
      ) : (
        <TimelineView
          one={one}
          timeline={timeline}
          messages={said}
          chosen={chosen}
          choose={choose}
          seen={seen}
          phone={phone}
        />
      )}
      <Messages one={one} query={messages} entries={timeline.entries} chosen={chosen} onSeen={setSeen} />
      <Composer one={one} phone={phone} />
      <Announcements one={one} last={last} apps={apps} />
    </section>
  );
}

/** What is looked at is read. */
function useReading(me: Me, one: OneConversation | undefined) {
  const key = one && conversationKey(one);
  const last = one?.last_line?.at;
  useEffect(() => {
    if (!key || !last) return;
    const look = () => document.visibilityState === "visible" && markRead(me, key, last);
    look();
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, [me, key, last]);
}

function Head({ one, phone, more }: { one: OneConversation; phone: boolean; more: (() => void) | null }) {
  const { apps, mayAnswer, me } = useAround();
  const navigate = useNavigate();
  const name = personName(one.person);
  // On a phone the bar with the screen's own title makes room.
  const Title = phone ? "h1" : "h2";
  const done: InboxAct = { action: "done" };
  const { data: outcome } = useDryRun(one.page, one.person.id, done, one.folder !== "done");
  const inbox = useInbox(one.page, one.person.id);
  const can = outcome && "decided" in outcome && mayAnswer && !inbox.isPending;
  const releases =
    outcome && "decided" in outcome && outcome.decided.thread.owner_app_id !== one.owner_app_id;
  const effect = releases ? "releases control" : "moves it to the folder only";
  const yours = one.owner_app_id !== null && isInbox(one.owner_app_id);
  const pill = <OwnerPill control={controlOf(one, apps)} you={yours} />;
  return (
    <header className={css.head}>
      <div className={css.headRow}>
        {phone && (
          <Button
            look="quiet"
            aria-label="Back to the conversations"
            onClick={() => void navigate({ to: "/inbox", search: (before) => before })}
          >
            <IconArrowLeft size={19} aria-hidden="true" />
          </Button>
        )}
        <Avatar name={name} on={one.on} size={38} />
        <div className={css.who}>
          <Title>
            <bdi>{name}</bdi>
          </Title>
          <p>
            {one.person.username && (
              <span className={css.handle}>
                <bdi>@{one.person.username}</bdi> ·{" "}
              </span>
            )}
            {SURFACES[one.on]}
          </p>
        </div>
        {!phone && pill}
        {one.folder !== "done" && (
          <Button
            disabled={!can}
            title={`Done: ${effect}`}
            onClick={() => inbox.mutate({ ...done, if_owner: one.owner_app_id })}
          >
            <IconCheck size={16} aria-hidden="true" /> Done
            <span className="hidden">, {effect}</span>
          </Button>
        )}
        {one.folder === "done" && (
          <span className={css.doneWord}>
            <IconCheck size={15} aria-hidden="true" /> In Done
          </span>
        )}
        <Menu shadow="md" position="bottom-end">
          <Menu.Target>
            <Button look="quiet" aria-label="More">
              <IconDots size={18} aria-hidden="true" />
            </Button>
          </Menu.Target>
          <Menu.Dropdown>
            {more && (
              <Menu.Item leftSection={<IconInfoCircle size={16} />} onClick={more}>
                About this conversation
              </Menu.Item>
            )}
            <Menu.Item
              leftSection={<IconMailOpened size={16} />}
              onClick={() => {
                markRead(me, conversationKey(one), NEVER);
                void navigate({ to: "/inbox", search: (before) => before });
              }}
            >
              Mark as unread
            </Menu.Item>
            <Menu.Item
              leftSection={<IconCopy size={16} />}
              onClick={() => void navigator.clipboard.writeText(location.href)}
            >
              Copy link
            </Menu.Item>
            <Menu.Item
              leftSection={<IconDeviceMobile size={16} />}
              onClick={() =>
                void navigate({
                  to: "/simulator",
                  search: { page: one.page_id, phones: `${one.page}:${one.person.id}` },
                })
              }
            >
              Open in Simulator
            </Menu.Item>
          </Menu.Dropdown>
        </Menu>
      </div>
      {phone && (
        <button
          type="button"
          className={css.phoneOwner}
          data-app={one.owner_app_id ? apps.app(one.owner_app_id).colour : "none"}
          onClick={more ?? undefined}
        >
          {pill}
          <span className="hidden">: about this conversation</span>
          <IconChevronDown size={18} aria-hidden="true" />
        </button>
      )}
      {phone && <PhoneRequest one={one} />}
      {inbox.error && <Problem error={inbox.error} />}
    </header>
  );
}

function PhoneRequest({ one }: { one: OneConversation }) {
  const { apps, mayAnswer } = useAround();
  const inbox = useInbox(one.page, one.person.id);
  const first = one.requests[0];
  if (!first) return null;
  return (
    <div className={css.phoneRequest}>
      <IconHandStop size={17} aria-hidden="true" />
      <p>
        <strong>
          <bdi>{apps.app(first.app_id).name}</bdi>
        </strong>{" "}
        asks
        {first.metadata ? (
          <>
            : <bdi>“{first.metadata}”</bdi>
          </>
        ) : (
          " for control"
        )}
      </p>
      <Button
        disabled={!mayAnswer || inbox.isPending}
        onClick={() => inbox.mutate({ action: "grant", app_id: first.app_id, if_owner: one.owner_app_id })}
      >
        Grant
      </Button>
    </div>
  );
}

/**
 * Says changes of control aloud, and nothing else: messages would drown them. Who is in control and what happened come
 * in two answers, in either order: it waits for both.
 */
function Announcements({
  one,
  last,
  apps,
}: {
  one: OneConversation;
  /** The change that came last; null where there was none, undefined while that is not known. */
  last: Entry | null | undefined;
  apps: ReturnType<typeof useAround>["apps"];
}) {
  const [words, setWords] = useState("");
  const told = useRef<string | null | undefined>(undefined);
  const owner = one.owner_app_id;
  useEffect(() => {
    if (last === undefined) return;
    const key = last?.key ?? null;
    if (told.current === undefined) told.current = key;
    if (!last || told.current === key || last.to_app_id !== owner) return;
    told.current = key;
    const until = one.expires_at ? `until ${moment(Date.parse(one.expires_at), batonNow())}` : "without end";
    const now = owner ? `${apps.app(owner).name} now has control, ${until}` : "Nobody is in control now";
    setWords(`${plain(sentence(last), (id) => apps.app(id).name)}. ${now}`);
  }, [owner, last, one.expires_at, apps]);
  return (
    <p className="hidden" role="status" data-part="announcements">
      {words}
    </p>
  );
}
