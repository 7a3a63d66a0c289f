/**
 * What Baton's own API answers, as far as the console reads it. Written by hand after `/baton/v1`, until the types
 * are made from `/openapi.json`.
 */

/** An instant: RFC 3339 in UTC with milliseconds. */
export type Instant = string;
export type Surface = "messenger" | "instagram";
export type Folder = "general" | "main" | "done";

export interface List<T> {
  data: T[];
  next: string | null;
}

export interface AppTable {
  id: string;
  name: string;
  webhook_url?: string;
  verify_token?: string;
  human_agent: boolean;
  live: boolean;
  testers: string[];
  max_batch: number;
  compat: string[];
}

export interface SurfaceTable {
  id?: string;
  username?: string;
  default_app?: string;
  primary_receiver?: string;
  organic_app?: string;
  answer_within?: string;
  grant?: { from: string; to: string }[];
}

export interface PageTable {
  id: string;
  name: string;
  messaging_enabled: boolean;
  inbox_move_to_main?: "take" | "request";
  messenger?: SurfaceTable;
  instagram?: SurfaceTable;
  connections: ConnectionTable[];
  links: { on: Surface; ref: string; app: string }[];
  ads: AdTable[];
}

export interface ConnectionTable {
  app: string;
  fields?: string[];
  standby: boolean | Record<Surface, boolean>;
  take_control: boolean;
}

export interface AdTable {
  on: Surface;
  id: string;
  name?: string;
  status: string;
  audience?: string[];
  template?: string;
  entries?: number;
  conversations?: number;
}

/** What is not advisable, or does not work, and where. */
export interface RoutingWarning {
  rule: string | null;
  pointer: string;
  detail: string;
}

/** What a change of settings changes. */
export interface Moved {
  changes: { pointer: string; from: unknown; to: unknown }[];
  threads_moved: number;
  moved: { page_id: string; person_id: string; from_app_id: string | null; to_app_id: string | null }[];
  warnings: RoutingWarning[];
  generated: Record<string, unknown>;
}

/** A page, as everybody who is signed in may know it. */
export interface NamedPage {
  id: string;
  name: string;
  messaging_enabled: boolean;
  messenger: Leads;
  instagram: (Leads & { id: string; username: string }) | null;
  /** The apps that are connected. */
  connected: string[];
}

export interface Leads {
  default_app: string | null;
  primary_receiver: string | null;
}

export interface Names {
  apps: { id: string; name: string }[];
  pages: NamedPage[];
}

export type Role = "operator" | "agent" | "viewer";

export interface Me {
  name: string;
  role: Role;
  /** Null: it is no member, but who has the operator token or the link of `baton dev`. */
  member_id: string | null;
}

export interface Member {
  id: string;
  name: string;
  role: Role;
  since: Instant;
  has_password: boolean;
  invited_until: Instant | null;
}

export interface Session {
  id: string;
  member_id: string;
  since: Instant;
  seen: Instant;
  browser: string;
  is_this: boolean;
}

export interface AuditLine {
  at: Instant;
  name: string;
  member_id: string | null;
  operation: string;
  path: string;
  status: number;
}

export interface LinkMeaning {
  link: "signs_in" | "first_operator" | "invitation";
  name: string | null;
  role: Role;
}

export interface Routing {
  apps: AppTable[];
  pages: PageTable[];
  warnings?: RoutingWarning[];
}

export interface PersonCard {
  id: string;
  name: string | null;
  first_name: string | null;
  last_name: string | null;
  username: string | null;
  profile_pic: string | null;
}

export interface Waiting {
  app_id: string;
  at: Instant;
  metadata: string | null;
}

/** Who said what: a message as one line. */
export interface Line {
  at: Instant;
  from: "person" | "inbox" | "app";
  app_id: string | null;
  event: string;
  kind: string;
  text: string | null;
}

export interface Conversation {
  /** What the address names: the page's id, or that of its Instagram account. */
  page: string;
  page_id: string;
  on: Surface;
  person: PersonCard;
  state: "idle" | "active";
  owner_app_id: string | null;
  expires_at: Instant | null;
  folder: Folder;
  last_message_at: Instant;
  window_closes_at: Instant | null;
  requests: Waiting[];
  last_line: Line | null;
}

export interface OneConversation extends Conversation {
  inbox_window_closes_at: Instant | null;
  /** The change that made the present owner; null where it is the default app that nobody gave control. */
  owner_by: HistoryEntry | null;
  /** Who has control when the present owner's has lapsed; null where it does not lapse. */
  after_expiry: { owner_app_id: string | null; rule: string | null } | null;
}

export interface Counts {
  all: number;
  general: number;
  main: number;
  done: number;
  waiting: number;
  /** Whether only the newest conversations were counted. */
  at_least: boolean;
}

