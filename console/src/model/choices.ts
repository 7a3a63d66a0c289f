/** What is offered under an answer: quick replies, which go when one is tapped, or buttons, which stay. */
import type { MessageContent } from "./platform";

export type Kind = "quick" | "buttons";

export interface Choice {
  title: string;
  /** Where a button leads; empty: its tap is told to whoever has control, as its title is. */
  url: string;
}

export interface Choices {
  kind: Kind;
  rows: Choice[];
}

/** As many as the platform shows. Whether a message is right is the server's to say. */
export const MOST: Record<Kind, number> = { quick: 13, buttons: 3 };
/** The longest title of one, in characters. */
export const TITLE = 20;

export const NONE: Choices = { kind: "quick", rows: [] };

/** Those that say something. */
export const saidOf = (choices: Choices): Choice[] =>
  choices.rows.filter((row) => row.title.trim() !== "").slice(0, MOST[choices.kind]);

/** The message that offers them, as the Graph API takes it; null: nothing is offered. */
export function messageWith(text: string, choices: Choices): Record<string, unknown> | null {
  const rows = saidOf(choices);
  if (rows.length === 0) return null;
  if (choices.kind === "quick") {
    const replies = rows.map(({ title }) => ({
      content_type: "text",
      title: title.trim(),
      payload: title.trim(),
    }));
    return { text, quick_replies: replies } satisfies MessageContent;
  }
  const buttons = rows.map(({ title, url }) =>
    url.trim() === ""
      ? { type: "postback", title: title.trim(), payload: title.trim() }
      : { type: "web_url", title: title.trim(), url: url.trim() },
  );
  return { attachment: { type: "template", payload: { template_type: "button", text, buttons } } };
}
