import { expect, test } from "vitest";
import { eventReader } from "./events";

test("events are whole however the bytes are cut, and heartbeats are nothing", () => {
  const text = ': alive\n\nid: 7\nevent: clock\ndata: {"a":\ndata: 1}\n\ndata: x\n\n';
  for (const size of [1, 3, 1000]) {
    const read = eventReader();
    const found = [];
    for (let at = 0; at < text.length; at += size) found.push(...read(text.slice(at, at + size)));
    expect(found).toEqual([
      { id: "7", event: "clock", data: '{"a":\n1}' },
      { id: "7", event: "message", data: "x" },
    ]);
  }
});

test("an event that is not ended is not told", () => {
  expect(eventReader()("data: x\n")).toEqual([]);
});
