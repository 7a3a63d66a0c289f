import { describe, expect, it } from "vitest";
import { continued, joined, type Order } from "./growing";

interface Row {
  id: string;
  at: string;
  says?: string;
}

const order: Order<Row> = { key: (row) => row.id, at: (row) => row.at };
/** Rows by their letter, which is also when they stand. */
const rows = (letters: string): Row[] => [...letters].map((id) => ({ id, at: id }));
const ids = (list: { data: Row[] } | null) => list?.data.map((row) => row.id).join("");

describe("a list whose newest part is told again", () => {
  it("keeps what is older, and goes on where it ended", () => {
    const known = { data: rows("gfedcb"), next: "after b" };
    const told = joined(known, { data: rows("ihgf"), next: "after f" }, order);
    expect(ids(told)).toBe("ihgfedcb");
    expect(told?.next).toBe("after b");
  });

  it("does not meet what is known where something between is not known", () => {
    const known = { data: rows("cba"), next: null };
    expect(joined(known, { data: rows("ihg"), next: "after g" }, order)).toBeNull();
    expect(ids(joined(known, { data: rows("ihg"), next: null }, order))).toBe("ihg");
  });

  it("moves what has news, and drops what is no longer there", () => {
    const known = { data: rows("gfedcb"), next: "after b" };
    const moved = { id: "c", at: "z" };
    const told = joined(known, { data: [moved, ...rows("gfd")], next: "after d" }, order);
    expect(ids(told)).toBe("cgfdb");
  });

  it("keeps the objects of rows that did not change", () => {
    const known = { data: rows("cba"), next: null };
    const fresh = rows("cba").map((row) => (row.id === "b" ? { ...row, says: "new" } : row));
    const told = joined(known, { data: fresh, next: null }, order);
    expect(told?.data[0]).toBe(known.data[0]);
    expect(told?.data[1]).not.toBe(known.data[1]);
    expect(told?.data[1]?.says).toBe("new");
  });

  it("is the newest part alone where nothing was known", () => {
    expect(ids(joined({ data: [], next: null }, { data: rows("cb"), next: "after b" }, order))).toBe("cb");
  });

  it("goes on without telling a row twice", () => {
    const known = { data: rows("dc"), next: "after c" };
    expect(ids(continued(known, { data: rows("cba"), next: null }, order))).toBe("dcba");
  });
});
