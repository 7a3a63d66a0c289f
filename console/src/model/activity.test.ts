import { expect, test } from "vitest";
import type { Activity } from "../api/types";
import { answers, noticeName } from "./activity";

const on = { page_id: "2001", on: "messenger", person_id: "ada" } as const;
const notice = { app_id: "1", channel: "messaging", event: "messages" } as const;

function decision(id: string): Activity {
  return {
    id,
    at: "2026-01-01T00:00:00.000Z",
    event: "decision",
    ...on,
    rule: "X-1",
    via: null,
    cause: "message",
    by_app_id: null,
    from_app_id: null,
    to_app_id: "1",
    expires_at: null,
    lapse: null,
    events: [notice],
  };
}

function delivery(id: string, status: number | null): Activity {
  return {
    id,
    at: "2026-01-01T00:00:01.000Z",
    event: "delivery",
    app_id: "1",
    events: [{ ...on, event: "messages" }],
    channel: "messaging",
    status,
    error: status ? null : "timed out",
    duration_ms: 5,
    next_attempt_at: null,
    given_up: null,
  };
}

test("deliveries belong to decisions in their order; a failed one is tried again", () => {
  const oldestFirst = [
    decision("a"),
    decision("b"),
    delivery("1", 500),
    delivery("2", 200),
    delivery("3", null),
  ];
  const found = answers(oldestFirst.reverse());
  expect(found.get(noticeName("a", notice, 0))).toMatchObject({ attempts: 2, delivery: { id: "2" } });
  expect(found.get(noticeName("b", notice, 0))).toMatchObject({ attempts: 1, delivery: { id: "3" } });
});
