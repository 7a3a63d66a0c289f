import { expect, test } from "vitest";
import type { PageTable } from "../api/types";
import {
  byTarget,
  changeWords,
  freshAd,
  readTemplate,
  routesIn,
  withAd,
  withSide,
  withStandby,
  withTemplate,
} from "./routing";

const name = (id: string) => (id === "111" ? "Sales bot" : id);

test("a change is named by what it is a change of", () => {
  expect(changeWords("/pages/2001/messenger/default_app", name)).toBe("Default app on Messenger");
  expect(changeWords("/pages/2001/connections/111/standby/messenger", name)).toBe("messenger of Sales bot");
  expect(changeWords("/pages/2001/connections/111/take_control", name)).toBe(
    "Take control of conversations of Sales bot",
  );
  expect(changeWords("/pages/2001/connections/111", name)).toBe("Connection of Sales bot");
  expect(changeWords("/pages/2001/ads/9001/status", name)).toBe("Status of the ad 9001");
  expect(changeWords("/pages/2001/links/a~1b", name)).toBe("Link a/b");
  expect(changeWords("/pages/2001/inbox_move_to_main", name)).toBe("Move to Main");
});

test("conversations that move are counted by where they go", () => {
  const one = (from_app_id: string | null, to_app_id: string | null) => ({
    page_id: "2001",
    person_id: "p",
    from_app_id,
    to_app_id,
  });
  expect(byTarget([one("1", null), one("1", "2"), one("3", "2")])).toEqual([
    { to: "2", from: ["1", "3"], count: 2 },
    { to: null, from: ["1"], count: 1 },
  ]);
});

test("a template is read, changed without touching the rest, and left alone where it is wrong", () => {
  const text = '{"message": {"text": "Hi", "receiving_app_id": 1278416343931139}}';
  expect(readTemplate(text)).toMatchObject({ app: "1278416343931139", days: null });
  const changed = withTemplate(text, { days: 4 });
  expect(JSON.parse(changed).message).toEqual({
    text: "Hi",
    receiving_app_id: 1278416343931139,
    receiving_app_control_expiration: 4,
  });
  expect(JSON.parse(withTemplate(changed, { app: null })).message.receiving_app_id).toBeUndefined();
  expect(readTemplate("{")).toHaveProperty("wrong");
  expect(withTemplate("{", { days: 1 })).toBe("{");
  expect(readTemplate('{"text": "x"}')).toHaveProperty("wrong");
});

test("ads are added, replaced and removed; a new one has an id of its own", () => {
  const page = {
    id: "2001",
    ads: [{ on: "messenger", id: "9001", status: "draft" }],
  } as unknown as PageTable;
  const fresh = freshAd(page, "messenger");
  expect(fresh.id).toBe("9002");
  expect(withAd(page, fresh.id, fresh).ads.map((ad) => ad.id)).toEqual(["9001", "9002"]);
  expect(withAd(page, "9001", null).ads).toEqual([]);
});

test("standby is set for one platform and stays for the other", () => {
  const connection = { app: "1", fields: [], standby: true, take_control: false };
  expect(withStandby(connection, "instagram", false).standby).toEqual({ messenger: true, instagram: false });
});

test("ways in are the ads, the links, and then all the rest", () => {
  const page: PageTable = {
    id: "2001",
    name: "Market",
    messaging_enabled: true,
    inbox_move_to_main: "take",
    messenger: { default_app: "1", ad_max_days: 7, ad_window_days: 1 },
    connections: [],
    links: [
      { on: "messenger", ref: "spring", app: "inbox" },
      { on: "instagram", ref: "summer", app: "1" },
    ],
    ads: [
      {
        on: "messenger",
        id: "9001",
        name: "Sale",
        status: "published",
        audience: [],
        template: '{"message": {"receiving_app_id": 3, "receiving_app_control_expiration": 4}}',
      },
      { on: "messenger", id: "9002", name: "Later", status: "draft", audience: [] },
      { on: "messenger", id: "9003", name: "Plain", status: "published", audience: [], template: "{" },
    ],
  };
  const of = (one: PageTable) => routesIn(one, "messenger").map((way) => [way.kind, way.app]);
  expect(of(page)).toEqual([
    ["ad", "3"],
    ["ad", null],
    ["ad", null],
    ["link", "inbox"],
    ["else", "1"],
  ]);
  expect(routesIn(page, "messenger")[0]).toMatchObject({ days: 4 });
  expect(of(withSide(page, "messenger", { organic_app: "5" })).at(-1)).toEqual(["else", "5"]);
  expect(routesIn(page, "instagram").at(-1)).toEqual({ kind: "else", app: null });
});

test("what is empty goes from a side", () => {
  const page = {
    messenger: { default_app: "1", answer_within: "5m", ad_max_days: 7, ad_window_days: 1 },
  } as PageTable;
  const change = { default_app: "", answer_within: "", grant: [] };
  expect(withSide(page, "messenger", change).messenger).toEqual({ ad_max_days: 7, ad_window_days: 1 });
});