export type EntryCause =
  | "message"
  | "ad"
  | "link"
  | "get_started"
  | "postback"
  | "menu"
  | "quick_reply"
  | "ice_breaker"
  | "referral";
export type Cause =
  | EntryCause
  | "send"
  | "pass"
  | "take"
  | "request"
  | "grant"
  | "release"
  | "extend"
  | "inbox_reply"
  | "inbox_main"
  | "inbox_done"
  | "expiry"
  | "settings";

export interface Refused {
  code: number | null;
  subcode: number | null;
}

export interface HistoryEntry {
  at: Instant;
  rule: string;
  via: string | null;
  cause: Cause;
  by_app_id: string | null;
  from_app_id: string | null;
  to_app_id: string | null;
  expires_at: Instant | null;
  metadata: string | null;
  refused: Refused | null;
}

export interface Message {
  message_id: string | null;
  at: Instant;
  from: "person" | "inbox" | "app";
  app_id: string | null;
  event: string;
  rule: string;
  kind: string;
  content: MessageContent;
}

export interface MessageContent {
  mid?: string;
  text?: string;
  title?: string;
  payload?: string;
  reaction?: string;
  emoji?: string;
  action?: string;
  attachments?: Attachment[];
  quick_replies?: QuickReply[];
  quick_reply?: { payload: string };
  referral?: Referral;
  ref?: string;
  source?: string;
  ad_id?: string;
  reply_to?: { mid: string };
}

export interface Referral {
  source?: string;
  type?: string;
  ref?: string;
  ad_id?: string;
}

export interface QuickReply {
  content_type: string;
  title?: string;
  payload?: string;
}

export interface Button {
  type: string;
  title?: string;
  payload?: string;
  url?: string;
}

export interface Element {
  title?: string;
  subtitle?: string;
  image_url?: string;
  buttons?: Button[];
}

/** What stands in a persistent menu. */
export interface MenuItem {
  type: string;
  title?: string;
  payload?: string;
  url?: string;
  call_to_actions?: MenuItem[];
}

/** A person's menu: their own, or the page's. Null: there is none. */
export interface PersonMenu {
  menu: { locale: string; composer_input_disabled?: boolean; call_to_actions?: MenuItem[] }[] | null;
}

export interface Attachment {
  type: string;
  payload?: {
    url?: string;
    template_type?: string;
    text?: string;
    buttons?: Button[];
    elements?: Element[];
  };
}

export interface Notice {
  app_id: string;
  channel: "messaging" | "standby";
  event: string;
}

export interface Decided {
  event_id: string | null;
  message_id: string | null;
  at: Instant;
  rule: string;
  via: string | null;
  thread: { state: "idle" | "active"; owner_app_id: string | null; expires_at: Instant | null };
  notices: Notice[];
}

/** Whom the act takes to be in control: done only while that is so. */
export type InboxAct = { if_owner?: string | null } & InboxDoes;

type InboxDoes =
  | { action: "reply"; text: string }
  | { action: "reply"; attachment_id: string }
  | { action: "move_to_main" }
  | { action: "done" }
  | { action: "pass"; app_id: string; metadata?: string }
  | { action: "grant"; app_id: string };

export interface PersonEvent {
  type: string;
  entry?: { type: "ad"; ad_id: string } | { type: "link"; ref: string } | { type: "organic" };
  [detail: string]: unknown;
}

export interface Clock {
  now: Instant;
  frozen: boolean;
}

export interface ClockTurned extends Clock {
  was: Instant;
  ran: number;
}

export interface Rule {
  id: string;
  section: string;
  cells: { title: string; text: string }[];
}

interface OfThread {
  page_id: string;
  on: Surface;
  person_id: string;
}

interface Told {
  id: string;
  at: Instant;
}

export type Activity = Told &
  (
    | ({ event: "decision" } & OfThread & {
          rule: string | null;
          via: string | null;
          cause: Cause | null;
          by_app_id: string | null;
          from_app_id: string | null;
          to_app_id: string | null;
          expires_at: Instant | null;
          lapse: { rule: string; at: Instant } | null;
          events: Notice[];
        })
    | ({ event: "refusal" } & OfThread & {
          rule: string;
          via: string | null;
          cause: Cause;
          by_app_id: string | null;
          owner_app_id: string | null;
          refused: Refused;
        })
    | {
        event: "delivery";
        app_id: string;
        events: (OfThread & { event: string })[];
        channel: "messaging" | "standby";
        status: number | null;
        error: string | null;
        duration_ms: number;
        next_attempt_at: Instant | null;
      }
    | {
        event: "settings";
        version: number | null;
        verification: { app_id: string; verified: boolean; error: string | null } | null;
      }
    | { event: "clock"; now: Instant; was: Instant }
  );

export interface ProblemDocument {
  type: string;
  title: string;
  status: number;
  detail: string;
  rule?: string;
  via?: string | null;
  refused?: Refused;
  errors?: { pointer: string; detail: string }[];
}
