/** What stands around every screen: the rail, the bar, and the strips for a time that is not real and a lost connection. */
import { Menu, useMantineColorScheme } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import {
  IconActivity,
  IconChartBar,
  IconChevronDown,
  IconDeviceMobile,
  IconDots,
  IconInbox,
  IconKeyboard,
  IconLogout,
  IconPlugConnectedX,
  IconPuzzle,
  IconRoute,
  IconSearch,
  IconSend,
  IconServer2,
  IconSettings,
} from "@tabler/icons-react";
import { Link, Outlet, useLocation, useNavigate, useSearch } from "@tanstack/react-router";
import { createContext, type ReactNode, Suspense, useContext, useEffect, useMemo, useState } from "react";
import { createPortal } from "react-dom";
import { useClock, useNow } from "../api/clock";
import { conversationChanged } from "../api/conversations";
import { useSickApps } from "../api/deliveries";
import { onRow, start, useConnection } from "../api/live";
import { useNodes } from "../api/nodes";
import {
  client,
  type Directory,
  happened,
  recentActivity,
  useCounts,
  useWholeDirectory,
} from "../api/queries";
import { signOut, useMe } from "../api/session";
import type { Me } from "../api/types";
import { initials } from "../model/people";
import { duration } from "../model/time";
import { Button, Empty, Key, Loading, Problem } from "../parts/basic";
import { useKeys } from "../parts/keys";
import { Logo } from "../parts/logo";
import { ClockStrip } from "./clock-strip";
import { LostStrip } from "./lost-strip";
import { Help, Search } from "./search";
import css from "./shell.module.css";

interface Around {
  /** Who is signed in. */
  me: Me;
  apps: Directory;
  /** The page that is looked at. */
  page: string;
  /** Whether the server is reached: nothing can be changed while it is not. */
  online: boolean;
  /** Whether whoever looks may answer people, and can now. */
  mayAnswer: boolean;
  tools: HTMLElement | null;
}

const Surrounding = createContext<Around | null>(null);

/** Apps, pages and what else every screen needs. */
export function useAround(): Around {
  const around = useContext(Surrounding);
  if (!around) throw new Error("outside of the shell");
  return around;
}

const usePhone = () => useMediaQuery("(max-width: 767px)", false, { getInitialValueInEffect: false });

/** A screen's own tools: in the bar, on a phone where they stand. */
export function Tools({ children }: { children: ReactNode }) {
  const { tools } = useAround();
  const phone = usePhone();
  if (phone) return <div className={css.here}>{children}</div>;
  return tools && createPortal(children, tools);
}

/** The screens, and who has each: the server sees to it, and what one cannot do is not offered. */
const SCREENS = [
  { to: "/overview", name: "Overview", icon: IconChartBar, for: ["operator", "viewer"] },
  { to: "/inbox", name: "Inbox", icon: IconInbox, for: ["operator", "viewer", "agent"] },
  { to: "/live", name: "Live", icon: IconActivity, for: ["operator", "viewer"] },
  { to: "/simulator", name: "Simulator", icon: IconDeviceMobile, for: ["operator"] },
  { to: "/pages", name: "Pages", icon: IconRoute, for: ["operator", "viewer"] },
  { to: "/apps", name: "Apps", icon: IconPuzzle, for: ["operator", "viewer"] },
  { to: "/deliveries", name: "Deliveries", icon: IconSend, for: ["operator", "viewer"] },
  { to: "/nodes", name: "Nodes", icon: IconServer2, for: ["operator", "viewer"] },
  { to: "/settings", name: "Settings", icon: IconSettings, for: ["operator"] },
] as const;

/** Those that whoever looks has. Where the database is this server's own there is nothing to see of nodes. */
export function useScreens() {
  const { me } = useAround();
  const { data: nodes } = useNodes();
  return SCREENS.filter(
    ({ to, for: roles }) => roles.some((one) => one === me.role) && (to !== "/nodes" || nodes),
  );
}

/** Listens as long as the console is open, from what is known on. */
function useListening(apps: Directory | undefined): void {
  const places = apps?.places;
  useEffect(() => {
    if (!places) return;
    return onRow((row) => happened(row, places));
  }, [places]);
  useEffect(() => {
    let end: (() => void) | null = null;
    let gone = false;
    recentActivity()
      .catch(() => [])
      .then((known) => {
        if (!gone) end = start(known);
      });
    return () => {
      gone = true;
      end?.();
    };
  }, []);
}

