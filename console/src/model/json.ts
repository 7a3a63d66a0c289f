/** JSON as it is shown: its keys, texts and other values told apart, also where it is not whole. */

export interface JsonPart {
  text: string;
  kind: "key" | "text" | "value" | undefined;
}

const PARTS = /("(?:[^"\\]|\\.)*"(?:\s*:)?|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|true|false|null)/gi;

export function jsonParts(text: string): JsonPart[] {
  return text
    .split(PARTS)
    .filter((part) => part !== "")
    .map((part) => ({ text: part, kind: kindOf(part) }));
}

function kindOf(part: string): JsonPart["kind"] {
  if (/^".*:$/s.test(part)) return "key";
  if (part.startsWith('"') && part.length > 1 && part.endsWith('"')) return "text";
  return /^(-?\d|true|false|null)/.test(part) ? "value" : undefined;
}

/** The line that a browser's complaint about JSON names, counted from 1; the last where it only says that more is missing. */
export function wrongLine(complaint: string, text: string): number | null {
  const line = /\bline (\d+)/.exec(complaint)?.[1];
  if (line) return Number(line);
  const at = /\bposition (\d+)/.exec(complaint)?.[1];
  if (at) return text.slice(0, Number(at)).split("\n").length;
  return /end of (JSON|data|input)|unexpected eof/i.test(complaint) ? text.split("\n").length : null;
}
