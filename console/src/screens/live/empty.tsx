/** Nothing is shown: because nothing happened, or because of the filter. */
import { IconActivity } from "@tabler/icons-react";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { clockTime } from "../../model/time";
import { Button, LinkButton, Empty as Nothing } from "../../parts/basic";
import type { LiveSearch } from "../../router";
import { useAround } from "../shell";
import css from "./live.module.css";

export function Empty({ filtered }: { filtered: boolean }) {
  const { page } = useAround();
  const navigate = useNavigate();
  const [since] = useState(() => Date.now());
  const line = `baton send ${page} you "hello"`;
  if (filtered) {
    return (
      <Nothing title="Nothing fits">
        <LinkButton
          onClick={() =>
            void navigate({ to: ".", search: ({ kind: _k, app: _a, q: _q, ...rest }: LiveSearch) => rest })
          }
        >
          Clear filter
        </LinkButton>
      </Nothing>
    );
  }
  return (
    <Nothing
      icon={<IconActivity size={24} stroke={1.6} />}
      title={`Listening. Nothing has happened since ${clockTime(since)}`}
    >
      <p className={css.command}>
        <code>{line}</code>
        <Button onClick={() => void navigator.clipboard.writeText(line)}>Copy</Button>
      </p>
    </Nothing>
  );
}
