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
