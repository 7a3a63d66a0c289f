/** Counts as they are drawn: parts of the largest, and words for steps. */
import { INBOX, isInbox } from "./apps";
import { duration } from "./time";

type Handed = { from_app_id: string | null; to_app_id: string | null; count: number };

/** The Inbox has an id on each platform. Whoever looks at both platforms at once sees one Inbox. */
const same = (id: string | null): string | null => (isInbox(id) ? INBOX.messenger : id);

/** Rows that say the same are one, the most first. */
function summed<T extends { count: number }>(rows: T[], key: (row: T) => string): T[] {
  const found = new Map<string, T>();
  for (const row of rows) {
    const before = found.get(key(row));
    found.set(key(row), before ? { ...before, count: before.count + row.count } : row);
  }
  return [...found.values()].sort((one, other) => other.count - one.count);
}

/** The most first, nobody last. */
export const oneInboxOfOwners = <T extends { app_id: string | null; count: number }>(rows: T[]): T[] =>
  summed(
    rows.map((row) => ({ ...row, app_id: same(row.app_id) })),
    (row) => row.app_id ?? "",
  ).sort((one, other) => Number(one.app_id === null) - Number(other.app_id === null));

export const oneInboxOfChanges = <T extends Handed>(rows: T[]): T[] =>
  summed(
    rows.map((row) => ({ ...row, from_app_id: same(row.from_app_id), to_app_id: same(row.to_app_id) })),
    (row) => `${row.from_app_id}/${row.to_app_id}`,
  );

export function parts(counts: number[]): number[] {
  const most = Math.max(0, ...counts);
  return counts.map((count) => (most === 0 ? 0 : count / most));
}

export const share = (count: number, all: number): string =>
  all === 0 ? "–" : `${Math.round((count / all) * 100)} %`;

/** `340 ms`, `11 s`, `4 min`. */
export const took = (ms: number | null): string =>
  ms === null ? "–" : ms < 1_000 ? `${ms} ms` : duration(ms);

/** Steps of a histogram: `< 1 s`, `2 s`, …, `> 4 h`. */
export function stepWords(steps: { up_to_ms: number | null }[]): string[] {
  return steps.map((step, index) => {
    const before = steps[index - 1]?.up_to_ms;
    if (step.up_to_ms === null) return `> ${duration(before ?? 0)}`;
    return index === 0 ? `< ${duration(step.up_to_ms)}` : duration(step.up_to_ms);
  });
}

/** A matrix of who gave to whom: the same names in rows and columns, nobody last. */
export function matrix(changes: { from_app_id: string | null; to_app_id: string | null; count: number }[]) {
  const names = new Set<string>();
  let nobody = false;
  for (const { from_app_id, to_app_id } of changes) {
    for (const id of [from_app_id, to_app_id]) {
      if (id) names.add(id);
      else nobody = true;
    }
  }
  const apps = [...names].sort((one, other) => Number(isInbox(one)) - Number(isInbox(other)));
  const ids: (string | null)[] = [...apps, ...(nobody ? [null] : [])];
  const count = (from: string | null, to: string | null): number =>
    changes.find((one) => one.from_app_id === from && one.to_app_id === to)?.count ?? 0;
  return { ids, rows: ids.map((from) => ids.map((to) => count(from, to))) };
}
