/** A change of control, or a refusal, as one sentence. Words only: what the rules say comes from the server. */
import type { Cause, HistoryEntry } from "../api/types";

/** A piece of a sentence: words, or an app that is named in its colour. */
export type Piece = { text: string } | { app: string };

const WAYS_IN: Partial<Record<Cause, string>> = {
  ad: "Ad",
  link: "Link",
  get_started: "Get Started",
  message: "Message",
  referral: "Entry",
  ice_breaker: "Ice breaker",
  quick_reply: "Quick reply",
  postback: "Button",
  menu: "Menu item",
};

/** What an app wanted, for "may not …". */
const WANTED: Partial<Record<Cause, string>> = {
  send: "send",
  pass: "pass control",
  take: "take control",
  request: "ask for control",
  grant: "grant control",
  release: "release control",
  extend: "extend control",
  inbox_reply: "reply",
  inbox_main: "move this to Main",
  inbox_done: "mark this as done",
};

type Said = Pick<HistoryEntry, "cause" | "by_app_id" | "from_app_id" | "to_app_id"> & {
  refused: HistoryEntry["refused"];
};

const text = (words: string): Piece => ({ text: words });
const app = (id: string): Piece => ({ app: id });

export function wayIn(cause: Cause): string | undefined {
  return WAYS_IN[cause];
}

/** `owner`: who had control when it was refused, which the entry itself does not say. */
export function sentence(entry: Said, owner: string | null = null): Piece[] {
  if (entry.refused) return refusal(entry, owner);
  return entry.from_app_id === entry.to_app_id ? unchanged(entry) : changed(entry);
}

function refusal(entry: Said, owner: string | null): Piece[] {
  const who = entry.by_app_id ? app(entry.by_app_id) : text(WAYS_IN[entry.cause] ?? "This");
  const what = WANTED[entry.cause];
  const refused = what ? text(` may not ${what}`) : text(" was refused");
  const why = owner && owner !== entry.by_app_id ? [text(": "), app(owner), text(" is in control")] : [];
  return [who, refused, ...why];
}

function unchanged(entry: Said): Piece[] {
  const by = entry.by_app_id ? app(entry.by_app_id) : null;
  const stays = entry.to_app_id ? [text(" stays with "), app(entry.to_app_id)] : [text(" went to nobody")];
  switch (entry.cause) {
    case "request":
      return by ? [by, text(" asked for control")] : [text("Control was asked for")];
    case "extend":
      return by ? [by, text(" extended its control")] : [text("Control was extended")];
    case "inbox_done":
      return [text("Marked as done")];
    case "inbox_main":
      return [text("Moved to Main")];
    case "release":
      return by ? [by, text(" released control it did not have")] : [text("Control was released")];
    case "settings":
      return [text("Settings changed")];
    case "send":
    case "inbox_reply":
      return by ? [by, text(" replied")] : [text("Reply")];
    case "pass":
    case "grant":
    case "take":
      return by ? [by, text(" keeps control")] : [text("Control"), ...stays];
    case "expiry":
      return [
        text("Control expired"),
        ...(entry.to_app_id ? [text(", back to "), app(entry.to_app_id)] : []),
      ];
    default:
      return [text(WAYS_IN[entry.cause] ?? entry.cause), ...stays];
  }
}

/** Who has it now, said of a change that leaves it to the default app or to nobody. */
function backTo(to: string | null): Piece[] {
  return to ? [text(", back to "), app(to)] : [text(", nobody is in control")];
}

function changed(entry: Said): Piece[] {
  const { cause, by_app_id: by, from_app_id: from, to_app_id: to } = entry;
  const taken = (how: string): Piece[] => {
    if (!to) return [text("Control ended"), ...backTo(null)];
    return [app(to), text(" took control"), ...(from ? [text(" from "), app(from)] : []), text(how)];
  };
  const passed = (how: string): Piece[] => {
    const giver = by ?? from;
    const start = giver ? [app(giver), text(" passed to ")] : [text("Passed to ")];
    return to ? [...start, app(to), text(how)] : [...start, text("nobody")];
  };
  switch (cause) {
    case "send":
      if (by === to) return taken(" by sending");
      return to ? passed(" with a message") : [app(from ?? ""), text(" released control"), ...backTo(null)];
    case "pass":
      return passed("");
    case "grant":
      return to && by && by !== to ? [app(by), text(" granted control to "), app(to)] : passed("");
    case "take":
      return taken("");
    case "inbox_reply":
      return taken(" by replying");
    case "inbox_main":
      return taken(" by Move to Main");
    case "release":
      return [...(from ? [app(from)] : [text("Somebody")]), text(" released control"), ...backTo(to)];
    case "inbox_done":
      return [...(by ? [app(by)] : [text("Somebody")]), text(" marked it as done"), ...backTo(to)];
    case "expiry":
      return [text("Control expired"), ...backTo(to)];
    case "settings":
      return to
        ? [text("Settings gave control to "), app(to)]
        : [text("Settings took control away"), ...backTo(null)];
    case "request":
    case "extend":
      return to ? [app(to), text(" has control now")] : [text("Control ended"), ...backTo(null)];
    default:
      return to
        ? [text(`${WAYS_IN[cause] ?? cause} gave control to `), app(to)]
        : [text(`${WAYS_IN[cause] ?? cause} ended control`), ...backTo(null)];
  }
}

/** A sentence as plain text. */
export function plain(pieces: Piece[], name: (id: string) => string): string {
  return pieces.map((piece) => ("app" in piece ? name(piece.app) : piece.text)).join("");
}
