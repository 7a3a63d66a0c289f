/** Addresses: whatever is chosen, filtered or opened is in one, so that it can be sent to a colleague. */
import {
  createRootRoute,
  createRoute,
  createRouter,
  type ErrorComponentProps,
  Link,
  redirect,
} from "@tanstack/react-router";
import { lazy } from "react";
import { CONSOLE } from "./api/client";
import { RANGE_NAMES, type Range } from "./model/timeline";
import { Button, Empty } from "./parts/basic";
import { Inbox } from "./screens/inbox";
import { Live } from "./screens/live";
import { Shell } from "./screens/shell";
import { Simulator } from "./screens/simulator";

// What is not looked at first comes when it is looked at, or when there is nothing else to do: who loses the connection
// can still look at every screen.
const settingsScreen = () => import("./screens/settings");
const overviewScreen = () => import("./screens/overview");
const pagesScreen = () => import("./screens/pages");
const appsScreen = () => import("./screens/apps");
const appScreen = () => import("./screens/apps/one");
const deliveriesScreen = () => import("./screens/deliveries");
const nodesScreen = () => import("./screens/nodes");

const Settings = lazy(() => settingsScreen().then((all) => ({ default: all.Settings })));
const Overview = lazy(() => overviewScreen().then((all) => ({ default: all.Overview })));
const Pages = lazy(() => pagesScreen().then((all) => ({ default: all.Pages })));
const FirstPage = lazy(() => pagesScreen().then((all) => ({ default: all.FirstPage })));
const Apps = lazy(() => appsScreen().then((all) => ({ default: all.Apps })));
const OneApp = lazy(() => appScreen().then((all) => ({ default: all.OneApp })));
const Deliveries = lazy(() => deliveriesScreen().then((all) => ({ default: all.Deliveries })));
const Nodes = lazy(() => nodesScreen().then((all) => ({ default: all.Nodes })));

/** Brings the other screens, one after the other. What does not come now comes when it is looked at. */
export async function bringScreens(): Promise<void> {
  const all = [
    overviewScreen,
    pagesScreen,
    appsScreen,
    appScreen,
    deliveriesScreen,
    nodesScreen,
    settingsScreen,
  ];
  for (const bring of all) await bring().catch(() => {});
}

type Given = Record<string, unknown>;

/** What is absent is left out: an address says only what differs from the usual. */
function texts<K extends string>(given: Given, names: readonly K[]): Partial<Record<K, string>> {
  const found: Partial<Record<K, string>> = {};
  for (const name of names) {
    const value = given[name];
    if (typeof value === "string" && value !== "") found[name] = value;
    else if (typeof value === "number") found[name] = String(value);
  }
  return found;
}

export interface Chosen {
  page?: string;
}

export interface InboxSearch extends Chosen {
  folder?: string;
  owner?: string;
  q?: string;
  order?: string;
  at?: string;
  view?: string;
  range?: Range;
}

export interface LiveSearch extends Chosen {
  kind?: string;
  app?: string;
  q?: string;
}

export interface OverviewSearch extends Chosen {
  /** How far back. */
  last?: string;
}

export interface DeliveriesSearch extends Chosen {
  app?: string;
  state?: string;
}

export interface SimulatorSearch extends Chosen {
  phones?: string;
}

const rootRoute = createRootRoute({
  component: Shell,
  validateSearch: (given: Given): Chosen => texts(given, ["page"]),
  notFoundComponent: () => (
    <Empty title="There is nothing at this address">
      <p>
        <Link to="/inbox">Go to the Inbox</Link>
      </p>
    </Empty>
  ),
});

const home = createRoute({
  getParentRoute: () => rootRoute,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/inbox", replace: true });
  },
});

function inboxSearch(given: Given): InboxSearch {
  const { range, ...rest } = texts(given, ["folder", "owner", "q", "order", "at", "view", "range"]);
  const known = RANGE_NAMES.find((name) => name === range);
  return known ? { ...rest, range: known } : rest;
}

const inbox = createRoute({
  getParentRoute: () => rootRoute,
  path: "/inbox",
  validateSearch: inboxSearch,
  component: () => <Inbox chosen={null} />,
});

const conversation = createRoute({
  getParentRoute: () => rootRoute,
  path: "/inbox/$page/$person",
  validateSearch: inboxSearch,
  component: function Opened() {
    const { page, person } = conversation.useParams();
    return <Inbox chosen={{ page, person }} />;
  },
});

