/** The Inbox: which conversation needs a human, who holds it, and what the human does. */
import { Drawer } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { useConversations } from "../../api/conversations";
import { beginReading } from "../../api/read-marks";
import { useKeys } from "../../parts/keys";
import type { InboxSearch } from "../../router";
import { useAround } from "../shell";
import { ConversationView } from "./conversation";
import css from "./inbox.module.css";
import { ConversationList } from "./list";
import { Panel } from "./panel";
import { Nobody, Welcome } from "./welcome";

export interface Chosen {
  page: string;
  person: string;
}

export function useInboxSearch(): InboxSearch {
  return useSearch({ strict: false });
}

const FOLDERS = ["general", "main", "done"] as const;
const ORDERS = ["newest", "expiry"] as const;

/** Changes what the address says of the list or the conversation, and keeps the rest of it. */
export function useChange() {
  const navigate = useNavigate();
  return (change: InboxSearch, replace = true) =>
    void navigate({ to: ".", search: (before: InboxSearch) => ({ ...before, ...change }), replace });
}

export function Inbox({ chosen }: { chosen: Chosen | null }) {
  const { me, page } = useAround();
  const search = useInboxSearch();
  const wanted = {
    page,
    folder: FOLDERS.find((one) => one === search.folder),
    owner: search.owner,
    q: search.q,
    order: ORDERS.find((one) => one === search.order),
  };
  const conversations = useConversations(wanted);
  const { rows } = conversations;
  const newest = rows[0]?.last_message_at;
  useEffect(() => {
    if (newest) beginReading(me, newest);
  }, [me, newest]);
  const filtered = Boolean(search.folder || search.owner || search.q);
  const phone = useMediaQuery("(max-width: 767px)", false, { getInitialValueInEffect: false });
  const wide = useMediaQuery("(min-width: 1200px)", true, { getInitialValueInEffect: false });
  const [drawer, setDrawer] = useState(false);
  const [aside, setAside] = useState(true);
  const back = useRef<HTMLDivElement>(null);
  useKeys({ "]": () => (wide ? setAside(!aside) : setDrawer(!drawer)) });
  const list = <ConversationList query={conversations} chosen={chosen} filtered={filtered} focus={back} />;
  const panel = chosen && <Panel key={`${chosen.page}/${chosen.person}`} {...chosen} />;
  const empty = conversations.isSuccess && rows.length === 0 && !filtered;
  return (
    <div
      className={css.inbox}
      data-open={chosen ? true : undefined}
      data-aside={(wide && aside && chosen) || undefined}
    >
      {(!phone || !chosen) && list}
      {chosen && (
        <ConversationView
          key={`${chosen.page}/${chosen.person}`}
          {...chosen}
          phone={phone}
          more={wide ? null : () => setDrawer(true)}
        />
      )}
      {!chosen && !phone && (empty ? <Welcome /> : <Nobody />)}
      {!chosen && phone && empty && <Welcome />}
      {wide && aside && chosen && (
        <aside className={css.panel} aria-label="About this conversation">
          {panel}
        </aside>
      )}
      {!wide && chosen && (
        <Drawer
          opened={drawer}
          onClose={() => setDrawer(false)}
          position="right"
          size={340}
          lockScroll={false}
          title="About this conversation"
          transitionProps={{ duration: 120 }}
          returnFocus
        >
          {panel}
        </Drawer>
      )}
    </div>
  );
}
