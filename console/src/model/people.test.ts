import { expect, test } from "vitest";
import { there } from "./people";

test("who else is there, in words", () => {
  const is = (name: string, doing: "looking" | "writing") => ({ name, doing });
  expect(there([])).toBe("");
  expect(there([is("Nadia", "looking")])).toBe("Nadia looks at it");
  expect(there([is("Nadia", "writing"), is("Omar", "looking"), is("Mei", "looking")])).toBe(
    "Nadia is writing an answer; Omar and Mei look at it",
  );
  expect(there(["A", "B", "C"].map((name) => is(name, "writing")))).toBe(
    "A and 2 others are writing an answer",
  );
});
