import { expect, test } from "vitest";
import { jsonParts, wrongLine } from "./json";

test("keys, texts and other values are told apart, and nothing is lost", () => {
  const text = '{"a": "b: c", "n": -1.5e3, "t": true, "half';
  const parts = jsonParts(text);
  expect(parts.map((part) => part.text).join("")).toBe(text);
  expect(parts.filter((part) => part.kind === "key").map((part) => part.text)).toEqual([
    '"a":',
    '"n":',
    '"t":',
  ]);
  expect(parts.filter((part) => part.kind === "text").map((part) => part.text)).toEqual(['"b: c"']);
  expect(parts.filter((part) => part.kind === "value").map((part) => part.text)).toEqual(["-1.5e3", "true"]);
});

test("the line of a complaint, as browsers word it", () => {
  const text = '{\n  "a": 1\n  "b": 2\n}';
  expect(wrongLine("Expected ',' in JSON at position 13 (line 3 column 3)", text)).toBe(3);
  expect(wrongLine("Unexpected string in JSON at position 13", text)).toBe(3);
  expect(wrongLine("JSON.parse: expected ',' at line 3 column 3 of the JSON data", text)).toBe(3);
  expect(wrongLine("Unexpected end of JSON input", text)).toBe(4);
  expect(wrongLine('The template is an object with a "message".', text)).toBe(null);
});
