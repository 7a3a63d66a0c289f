/** How people are called. */
import type { PersonCard } from "../api/types";

export function personName(person: PersonCard): string {
  const whole = [person.first_name, person.last_name].filter(Boolean).join(" ");
  return person.name || whole || person.username || person.id;
}

/** What a sentence calls them. */
export function firstName(person: PersonCard): string {
  return person.first_name || personName(person).split(/\s+/)[0] || person.id;
}

export function initials(name: string): string {
  const words = name.split(/[^\p{L}\p{N}]+/u).filter((word) => word !== "");
  const first = Array.from(words[0] ?? "?")[0] ?? "?";
  const last = words.length > 1 ? (Array.from(words[words.length - 1] ?? "")[0] ?? "") : "";
  return (first + last).toUpperCase();
}

/** `Nadia is writing an answer; Omar and 2 others look at it`; nothing where nobody else is there. */
export function there(others: { name: string; doing: "looking" | "writing" }[]): string {
  const of = (doing: string): string[] => others.filter((one) => one.doing === doing).map((one) => one.name);
  const [writing, looking] = [of("writing"), of("looking")];
  return [
    writing.length > 0 && `${some(writing)} ${writing.length === 1 ? "is" : "are"} writing an answer`,
    looking.length > 0 && `${some(looking)} ${looking.length === 1 ? "looks" : "look"} at it`,
  ]
    .filter(Boolean)
    .join("; ");
}

/** `Ada`, `Ada and Ben`, `Ada and 2 others`. */
function some([first = "", second, ...others]: string[]): string {
  if (second === undefined) return first;
  return others.length === 0 ? `${first} and ${second}` : `${first} and ${others.length + 1} others`;
}
