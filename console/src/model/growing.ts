/**
 * Lists whose newest part is asked for again and again, and whose older parts are kept: of thousands of rows only those
 * that may have changed are fetched.
 */
import type { List } from "../api/types";

/** How rows are told apart, and when each stands: the newest first. */
export interface Order<T> {
  key: (row: T) => string;
  /** RFC 3339 in UTC with milliseconds: texts in the order of time. */
  at: (row: T) => string;
}

const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

/** Rows that did not change are the same objects, so that nothing is drawn again for them. */
function kept<T>(known: T[], fresh: T[], { key }: Order<T>): T[] {
  const before = new Map(known.map((row) => [key(row), row]));
  return fresh.map((row) => {
    const old = before.get(key(row));
    return old !== undefined && same(old, row) ? old : row;
  });
}

/**
 * What is known with its newest part as it is now. Null where the two do not meet: then rows between them are not
 * known, and the part that follows must be asked for too.
 */
export function joined<T>(known: List<T>, fresh: List<T>, order: Order<T>): List<T> | null {
  const { key, at } = order;
  const [first] = known.data;
  const last = fresh.data.at(-1);
  if (first === undefined || last === undefined || fresh.next === null) {
    return { data: kept(known.data, fresh.data, order), next: fresh.next };
  }
  const meets =
    at(last) < at(first) || fresh.data.some((row) => key(row) === key(first) && at(row) === at(first));
  if (!meets) return null;
  const told = new Set(fresh.data.map(key));
  // What is newer than the last one that was told and was not told is no longer there.
  const older = known.data.filter((row) => !told.has(key(row)) && at(row) <= at(last));
  const next = older.length > 0 ? known.next : fresh.next;
  return { data: [...kept(known.data, fresh.data, order), ...older], next };
}

/** What is known with the part that follows it. */
export function continued<T, L extends List<T>>(known: L, part: List<T>, { key }: Order<T>): L {
  const told = new Set(known.data.map(key));
  const data = [...known.data, ...part.data.filter((row) => !told.has(key(row)))];
  return { ...known, data, next: part.next };
}
