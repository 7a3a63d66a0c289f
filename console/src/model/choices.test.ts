import { expect, test } from "vitest";
import { messageWith, NONE } from "./choices";

const row = (title: string, url = "") => ({ title, url });

test("nothing offered is no message of its own", () => {
  expect(messageWith("Which?", NONE)).toBe(null);
  expect(messageWith("Which?", { kind: "buttons", rows: [row("  ")] })).toBe(null);
});

test("quick replies stand under the text, as many as are shown", () => {
  const rows = [row(" Small "), row(""), ...Array.from({ length: 20 }, (_, index) => row(`S${index}`))];
  const message = messageWith("Which?", { kind: "quick", rows });
  expect(message?.text).toBe("Which?");
  const replies = message?.quick_replies as { title: string; payload: string }[];
  expect(replies).toHaveLength(13);
  expect(replies[0]).toEqual({ content_type: "text", title: "Small", payload: "Small" });
});

test("buttons lead somewhere, or are told", () => {
  const rows = [row("Yes"), row("Shop", " https://shop.example/ "), row("No"), row("Late")];
  expect(messageWith("Sure?", { kind: "buttons", rows })).toEqual({
    attachment: {
      type: "template",
      payload: {
        template_type: "button",
        text: "Sure?",
        buttons: [
          { type: "postback", title: "Yes", payload: "Yes" },
          { type: "web_url", title: "Shop", url: "https://shop.example/" },
          { type: "postback", title: "No", payload: "No" },
        ],
      },
    },
  });
});
