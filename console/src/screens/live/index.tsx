/** Live: what happens, as it happens; from a row to why in one step. */
import { Menu } from "@mantine/core";
import { IconCheck, IconPlayerPause, IconPlayerPlay, IconPuzzle } from "@tabler/icons-react";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { type Row, useConnection, useRows } from "../../api/live";
import { useNames } from "../../api/names";
import {
  fits,
  KINDS,
  type Kind,
  kindOf,
  ofPage,
  perMinute,
  readKinds,
  readWords,
  writeKinds,
} from "../../model/live";
import { clockTime } from "../../model/time";
import { AppChip } from "../../parts/app";
import { Button, Key } from "../../parts/basic";
import { Find } from "../../parts/find";
import { useKeys } from "../../parts/keys";
import type { LiveSearch } from "../../router";
import { useAround } from "../shell";
import { Drawer } from "./drawer";
import { Empty } from "./empty";
import { factsOf } from "./facts";
import { Grid } from "./grid";
import css from "./live.module.css";

const WORDS: Record<Kind, string> = {
  message: "Message",
  control: "Control",
  refused: "Refused",
  webhook: "Webhook",
  settings: "Settings",
  clock: "Clock",
};

export function Live({ opened }: { opened: string | null }) {
  const { apps, page } = useAround();
  const search = useSearch({ strict: false }) as LiveSearch;
  const navigate = useNavigate();
  const rows = useRows();
  const connection = useConnection();
  const names = useNames(page);
  const [frozen, setFrozen] = useState<Row[] | null>(null);
  const shown = frozen ?? rows;
  const kinds = useMemo(() => readKinds(search.kind), [search.kind]);
  const wanted = useMemo(() => {
    const words = readWords(search.q ?? "");
    return shown.filter((row) => {
      const kind = kindOf(row);
      if (kind === "gap") return true;
      if (!kinds.has(kind) || !ofPage(row, page)) return false;
      const facts = factsOf(row, apps, names);
      return (!search.app || facts.ids.includes(search.app)) && fits(words, facts);
    });
  }, [shown, kinds, search.q, search.app, page, apps, names]);
  const behind = frozen ? rows.findIndex((row) => row.id === frozen[0]?.id) : 0;
  const at = wanted.findIndex((row) => row.id === opened);
  const pause = (now: boolean) => setFrozen(now ? rows : null);
  const open = (row: Row | undefined) => {
    if (row && row.event !== "gap") {
      void navigate({
        to: "/live/$event",
        params: { event: row.id },
        search: (before: LiveSearch) => before,
        replace: opened !== null,
      });
    }
  };
  const close = () => void navigate({ to: "/live", search: (before: LiveSearch) => before, replace: true });
  const step = (by: number) => open(wanted[Math.max(0, Math.min(wanted.length - 1, at + by))]);
  useKeys({
    ".": () => pause(frozen === null),
    j: () => step(1),
    k: () => step(-1),
    Escape: close,
  });
  const chosen = rows.find((row) => row.id === opened) ?? shown.find((row) => row.id === opened);
  return (
    <div className={css.live} data-drawer={opened ? true : undefined}>
      <div className={css.main}>
        <Filters
          kinds={kinds}
          paused={frozen !== null}
          behind={Math.max(0, behind)}
          pause={pause}
          rate={perMinute(rows)}
        />
        {connection.state === "lost" && (
          <p className={css.gap} role="note">
            No events since {clockTime(connection.since ?? Date.now(), true)}. Baton keeps them; they are
            filled in here when the connection is back.
          </p>
        )}
        {wanted.length === 0 ? (
          <Empty filtered={rows.length > 0} />
        ) : (
          <Grid
            rows={wanted}
            opened={opened}
            open={open}
            step={step}
            names={names}
            scrolled={() => frozen === null && pause(true)}
          />
        )}
      </div>
      {opened && <Drawer row={chosen} rows={rows} names={names} close={close} />}
    </div>
  );
}

function Filters({
  kinds,
  paused,
  behind,
  pause,
  rate,
}: {
  kinds: Set<Kind>;
  paused: boolean;
  behind: number;
  pause: (now: boolean) => void;
  rate: number;
}) {
  const { apps } = useAround();
  const search = useSearch({ strict: false }) as LiveSearch;
  const navigate = useNavigate();
  const change = (next: LiveSearch) =>
    void navigate({ to: ".", search: (before: LiveSearch) => ({ ...before, ...next }), replace: true });
  const toggle = (kind: Kind) => {
    const next = new Set(kinds);
    if (!next.delete(kind)) next.add(kind);
    change({ kind: writeKinds(next) });
  };
  const app = search.app ? apps.app(search.app) : null;
  return (
    <div className={css.filters}>
      <Find
        asked={search.q}
        ask={(q) => change({ q })}
        label="Search. Understands app: person: rule: status:"
        placeholder="person, rule, app:, status:"
        className={css.find}
      />
      <div className={css.kinds} role="group" aria-label="Kinds">
        {KINDS.map((kind) => (
          <button key={kind} type="button" aria-pressed={kinds.has(kind)} onClick={() => toggle(kind)}>
            {kinds.has(kind) && <IconCheck size={14} aria-hidden="true" />}
            {WORDS[kind]}
          </button>
        ))}
      </div>
      <Menu shadow="md" position="bottom-start">
        <Menu.Target>
          <Button>
            {app ? (
              <AppChip app={app} />
            ) : (
              <>
                <IconPuzzle size={15} aria-hidden="true" /> Any app
              </>
            )}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => change({ app: "" })}>Any app</Menu.Item>
          {apps.apps.map((one) => (
            <Menu.Item key={one.id} onClick={() => change({ app: one.id })}>
              <AppChip app={one} />
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
      <span className={css.space} />
      <span className={css.rate}>{rate === 1 ? "1 event" : `${rate} events`} a minute</span>
      <Button onClick={() => pause(!paused)} aria-pressed={paused}>
        {paused ? (
          <IconPlayerPlay size={15} aria-hidden="true" />
        ) : (
          <IconPlayerPause size={15} aria-hidden="true" />
        )}
        {paused ? (behind > 0 ? `Go on, ${behind} new` : "Go on") : "Pause"} <Key>.</Key>
      </Button>
    </div>
  );
}
