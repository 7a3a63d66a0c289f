/** The server is not reached: what is shown may be old, and nothing can be changed. */
import { IconPlugConnectedX } from "@tabler/icons-react";
import { useNow } from "../api/clock";
import { type Connection, tryNow } from "../api/live";
import { clockTime, duration } from "../model/time";
import css from "./shell.module.css";

export function LostStrip({ connection }: { connection: Connection }) {
  useNow(1);
  const wait = (connection.again ?? Date.now()) - Date.now();
  return (
    <div className={css.strip} data-kind="lost" role="status">
      <IconPlugConnectedX size={17} aria-hidden="true" />
      <strong>Not connected to Baton</strong>
      <span>
        You see what was known at <strong>{clockTime(connection.since ?? Date.now(), true)}</strong>. Drafts
        are kept; nothing can be changed until it is back.
      </span>
      <span style={{ flex: 1 }} />
      <span className="number" aria-hidden="true">
        {wait > 0 ? `trying again in ${duration(wait + 999)}` : "trying again"}
      </span>
      <button type="button" onClick={tryNow}>
        Try now
      </button>
    </div>
  );
}
