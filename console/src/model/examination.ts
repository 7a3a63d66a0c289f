/** What an examination of a receiver found, in one sentence. */
import type { ReceiverCheck } from "../api/types";

export function examinedWords(checks: Pick<ReceiverCheck, "finding">[]): string {
  const many = (weight: string, one: string, more: string): string | null => {
    const count = checks.filter(({ finding }) => finding?.weight === weight).length;
    return count === 0 ? null : `${count} ${count === 1 ? one : more}`;
  };
  const found = [many("error", "thing is wrong", "things are wrong"), many("warning", "warning", "warnings")];
  const words = found.filter((one) => one !== null).join(", ");
  return words === "" ? "Nothing is wrong with it." : `${words}.`;
}
