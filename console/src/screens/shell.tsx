/** What stands around every screen: the rail, the bar, and the strips for a time that is not real and a lost connection. */
import { Menu, useMantineColorScheme } from "@mantine/core";
import {
  IconActivity,
  IconBrightness,
  IconChevronDown,
  IconDeviceMobile,
  IconInbox,
  IconKeyboard,
  IconLogout,
  IconPlugConnectedX,
  IconSearch,
} from "@tabler/icons-react";
import { Link, Outlet, useLocation, useNavigate, useSearch } from "@tanstack/react-router";
import { createContext, type ReactNode, useContext, useEffect, useState } from "react";
import { createPortal } from "react-dom";
import { signOut } from "../api/client";
import { useClock, useNow } from "../api/clock";
import { onRow, start, useConnection } from "../api/live";
import { client, type Directory, happened, recentActivity, useCounts, useDirectory } from "../api/queries";
import { duration } from "../model/time";
import { Button, Empty, Key } from "../parts/basic";
import { useKeys } from "../parts/keys";
import { Logo } from "../parts/logo";
import { ClockStrip } from "./clock-strip";
import { LostStrip } from "./lost-strip";
import { Help, Search } from "./search";
import css from "./shell.module.css";

interface Around {
  apps: Directory;
  /** The page that is looked at. */
  page: string;
  /** Whether the server is reached: nothing can be changed while it is not. */
  online: boolean;
  tools: HTMLElement | null;
}

const Surrounding = createContext<Around | null>(null);

/** Apps, pages and what else every screen needs. */
export function useAround(): Around {
  const around = useContext(Surrounding);
  if (!around) throw new Error("outside of the shell");
  return around;
}

/** A screen's own tools, in the bar. */
export function Tools({ children }: { children: ReactNode }) {
  const { tools } = useAround();
  return tools && createPortal(children, tools);
}

const SCREENS = [
  { to: "/inbox", name: "Inbox", icon: IconInbox },
  { to: "/live", name: "Live", icon: IconActivity },
  { to: "/simulator", name: "Simulator", icon: IconDeviceMobile },
] as const;

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
      .then((list) => list.data)
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
  const apps = useDirectory();
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
    if (connection.state === "live") void client.invalidateQueries();
  }, [connection.state]);
  if (!apps) return null;
  const known = asked && apps.places.some((place) => place.page.id === asked);
  const page = known ? asked : (apps.places[0]?.page.id ?? "");
  const online = connection.state !== "lost";
  const around = { apps, page, online, tools };
  return (
    <Surrounding.Provider value={around}>
      <a className={css.skip} href="#screen">
        Skip to the screen
      </a>
      <div className={css.shell}>
        <div className={css.strips}>
          {connection.state === "lost" && <LostStrip connection={connection} />}
          {clock.virtual && (
            <ClockStrip frozen={clock.frozen} offset={clock.offset} always={path.startsWith("/simulator")} />
          )}
        </div>
        <Rail page={page} help={() => setOpen("help")} />
        <Bar page={page} setTools={setTools} search={() => setOpen("search")} />
        <main id="screen" className={css.screen} tabIndex={-1}>
          {page === "" ? (
            <Empty title="No page runs here yet">
              <p>
                Describe apps and pages in a file, then <code>baton apply -f routing.toml</code>
              </p>
            </Empty>
          ) : (
            <Outlet />
          )}
        </main>
      </div>
      <Search open={open === "search"} close={() => setOpen(null)} />
      <Help open={open === "help"} close={() => setOpen(null)} />
    </Surrounding.Provider>
  );
}

function Rail({ page, help }: { page: string; help: () => void }) {
  const { data: counts } = useCounts(page);
  const waiting = counts?.waiting ?? 0;
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <nav className={css.rail} aria-label="Screens">
      <span className={css.logo}>
        <Logo />
      </span>
      {SCREENS.map(({ to, name, icon: Icon }) => (
        <Link
          key={to}
          to={to}
          search={page ? { page } : {}}
          className={css.item}
          activeOptions={{ includeSearch: false }}
        >
          <Icon size={20} stroke={1.7} aria-hidden="true" />
          {name}
          {name === "Inbox" && waiting > 0 && (
            <span className={css.badge}>
              {waiting}
              <span className="hidden"> wait for control</span>
            </span>
          )}
        </Link>
      ))}
      <span className={css.gap} />
      <Menu position="right-end" shadow="md" withinPortal>
        <Menu.Target>
          <button type="button" className={css.item}>
            <IconBrightness size={20} stroke={1.7} aria-hidden="true" />
            {colorScheme === "auto" ? "System" : colorScheme === "dark" ? "Dark" : "Light"}
          </button>
        </Menu.Target>
        <Menu.Dropdown>
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
            onClick={() => {
              signOut();
              location.reload();
            }}
          >
            Sign out
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </nav>
  );
}

function Bar({
  page,
  setTools,
  search,
}: {
  page: string;
  setTools: (at: HTMLElement | null) => void;
  search: () => void;
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
