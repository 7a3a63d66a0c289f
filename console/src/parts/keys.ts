/** Keys that do something, and the list of them. Off inside fields, except those with a modifier. */
import { useEffect, useRef } from "react";

export type Keys = Record<string, (event: KeyboardEvent) => void>;

function inField(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && target.closest("input, textarea, select, [contenteditable]") !== null
  );
}

/** `j`, `?`, `D` (with shift), `Mod+k`, `Alt+1`. */
export function keyName(event: KeyboardEvent): string {
  const mod = event.metaKey || event.ctrlKey ? "Mod+" : "";
  const alt = event.altKey ? "Alt+" : "";
  const digit = event.altKey ? /^(?:Digit(\d)|Key([A-Z]))$/.exec(event.code) : null;
  const key = digit ? (digit[1] ?? digit[2] ?? "").toLowerCase() : event.key;
  return mod + alt + key;
}

/** While the component that calls it is there, and nothing stands above it. */
export function useKeys(keys: Keys): void {
  const now = useRef(keys);
  useEffect(() => {
    now.current = keys;
  });
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const name = keyName(event);
      const act = now.current[name];
      if (!act || event.defaultPrevented) return;
      if (inField(event.target) && !name.startsWith("Mod+") && !name.startsWith("Alt+")) return;
      if (document.querySelector("[role=dialog][aria-modal=true]") && name !== "Mod+k") return;
      event.preventDefault();
      act(event);
    };
    window.addEventListener("keydown", pressed);
    return () => window.removeEventListener("keydown", pressed);
  }, []);
}
