/** Counts as they are drawn: parts of the largest, and words for steps. */
import { duration } from "./time";

export function parts(counts: number[]): number[] {
  const most = Math.max(0, ...counts);
  return counts.map((count) => (most === 0 ? 0 : count / most));
}

export const share = (count: number, all: number): string =>
  all === 0 ? "0 %" : `${Math.round((count / all) * 100)} %`;

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
  const ids: (string | null)[] = [...names, ...(nobody ? [null] : [])];
  const count = (from: string | null, to: string | null): number =>
    changes.find((one) => one.from_app_id === from && one.to_app_id === to)?.count ?? 0;
  return { ids, rows: ids.map((from) => ids.map((to) => count(from, to))) };
}
