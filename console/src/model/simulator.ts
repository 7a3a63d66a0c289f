/** The Simulator's phones, as they stand in the address; and what a person may do on each platform. */
import type { PageTable, PersonEvent, Surface } from "../api/types";
import type { MenuItem } from "./platform";

export interface Phone {
  /** What paths name. */
  page: string;
  person: string;
}

export const MOST_PHONES = 4;
const PERSON = /^[A-Za-z0-9_-]{1,64}$/;
const NAMES = ["tess", "jonas", "mina", "oskar", "lea", "amir", "ines", "theo"];

/** `2001:tess,17841400000001:jonas`; what is not a phone is left out. */
export function readPhones(text: string | undefined): Phone[] {
  const found = (text ?? "").split(",").flatMap((part) => {
    const [page = "", person = ""] = part.split(":");
    return /^\d+$/.test(page) && PERSON.test(person) ? [{ page, person }] : [];
  });
  return found.slice(0, MOST_PHONES);
}

export function writePhones(phones: Phone[]): string {
  return phones.map((phone) => `${phone.page}:${phone.person}`).join(",");
}

export const isPerson = (text: string): boolean => PERSON.test(text);

/** A name that no phone has yet. */
export function freshPerson(phones: Phone[]): string {
  const taken = new Set(phones.map((phone) => phone.person));
  const free = NAMES.find((name) => !taken.has(name));
  return free ?? `person-${phones.length + 1}`;
}

/** Adds or drops phones at the end. */
export function withCount(phones: Phone[], count: number, page: string): Phone[] {
  const all = phones.slice(0, count);
  while (all.length < count) all.push({ page, person: freshPerson(all) });
  return all;
}

/** A menu's items in one row: those within others stand after the title of what they are in. */
export function menuItems(items: MenuItem[], within = ""): (MenuItem & { words: string })[] {
  return items.flatMap((item) => {
    const words = [within, item.title ?? item.type].filter(Boolean).join(" › ");
    return item.call_to_actions ? menuItems(item.call_to_actions, words) : [{ ...item, words }];
  });
}

/** What tapping one of them is. */
export const tapped = (item: MenuItem): PersonEvent =>
  item.url
    ? { type: "menu", menu: { url: item.url } }
    : { type: "menu", menu: { payload: item.payload ?? "" } };

/** A way in, with the choice inside it. */
export interface Way {
  kind: "ad" | "link" | "get_started" | "ice_breaker" | "message";
  name: string;
  /** What the black button says. */
  does: string;
  choices: { value: string; words: string }[];
}

const choice = (value: string, words = value): { value: string; words: string } => ({ value, words });

/** Only what exists on the platform. */
export function waysIn(page: PageTable, on: Surface): Way[] {
  const ads = page.ads.filter((ad) => ad.on === on);
  const links = page.links.filter((link) => link.on === on);
  const ad: Way = {
    kind: "ad",
    name: "Ad",
    does: "Tap the ad",
    choices: ads.map((one) => choice(one.id, one.name || one.id)),
  };
  const link: Way = {
    kind: "link",
    name: on === "instagram" ? "ig.me link" : "m.me link",
    does: "Follow the link",
    choices: [...links.map((one) => choice(one.ref, `ref: ${one.ref}`)), choice("unrouted", "another ref")],
  };
  const start: Way =
    on === "messenger"
      ? { kind: "get_started", name: "Get Started", does: "Tap Get Started", choices: [] }
      : {
          kind: "ice_breaker",
          name: "Ice breaker",
          does: "Tap the question",
          choices: [choice("What do you sell?")],
        };
  const message: Way = { kind: "message", name: "Search", does: "Say hello", choices: [] };
  return [ad, link, start, message];
}

/** What the person does then. An ad or link is tapped without a word, as on the platform. */
export function enter(way: Way, value: string): PersonEvent {
  switch (way.kind) {
    case "ad":
      return { type: "referral", entry: { type: "ad", ad_id: value } };
    case "link":
      return { type: "referral", entry: { type: "link", ref: value } };
    case "get_started":
      return { type: "get_started" };
    case "ice_breaker":
      return { type: "ice_breaker", ice_breaker: { payload: "ICE_BREAKER", title: value } };
    case "message":
      return { type: "message", message: { text: "hello" }, entry: { type: "organic" } };
  }
}
