/** The rows, of which only those in sight are drawn. */
import {
  IconAdjustmentsHorizontal,
  IconArrowsLeftRight,
  IconArrowUpRight,
  IconClock,
  IconMessage,
  IconX,
} from "@tabler/icons-react";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef } from "react";
import type { Row } from "../../api/live";
import type { Names } from "../../api/names";
import { type Kind, kindOf } from "../../model/live";
import { exactTime } from "../../model/time";
import { AppChip, Moment } from "../../parts/app";
import { SurfaceIcon } from "../../parts/basic";
import { useAround } from "../shell";
import { aboutOf, appOf, nameOf, Result, What } from "./facts";
import css from "./live.module.css";

const ROW = 37;
const ICONS = {
  message: IconMessage,
  control: IconArrowsLeftRight,
  refused: IconX,
  webhook: IconArrowUpRight,
  settings: IconAdjustmentsHorizontal,
  clock: IconClock,
};
const WORDS: Record<Kind, string> = {
  message: "Message",
  control: "Control",
  refused: "Refused",
  webhook: "Webhook",
  settings: "Settings",
  clock: "Clock",
};

export function Grid({
  rows,
  opened,
  open,
  step,
  names,
  scrolled,
}: {
  rows: Row[];
  opened: string | null;
  open: (row: Row | undefined) => void;
  step: (by: number) => void;
  names: Names;
  scrolled: () => void;
}) {
  const box = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW,
    overscan: 12,
    getItemKey: (index) => rows[index]?.id ?? index,
  });
  const at = rows.findIndex((row) => row.id === opened);
  useEffect(() => {
    if (at >= 0) virtual.scrollToIndex(at);
  }, [opened]);
  return (
    <div
      role="grid"
      tabIndex={0}
      aria-label="What happens, newest first"
      aria-rowcount={rows.length + 1}
      aria-activedescendant={at >= 0 ? `event-${opened}` : undefined}
      className={css.grid}
      onKeyDown={(event) => {
        if (event.target !== event.currentTarget) return;
        const by = { ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15 }[event.key];
        if (by) {
          event.preventDefault();
          step(by);
        } else if (event.key === "Enter") open(rows[Math.max(0, at)]);
      }}
    >
      <div role="row" aria-rowindex={1} className={css.titles}>
        {["Time", "Kind", "What", "Person", "App", "Result"].map((title) => (
          <span key={title} role="columnheader">
            {title}
          </span>
        ))}
      </div>
      <div
        ref={box}
        role="rowgroup"
        tabIndex={-1}
        className={css.rows}
        onScroll={(event) => event.currentTarget.scrollTop > 3 * ROW && scrolled()}
      >
        <div role="presentation" style={{ position: "relative", height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => {
            const row = rows[item.index];
            return (
              row && (
                <Line
                  key={row.id}
                  row={row}
                  index={item.index}
                  top={item.start}
                  chosen={row.id === opened}
                  open={() => open(row)}
                  names={names}
                />
              )
            );
          })}
        </div>
      </div>
    </div>
  );
}

function Line({
  row,
  index,
  top,
  chosen,
  open,
  names,
}: {
  row: Row;
  index: number;
  top: number;
  chosen: boolean;
  open: () => void;
  names: Names;
}) {
  const { apps } = useAround();
  const kind = kindOf(row);
  const style = { transform: `translateY(${top}px)`, height: ROW };
  if (row.event === "gap" || kind === "gap") {
    const many = row.event === "gap" && row.missed !== null ? `${row.missed} events` : "Events";
    return (
      <div role="row" aria-rowindex={index + 2} className={css.gapRow} style={style}>
        <span role="gridcell" aria-colspan={6}>
          {many} before this could not be recovered: {row.event === "gap" && row.detail}
        </span>
      </div>
    );
  }
  const about = aboutOf(row);
  const app = appOf(row);
  const Icon = ICONS[kind];
  const idle = row.event === "decision" && row.to_app_id === null;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the grid has the keys
    <div
      id={`event-${row.id}`}
      role="row"
      tabIndex={-1}
      aria-rowindex={index + 2}
      aria-selected={chosen}
      className={css.row}
      data-kind={kind}
      style={style}
      onClick={open}
    >
      <span role="gridcell" className={css.time}>
        <Moment at={Date.parse(row.at)}>{exactTime(Date.parse(row.at))}</Moment>
      </span>
      <span role="gridcell" className={css.kind}>
        <Icon size={15} aria-hidden="true" /> {WORDS[kind]}
      </span>
      <span role="gridcell" className={css.what}>
        <What row={row} apps={apps} />
      </span>
      <span role="gridcell" className={css.person}>
        {about && (
          <>
            <SurfaceIcon on={about.on} /> <bdi>{nameOf(about, names)}</bdi>
          </>
        )}
      </span>
      <span role="gridcell">{app || idle ? <AppChip app={app ? apps.app(app) : null} /> : null}</span>
      <span role="gridcell" className={css.result}>
        <Result row={row} />
      </span>
    </div>
  );
}