export function Shell() {
  const { apps, failed, refetch } = useWholeDirectory();
  const { data: me } = useMe();
  const connection = useConnection();
  const { page: asked } = useSearch({ from: "__root__" });
  const [tools, setTools] = useState<HTMLElement | null>(null);
  const [open, setOpen] = useState<"search" | "help" | null>(null);
  const clock = useClock();
  const path = useLocation({ select: (location) => location.pathname });
  useListening(apps);
  useKeys({ "Mod+k": () => setOpen(open ? null : "search"), "?": () => setOpen("help") });
  useEffect(() => {
    // What was missed while nobody listened is asked for once it goes on.
    if (connection.state !== "live") return;
    conversationChanged(null);
    void client.invalidateQueries();
  }, [connection.state]);
  const known = asked && apps?.places.some((place) => place.page.id === asked);
  const page = known ? asked : (apps?.places[0]?.page.id ?? "");
  const online = connection.state !== "lost";
  // The shell is drawn each second, for its clock: what stands in it is not.
  const around = useMemo(() => {
    if (!apps || !me) return null;
    return { me, apps, page, online, mayAnswer: online && me.role !== "viewer", tools };
  }, [me, apps, page, online, tools]);
  if (!around || !me) {
    return (
      <main className={css.alone}>
        <h1 className="hidden">Baton</h1>
        {failed ? (
          <Problem error={failed} again={() => void refetch()} />
        ) : (
          <Loading what="The console is loading" />
        )}
      </main>
    );
  }
  const screen = SCREENS.find(({ to }) => path.startsWith(to));
  const mine = !screen || screen.for.some((role) => role === me.role);
  return (
    <Surrounding.Provider value={around}>
      <a className={css.skip} href="#screen">
        Skip to the screen
      </a>
      <div className={css.shell} data-alone={me.role === "agent" || undefined}>
        <div className={css.strips}>
          {connection.state === "lost" && <LostStrip connection={connection} />}
          {clock.virtual && (
            <ClockStrip frozen={clock.frozen} offset={clock.offset} always={path.startsWith("/simulator")} />
          )}
        </div>
        {me.role !== "agent" && <Rail page={page} />}
        <Bar page={page} setTools={setTools} search={() => setOpen("search")} help={() => setOpen("help")} />
        <main id="screen" className={css.screen} tabIndex={-1}>
          {!mine ? (
            <Empty title={`${screen?.name} is not for you`}>
              <p>
                You are signed in as {me.role === "viewer" ? "a" : "an"} {me.role}. An operator can change
                that.
              </p>
            </Empty>
          ) : page === "" && !screen?.to.match(/apps|settings|deliveries|pages|nodes/) ? (
            <Empty title="No page runs here yet">
              <p>
                Describe apps and pages in a file, then <code>baton apply -f routing.toml</code>
              </p>
            </Empty>
          ) : (
            <Suspense fallback={<Loading what={`${screen?.name ?? "The screen"} is loading`} />}>
              <Outlet />
            </Suspense>
          )}
        </main>
      </div>
      <Search open={open === "search"} close={() => setOpen(null)} />
      <Help open={open === "help"} close={() => setOpen(null)} />
    </Surrounding.Provider>
  );
}

/** So many screens have a place on a phone; the others are behind one button. */
const ON_PHONE = 4;

function Rail({ page }: { page: string }) {
  const phone = usePhone();
  const path = useLocation({ select: (location) => location.pathname });
  const { data: counts } = useCounts(page);
  const waiting = counts?.waiting ?? 0;
  const sick = useSickApps().length;
  const undelivered = useNodes().data?.undelivered.length ?? 0;
  const navigate = useNavigate();
  const all = useScreens();
  const shown = phone ? all.slice(0, ON_PHONE) : all;
  const others = phone ? all.slice(ON_PHONE) : [];
  const other = others.find(({ to }) => path.startsWith(to));
  return (
    <nav className={css.rail} aria-label="Screens">
      <span className={css.logo}>
        <Logo />
      </span>
      {shown.map(({ to, name, icon: Icon }) => (
        <Link
          key={to}
          to={to}
          search={page ? { page } : {}}
          className={css.item}
          activeOptions={{ includeSearch: false }}
        >
          <Icon size={20} stroke={1.7} aria-hidden="true" />
          {name}
          {name === "Inbox" && (
            <Badge count={waiting} words={waiting === 1 ? "waits for control" : "wait for control"} />
          )}
          {name === "Apps" && (
            <Badge count={sick} words={sick === 1 ? "is not told" : "are not told"} danger />
          )}
          {name === "Nodes" && <Undelivered count={undelivered} />}
        </Link>
      ))}
      {others.length > 0 && (
        <Menu shadow="md" position="top-end">
          <Menu.Target>
            <button type="button" className={css.item} aria-current={other ? "page" : undefined}>
              {other ? (
                <other.icon size={20} stroke={1.7} aria-hidden="true" />
              ) : (
                <IconDots size={20} stroke={1.7} aria-hidden="true" />
              )}
              {other?.name ?? "More"}
              {(!other || other.name === "Apps") && (
                <Badge count={sick} words={sick === 1 ? "app is not told" : "apps are not told"} danger />
              )}
              {((!other && sick === 0) || other?.name === "Nodes") && <Undelivered count={undelivered} />}
            </button>
          </Menu.Target>
          <Menu.Dropdown>
            {others.map(({ to, name, icon: Icon }) => (
              <Menu.Item
                key={to}
                className={css.more}
                leftSection={<Icon size={18} stroke={1.7} />}
                onClick={() => void navigate({ to, search: page ? { page } : {} })}
              >
                {name}
              </Menu.Item>
            ))}
          </Menu.Dropdown>
        </Menu>
      )}
    </nav>
  );
}

