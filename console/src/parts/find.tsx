/** A field that searches while one types. `/` goes there, Escape leaves it; what is asked elsewhere empties it. */
import { useDebouncedCallback } from "@mantine/hooks";
import { IconSearch } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";
import { Key } from "./basic";
import css from "./find.module.css";
import { useKeys } from "./keys";

/** How long typing must pause before it is asked, in milliseconds. */
const PAUSE = 200;

export function Find({
  asked,
  ask,
  label,
  placeholder,
  className,
}: {
  asked: string | undefined;
  ask: (text: string) => void;
  label: string;
  placeholder: string;
  className: string | undefined;
}) {
  const [typed, setTyped] = useState(asked ?? "");
  const field = useRef<HTMLInputElement>(null);
  const askLater = useDebouncedCallback(ask, PAUSE);
  useEffect(() => {
    if (!asked) setTyped("");
  }, [asked]);
  useKeys({ "/": () => field.current?.focus() });
  return (
    <label className={`${css.find} ${className ?? ""}`}>
      <IconSearch size={15} aria-hidden="true" />
      <span className="hidden">{label}</span>
      <input
        ref={field}
        value={typed}
        placeholder={placeholder}
        onChange={(event) => {
          setTyped(event.target.value);
          askLater(event.target.value);
        }}
        onKeyDown={(event) => event.key === "Escape" && field.current?.blur()}
      />
      <Key>/</Key>
    </label>
  );
}
