import { expect, test } from "vitest";
import type { PageTable } from "../api/types";
import { enter, menuItems, readPhones, tapped, waysIn, withCount, writePhones } from "./simulator";

const page: PageTable = {
  id: "2001",
  name: "Market",
  messaging_enabled: true,
  inbox_move_to_main: "take",
  messenger: { ad_max_days: 7, ad_window_days: 1 },
  connections: [],
  links: [{ on: "messenger", ref: "spring", app: "1" }],
  ads: [
    { on: "messenger", id: "9001", name: "Sale", status: "published", audience: [] },
    { on: "instagram", id: "9101", name: "9101", status: "published", audience: [] },
  ],
};

test("phones are read from the address and written to it", () => {
  const text = "2001:tess,17841400000001:jonas";
  expect(writePhones(readPhones(text))).toBe(text);
  expect(readPhones("2001:a b,x:y,,2001:ok")).toEqual([{ page: "2001", person: "ok" }]);
  expect(readPhones("1:a,1:b,1:c,1:d,1:e")).toHaveLength(4);
});

test("new phones get people of their own", () => {
  const all = withCount([{ page: "2001", person: "tess" }], 3, "2001");
  expect(new Set(all.map((phone) => phone.person)).size).toBe(3);
  expect(withCount(all, 1, "2001")).toEqual([{ page: "2001", person: "tess" }]);
});

test("only ways in that the platform has", () => {
  expect(waysIn(page, "messenger").map((way) => way.kind)).toEqual(["ad", "link", "get_started", "message"]);
  const instagram = waysIn(page, "instagram");
  expect(instagram.map((way) => way.name)).toEqual(["Ad", "ig.me link", "Ice breaker", "Search"]);
  expect(instagram[0]?.choices).toEqual([{ value: "9101", words: "9101" }]);
  const [ad] = waysIn(page, "messenger");
  expect(ad && enter(ad, "9001")).toEqual({ type: "referral", entry: { type: "ad", ad_id: "9001" } });
});

test("a menu is one row of what can be tapped, and tapping it is a person's event", () => {
  const items = menuItems([
    { type: "postback", title: "Orders", payload: "ORDERS" },
    {
      type: "nested",
      title: "More",
      call_to_actions: [{ type: "web_url", title: "Shop", url: "https://x.example" }],
    },
  ]);
  expect(items.map((item) => item.words)).toEqual(["Orders", "More › Shop"]);
  expect(items.map(tapped)).toEqual([
    { type: "menu", menu: { payload: "ORDERS" } },
    { type: "menu", menu: { url: "https://x.example" } },
  ]);
});