const simulator = createRoute({
  getParentRoute: () => rootRoute,
  path: "/simulator",
  validateSearch: (given: Given): SimulatorSearch => texts(given, ["phones"]),
  component: Simulator,
});

const liveSearch = (given: Given): LiveSearch => texts(given, ["kind", "app", "q"]);

const live = createRoute({
  getParentRoute: () => rootRoute,
  path: "/live",
  validateSearch: liveSearch,
  component: () => <Live opened={null} />,
});

const liveEvent = createRoute({
  getParentRoute: () => rootRoute,
  path: "/live/$event",
  validateSearch: liveSearch,
  component: function Opened() {
    return <Live opened={liveEvent.useParams().event} />;
  },
});

const overview = createRoute({
  getParentRoute: () => rootRoute,
  path: "/overview",
  validateSearch: (given: Given): OverviewSearch => texts(given, ["last"]),
  component: () => <Overview />,
});

const pages = createRoute({
  getParentRoute: () => rootRoute,
  path: "/pages",
  component: () => <FirstPage />,
});

const pageTab = createRoute({
  getParentRoute: () => rootRoute,
  path: "/pages/$page/$tab",
  component: function Opened() {
    const { page, tab } = pageTab.useParams();
    return <Pages address={page} tab={tab} ad={null} />;
  },
});

const pageAd = createRoute({
  getParentRoute: () => rootRoute,
  path: "/pages/$page/ads/$ad",
  component: function Opened() {
    const { page, ad } = pageAd.useParams();
    return <Pages address={page} tab="ads" ad={ad} />;
  },
});

const apps = createRoute({ getParentRoute: () => rootRoute, path: "/apps", component: () => <Apps /> });

const oneApp = createRoute({
  getParentRoute: () => rootRoute,
  path: "/apps/$app",
  component: function Opened() {
    const { app } = oneApp.useParams();
    return <OneApp key={app} id={app} />;
  },
});

const deliveriesSearch = (given: Given): DeliveriesSearch => texts(given, ["app", "state"]);

const deliveries = createRoute({
  getParentRoute: () => rootRoute,
  path: "/deliveries",
  validateSearch: deliveriesSearch,
  component: () => <Deliveries opened={null} />,
});

const delivery = createRoute({
  getParentRoute: () => rootRoute,
  path: "/deliveries/$delivery",
  validateSearch: deliveriesSearch,
  component: function Opened() {
    return <Deliveries opened={delivery.useParams().delivery} />;
  },
});

const nodes = createRoute({ getParentRoute: () => rootRoute, path: "/nodes", component: () => <Nodes /> });

const settings = createRoute({
  getParentRoute: () => rootRoute,
  path: "/settings",
  component: () => <Settings tab="people" />,
});

const settingsTab = createRoute({
  getParentRoute: () => rootRoute,
  path: "/settings/$tab",
  component: function Opened() {
    return <Settings tab={settingsTab.useParams().tab} />;
  },
});

const ROUTES = [
  home,
  inbox,
  conversation,
  simulator,
  live,
  liveEvent,
  overview,
  pages,
  pageTab,
  pageAd,
  apps,
  oneApp,
  deliveries,
  delivery,
  nodes,
  settings,
  settingsTab,
] as const;

/** A screen that could not be drawn, or did not come. */
function Broken({ error }: ErrorComponentProps) {
  return (
    <div role="alert">
      <Empty title="This screen could not be shown">
        <p>
          <bdi>{error instanceof Error ? error.message : "Nothing says why."}</bdi>
        </p>
        <Button onClick={() => location.reload()}>Load the console again</Button>
      </Empty>
    </div>
  );
}

export const router = createRouter({
  routeTree: rootRoute.addChildren(ROUTES),
  basepath: CONSOLE.pathname,
  // An id of digits is a text all the same.
  parseSearch: (search) => Object.fromEntries(new URLSearchParams(search)),
  stringifySearch: (search) => {
    const pairs = Object.entries(search).filter(([, value]) => value !== undefined && value !== "");
    const text = new URLSearchParams(pairs.map(([name, value]) => [name, String(value)])).toString();
    return text && `?${text}`;
  },
  defaultPreload: false,
  defaultErrorComponent: Broken,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