/** How many need somebody. */
function Badge({ count, words, danger }: { count: number; words: string; danger?: boolean }) {
  if (count === 0) return null;
  return (
    <span className={css.badge} data-danger={danger || undefined}>
      {count}
      <span className="hidden"> {words}</span>
    </span>
  );
}

const Undelivered = ({ count }: { count: number }) => (
  <Badge count={count} words={count === 1 ? "stream is not delivered" : "streams are not delivered"} danger />
);

/** Who is signed in, how the console looks, its keys, and the way out. */
function You({ help }: { help: () => void }) {
  const { me } = useAround();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Menu position="bottom-end" shadow="md" withinPortal>
      <Menu.Target>
        <button type="button" className={css.you}>
          <span aria-hidden="true">{initials(me.name)}</span>
          <span className="hidden">
            You: {me.name}, {me.role}
          </span>
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          <bdi>{me.name}</bdi>, {me.role}
        </Menu.Label>
        {(["auto", "light", "dark"] as const).map((scheme) => (
          <Menu.Item
            key={scheme}
            onClick={() => setColorScheme(scheme)}
            fw={scheme === colorScheme ? 650 : 400}
          >
            {scheme === "auto" ? "As the system" : scheme === "dark" ? "Dark" : "Light"}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item leftSection={<IconKeyboard size={16} />} onClick={help}>
          Keys
        </Menu.Item>
        <Menu.Item
          leftSection={<IconLogout size={16} />}
          onClick={() => void signOut().finally(() => location.reload())}
        >
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function Bar({
  page,
  setTools,
  search,
  help,
}: {
  page: string;
  setTools: (at: HTMLElement | null) => void;
  search: () => void;
  help: () => void;
}) {
  const { apps } = useAround();
  const connection = useConnection();
  const navigate = useNavigate();
  const pages = [...new Map(apps.places.map((place) => [place.page.id, place.page])).values()];
  const current = pages.find((one) => one.id === page);
  const path = useLocation({ select: (location) => location.pathname });
  const title = SCREENS.find(({ to }) => path.startsWith(to))?.name ?? "Baton";
  return (
    <header className={css.bar}>
      <h1>{title}</h1>
      {current && (
        <Menu shadow="md" position="bottom-start">
          <Menu.Target>
            <Button>
              <span className={css.page} aria-hidden="true">
                {current.name.slice(0, 1).toUpperCase()}
              </span>
              <span className="hidden">Page: </span>
              <bdi>{current.name}</bdi>
              <IconChevronDown size={14} aria-hidden="true" />
            </Button>
          </Menu.Target>
          <Menu.Dropdown>
            {pages.map((one) => (
              <Menu.Item key={one.id} onClick={() => void navigate({ to: ".", search: { page: one.id } })}>
                <bdi>{one.name}</bdi> <small className="number">{one.id}</small>
              </Menu.Item>
            ))}
          </Menu.Dropdown>
        </Menu>
      )}
      <span className={css.gap} />
      <span className={css.tools} ref={setTools} />
      <Status state={connection.state} since={connection.since} />
      <button type="button" className={css.search} onClick={search}>
        <IconSearch size={15} aria-hidden="true" />
        <span>Search or jump to</span>
        <Key>{navigator.platform.startsWith("Mac") ? "⌘" : "Ctrl "}K</Key>
      </button>
      <You help={help} />
    </header>
  );
}

function Status({ state, since }: { state: string; since: number | null }) {
  useNow(1);
  if (state === "live") return <span className={css.live}>Live</span>;
  if (state === "connecting") return <span className={css.quiet}>Connecting…</span>;
  return (
    <span className={css.lost}>
      <IconPlugConnectedX size={15} aria-hidden="true" />
      Offline for {duration(Date.now() - (since ?? Date.now()))}
    </span>
  );
}
