import { expect, test } from "vitest";
import type { Delivery, Health, OneDelivery } from "../api/types";
import { asCurl, byHour, compared, healthWords, heat, toldOf } from "./deliveries";

const well: Health = {
  app_id: "1",
  state: "ok",
  verified: true,
  in_flight: 0,
  pending: 0,
  pending_is_more: false,
  oldest_pending_at: null,
  lag_seconds: 0,
  parked: 0,
  dead: 0,
  expired: 0,
  resending: 0,
  next_attempt_at: null,
  last_delivered_at: null,
  failing_since: null,
  last_error: null,
  disabled: null,
  p50_ms: null,
  p95_ms: null,
};

test("of how an app does the worst is said", () => {
  const words = (health: Partial<Health>) => healthWords({ ...well, ...health }).words;
  expect(words({})).toBe("Delivering");
  expect(words({ parked: 2 })).toBe("Retrying");
  expect(words({ parked: 2, pending: 3, state: "failing" })).toBe("Not answering");
  expect(words({ state: "unverified" })).toBe("Not verified");
  expect(words({ state: "no_address" })).toBe("Hears nothing");
  const disabled = { since: "2026-01-01T00:00:00.000Z", reason: "failed for 8 h" };
  expect(healthWords({ ...well, state: "disabled", disabled, pending: 1, lag_seconds: 90 }).detail).toBe(
    "1 webhook waits, the oldest for 1 min: failed for 8 h",
  );
});

const attempt = (at: string, status: number | null) => ({
  at,
  status,
  duration_ms: 1,
  error: null,
  body_start: null,
});

test("failures are counted by the hour; silence is not health", () => {
  const deliveries = [
    { attempts: [attempt("2026-01-01T10:10:00.000Z", 500), attempt("2026-01-01T12:10:00.000Z", 200)] },
    { attempts: [attempt("2026-01-01T12:20:00.000Z", null), attempt("2026-01-01T02:00:00.000Z", 500)] },
  ] as unknown as Delivery[];
  const cells = byHour(deliveries, Date.parse("2026-01-01T12:30:00.000Z"), 3);
  expect(cells.map((cell) => [cell.sent, cell.failed])).toEqual([
    [1, 1],
    [0, 0],
    [2, 1],
  ]);
  expect(cells.map(heat)).toEqual([{ share: 100, step: 4 }, null, { share: 50, step: 3 }]);
  expect(heat({ hour: 0, sent: 1_000, failed: 1 })).toEqual({ share: 1, step: 1 });
  expect(heat({ hour: 0, sent: 10, failed: 0 })).toEqual({ share: 0, step: 0 });
});

test("a line of activity leads to the delivery that was tried then", () => {
  const one = (id: string, person_id: string, at: string) =>
    ({
      id,
      page_id: "1",
      on: "messenger",
      person_id,
      event: "messages",
      attempts: [attempt(at, 200)],
    }) as unknown as Delivery;
  const all = [
    one("a", "ada", "2026-01-01T10:00:00.000Z"),
    one("b", "ada", "2026-01-01T11:00:00.000Z"),
    one("c", "bob", "2026-01-01T11:00:01.000Z"),
  ];
  const line = (person_id: string) => ({
    at: "2026-01-01T11:00:01.000Z",
    events: [{ page_id: "1", on: "messenger", person_id, event: "messages" }],
  });
  expect(toldOf(all, line("ada"))?.id).toBe("b");
  expect(toldOf(all, line("eve"))).toBeUndefined();
  expect(toldOf(all, { ...line("ada"), events: [] })).toBeUndefined();
});

test("a webhook is a line for a terminal, whatever stands in it", () => {
  const one = {
    request: { url: "http://x/", headers: [{ name: "a", value: "b" }], body: `{"t": "it's"}` },
  } as unknown as OneDelivery;
  expect(asCurl(one)).toBe(
    "curl -X POST 'http://x/' \\\n  -H 'a: b' \\\n  --data-binary '{\"t\": \"it'\\''s\"}'",
  );
});

test("a signature is compared by its digest, with or without what stands before it", () => {
  const made = ["sha1=0aff", "sha256=9c41", "v1,aB3="];
  for (const same of ["sha256=9c41", "9C41", " x-hub-signature-256: sha256=9c41 ", "v1,aB3=", "aB3="]) {
    expect(compared(made, same)).toBe(true);
  }
  for (const other of ["sha256=9c42", "ab3=", "9c4"]) expect(compared(made, other)).toBe(false);
  expect(compared(made, "  ")).toBe(null);
});
