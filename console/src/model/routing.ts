/** Settings of a page in words, and what an ad's template says. What becomes of a change is asked of the server. */
import type {
  AdTable,
  ConnectionTable,
  LinkTable,
  Moved,
  PageTable,
  Surface,
  SurfaceTable,
} from "../api/types";

const WORDS: Record<string, string> = {
  default_app: "Default app",
  primary_receiver: "Primary receiver",
  organic_app: "Organic route",
  inbox_move_to_main: "Move to Main",
  messaging_enabled: "Messaging",
  standby: "Standby",
  take_control: "Take control of conversations",
  fields: "Fields",
  status: "Status",
  template: "Message template",
  audience: "Audience",
  name: "Name",
  app: "App",
  ad_max_days: "Longest control by an ad",
  ad_window_days: "Control by an ad",
  answer_within: "Time to answer",
  grant: "Requests granted at once",
  webhook_url: "Webhook address",
  verify_token: "Verify token",
  secret: "Secret",
  human_agent: "Human Agent",
  live: "Live",
  testers: "Testers",
  compat: "Compatibility switches",
  max_batch: "Events in a webhook",
  username: "Name on Instagram",
  links: "Links",
  ads: "Ads",
  connections: "Connected apps",
};

const part = (text: string): string => text.replaceAll("~1", "/").replaceAll("~0", "~");

/** What a pointer of a change names: `Standby of 111`, `Ad 9001`, `Default app on Messenger`. */
export function changeWords(pointer: string, name: (app: string) => string): string {
  const [, kind, id, list, item, ...rest] = pointer.split("/").map(part);
  if (kind === "apps") return list ? `${WORDS[list] ?? list} of ${name(id ?? "")}` : `App ${name(id ?? "")}`;
  if (kind !== "pages") return pointer;
  if (!list) return `Page ${id}`;
  const last = rest.at(-1) ?? item ?? list;
  const word = WORDS[last] ?? last;
  switch (list) {
    case "connections":
      return rest.length > 0 ? `${word} of ${name(item ?? "")}` : `Connection of ${name(item ?? "")}`;
    case "ads":
      return rest.length > 0 ? `${word} of the ad ${item}` : `Ad ${item}`;
    case "links":
      return rest.length > 0 ? `${word} of the link ${item}` : `Link ${item}`;
    case "messenger":
    case "instagram":
      return item ? `${WORDS[item] ?? item} on ${list === "messenger" ? "Messenger" : "Instagram"}` : list;
    default:
      return WORDS[list] ?? list;
  }
}

/** Conversations that move, by where they go: the most first. */
export function byTarget(
  moved: Moved["moved"],
): { to: string | null; from: (string | null)[]; count: number }[] {
  const found = new Map<string | null, { from: Set<string | null>; count: number }>();
  for (const one of moved) {
    const known = found.get(one.to_app_id) ?? { from: new Set(), count: 0 };
    known.from.add(one.from_app_id);
    known.count += 1;
    found.set(one.to_app_id, known);
  }
  const all = [...found].map(([to, { from, count }]) => ({ to, from: [...from], count }));
  return all.sort((one, other) => other.count - one.count);
}

/** A page with values of one platform changed; what is empty goes. */
export function withSide(page: PageTable, on: Surface, change: Partial<SurfaceTable>): PageTable {
  const side = { ...page[on], ...change };
  const kept = Object.entries(side).filter(
    ([, value]) => value !== "" && !(Array.isArray(value) && value.length === 0),
  );
  return { ...page, [on]: Object.fromEntries(kept) };
}

/** A way by which people come, and whom it gives them to. */
export type RouteIn =
  | { kind: "ad"; ad: AdTable; app: string | null; days: number | null }
  | { kind: "link"; link: LinkTable; app: string }
  /** Whoever comes by nothing that is named. */
  | { kind: "else"; app: string | null };

/** All ways into one platform of a page: those that name somebody first, and then all the rest. */
export function routesIn(page: PageTable, on: Surface): RouteIn[] {
  const side: Partial<SurfaceTable> = page[on] ?? {};
  const ads = page.ads.filter((ad) => ad.on === on);
  return [
    ...ads.map((ad): RouteIn => {
      const template = readTemplate(ad.template ?? "");
      const named = "wrong" in template ? { app: null, days: null } : template;
      return { kind: "ad", ad, app: named.app, days: named.app === null ? null : named.days };
    }),
    ...page.links
      .filter((link) => link.on === on)
      .map((link): RouteIn => ({ kind: "link", link, app: link.app })),
    { kind: "else", app: side.organic_app ?? side.default_app ?? side.primary_receiver ?? null },
  ];
}

export function hears(connection: ConnectionTable, on: Surface): boolean {
  return typeof connection.standby === "boolean" ? connection.standby : connection.standby[on];
}

export function withStandby(connection: ConnectionTable, on: Surface, now: boolean): ConnectionTable {
  const both = {
    messenger: hears(connection, "messenger"),
    instagram: hears(connection, "instagram"),
    [on]: now,
  };
  return { ...connection, standby: both };
}

/** What an ad's template says, as far as it can be read. */
export type Template =
  | { message: Record<string, unknown>; app: string | null; days: number | null }
  | { wrong: string };

export function readTemplate(text: string): Template {
  if (text.trim() === "") return { message: {}, app: null, days: null };
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return { wrong: error instanceof Error ? error.message : String(error) };
  }
  const message = (json as { message?: unknown } | null)?.message;
  if (typeof message !== "object" || message === null || Array.isArray(message)) {
    return { wrong: 'The template is an object with a "message".' };
  }
  const found = message as Record<string, unknown>;
  const app = found.receiving_app_id;
  const days = found.receiving_app_control_expiration;
  return {
    message: found,
    app: app === undefined || app === null ? null : String(app),
    days: typeof days === "number" ? days : null,
  };
}

/** The app that an ad names; null: it names none, or its template cannot be read. */
export function adLead(ad: Pick<AdTable, "template">): string | null {
  const template = readTemplate(ad.template ?? "");
  return "wrong" in template ? null : template.app;
}

/** The template with another app or other days; what cannot be read stays as it is. */
export function withTemplate(text: string, change: { app?: string | null; days?: number | null }): string {
  const read = readTemplate(text);
  if ("wrong" in read) return text;
  const message = { ...read.message };
  const put = (name: string, value: number | null | undefined) => {
    if (value === undefined) return;
    if (value === null) delete message[name];
    else message[name] = value;
  };
  put(
    "receiving_app_id",
    change.app === undefined ? undefined : change.app === null ? null : Number(change.app),
  );
  put("receiving_app_control_expiration", change.days);
  return JSON.stringify({ message }, null, 2);
}

/** A page with one of its ads replaced, added or (null) removed. */
export function withAd(page: PageTable, id: string, ad: AdTable | null): PageTable {
  const known = page.ads.some((one) => one.id === id);
  const ads = known
    ? page.ads.flatMap((one) => (one.id !== id ? [one] : ad ? [ad] : []))
    : [...page.ads, ...(ad ? [ad] : [])];
  return { ...page, ads };
}

/** A new ad, with an id that no other has. */
export function freshAd(page: PageTable, on: Surface): AdTable {
  const taken = new Set(page.ads.map((ad) => ad.id));
  let number = 9001;
  while (taken.has(String(number))) number += 1;
  const template = withTemplate('{"message": {"text": "Hello! What can we do for you?"}}', {});
  return { on, id: String(number), name: "New ad", status: "draft", audience: [], template };
}
