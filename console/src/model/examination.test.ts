import { expect, test } from "vitest";
import type { ReceiverCheck } from "../api/types";
import { examinedWords } from "./examination";

test("what was found, in one sentence: a note is nothing that is wrong", () => {
  const check = (weight?: "error" | "warning" | "note"): Pick<ReceiverCheck, "finding"> => ({
    finding: weight ? { cause: "slow", weight, what: "", why: "", do: "" } : null,
  });
  expect(examinedWords([])).toBe("Nothing is wrong with it.");
  expect(examinedWords([check(), check("note")])).toBe("Nothing is wrong with it.");
  expect(examinedWords([check("error")])).toBe("1 thing is wrong.");
  expect(examinedWords([check("error"), check("warning"), check("error")])).toBe(
    "2 things are wrong, 1 warning.",
  );
});
