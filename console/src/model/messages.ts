/** What a message is, in words and parts. */
import type { Line, Message } from "../api/types";
import type { Button, MessageContent, QuickReply, Referral } from "./platform";

/** A message as it is drawn. */
export interface Said {
  text: string | null;
  /** Something that is not text, as one line: "photo", "Tapped “Small”". */
  note: string | null;
  cards: Card[];
  quickReplies: QuickReply[];
  /** By which ad or link it came. */
  entry: string | null;
}

export interface Card {
  title: string | null;
  subtitle: string | null;
  buttons: Button[];
  url: string | null;
  kind: string;
}

const KINDS: Record<string, string> = {
  image: "photo",
  video: "video",
  audio: "voice",
  file: "file",
  template: "card",
};

export function entryWords(referral: Referral | undefined): string | null {
  if (!referral) return null;
  const title = referral.ads_context_data?.ad_title;
  if (referral.ad_id) return title ? `by the ad “${title}”` : `by the ad ${referral.ad_id}`;
  if (referral.ref) return `by the link ${referral.ref}`;
  return referral.source ? `by ${referral.source.toLowerCase().replaceAll("_", " ")}` : null;
}

export function said(message: Pick<Message, "kind" | "content">): Said {
  const { kind } = message;
  const content = message.content as MessageContent;
  const nothing: Said = { text: null, note: null, cards: [], quickReplies: [], entry: null };
  switch (kind) {
    case "message":
      return ofMessage(content);
    case "postback":
      return {
        ...nothing,
        note: `Tapped “${content.title ?? content.payload ?? "a button"}”`,
        entry: entryWords(content.referral),
      };
    case "referral":
      return { ...nothing, note: `Came in ${entryWords(content) ?? "again"}` };
    case "reaction":
      return {
        ...nothing,
        note:
          content.action === "unreact"
            ? "Took a reaction back"
            : `Reacted ${content.emoji ?? content.reaction ?? ""}`,
      };
    default:
      return { ...nothing, note: kind.replaceAll("_", " ") };
  }
}

function ofMessage(content: MessageContent): Said {
  const cards = (content.attachments ?? []).flatMap((attachment): Card[] => {
    const { payload } = attachment;
    const kind = KINDS[attachment.type] ?? attachment.type;
    if (payload?.elements) {
      return payload.elements.map((element) => ({
        title: element.title ?? null,
        subtitle: element.subtitle ?? null,
        buttons: element.buttons ?? [],
        url: null,
        kind,
      }));
    }
    return [
      {
        title: payload?.text ?? null,
        subtitle: null,
        buttons: payload?.buttons ?? [],
        url: payload?.url ?? null,
        kind,
      },
    ];
  });
  return {
    text: content.text ?? null,
    note: null,
    cards,
    quickReplies: content.quick_replies ?? [],
    entry: entryWords(content.referral),
  };
}

/** The last line of a conversation; who said it is for who shows it. */
export function lineWords(line: Line): string {
  const text = line.text ?? "";
  switch (line.kind) {
    case "postback":
      return `Tapped “${text || "a button"}”`;
    case "referral":
      return text ? `Came by ${text}` : "Came in again";
    case "reaction":
      return `Reacted ${text}`.trim();
    default:
      return KINDS[text] && line.kind === "message" ? `Sent a ${KINDS[text]}` : text || "A message";
  }
}

/** How large a file is. */
export function fileSize(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${Math.round(bytes / 1_000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
