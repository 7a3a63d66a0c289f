/** The timeline where there is no room for lanes: the owners' colours in one line; a tap opens the table. */
import { Drawer } from "@mantine/core";
import { useState } from "react";
import type { OneConversation } from "../../api/types";
import { moment } from "../../model/time";
import { type Range, span, type Timeline } from "../../model/timeline";
import { useAround } from "../shell";
import { useChange, useInboxSearch } from "./index";
import css from "./timeline.module.css";
import { TimelineTable } from "./timeline-table";

export function Strip({
  one,
  timeline,
  now,
  range,
}: {
  one: OneConversation;
  timeline: Timeline;
  now: number;
  range: Range;
}) {
  const { apps } = useAround();
  const { view, at } = useInboxSearch();
  const change = useChange();
  const [open, setOpen] = useState(view === "table");
  const { from, to } = span(timeline, range, now);
  const bars = timeline.bars.filter((bar) => (bar.to ?? now) > from);
  const until = one.expires_at ? Date.parse(one.expires_at) : null;
  const owner = one.owner_app_id ? apps.app(one.owner_app_id) : null;
  const chosen = timeline.entries.find((entry) => entry.key === at) ?? null;
  return (
    <>
      <button type="button" className={css.strip} onClick={() => setOpen(true)}>
        <span className={css.stripBars} aria-hidden="true">
          {bars.map((bar) => (
            <span
              key={bar.from}
              data-app={bar.app ? apps.app(bar.app).colour : "none"}
              data-nobody={bar.app ? undefined : true}
              style={{
                flexGrow: Math.max(1, (Math.min(bar.to ?? to, to) - Math.max(bar.from, from)) / 1000),
              }}
            />
          ))}
          <i />
          <span
            data-app={owner?.colour ?? "none"}
            data-ghost={owner ? true : undefined}
            data-nobody={owner ? undefined : true}
          />
        </span>
        <span className={css.stripWords}>
          <time className="number">{moment(from, now)}</time>
          <span>
            Who was in control<span className="hidden">: open the table</span>
          </span>
          <span>
            <b>now</b>
            {owner && <> → {until ? moment(until, now) : "no end"}</>}
          </span>
        </span>
      </button>
      <Drawer
        opened={open}
        onClose={() => setOpen(false)}
        position="bottom"
        size="70%"
        title="Who was in control"
        lockScroll={false}
        transitionProps={{ duration: 120 }}
      >
        <TimelineTable
          one={one}
          entries={timeline.entries}
          chosen={chosen}
          choose={(entry) => {
            setOpen(false);
            change({ at: entry.key });
          }}
        />
      </Drawer>
    </>
  );
}
