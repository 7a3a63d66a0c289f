/** Baton's time is not the real one: what it is, and how to move it. On every screen, so that nobody is surprised. */
import { IconClockPlay } from "@tabler/icons-react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Problem } from "../api/client";
import { batonNow, tell, useNow } from "../api/clock";
import { soonestExpiry, turnClock } from "../api/queries";
import { personName } from "../model/people";
import { clockTime, duration, fullMoment, offset as signed } from "../model/time";
import { useAround } from "./shell";
import css from "./shell.module.css";

/** Less than this much apart the two times are one. */
const SAME = 2_000;

function useNextExpiry(enabled: boolean) {
  return useQuery({
    queryKey: ["conversations", "next-expiry"],
    queryFn: soonestExpiry,
    enabled,
  });
}

type Turn = Parameters<typeof turnClock>[0];

/** The clock, and buttons that move it. What a turn did is said beside it. */
export function useTurns() {
  const queries = useQueryClient();
  const [busy, setBusy] = useState(false);
  const [said, setSaid] = useState("");
  async function turn(by: Turn) {
    setBusy(true);
    try {
      const turned = await turnClock(by);
      tell(turned);
      const went = Date.parse(turned.now) - Date.parse(turned.was);
      const ran = turned.ran === 1 ? "1 thing was due" : `${turned.ran} things were due`;
      setSaid(
        "freeze" in by
          ? turned.frozen
            ? "The clock stands"
            : "The clock runs"
          : `${duration(went)} later; ${ran}`,
      );
      await queries.invalidateQueries();
    } catch (error) {
      setSaid(error instanceof Problem ? error.document.detail : "The clock was not reached");
    }
    setBusy(false);
  }
  return { turn, busy, said };
}

export function ClockStrip({ frozen, offset, always }: { frozen: boolean; offset: number; always: boolean }) {
  const { me, online } = useAround();
  const now = useNow(1);
  const apart = Math.abs(offset) > SAME;
  const shown = apart || frozen || always;
  const { data: next } = useNextExpiry(shown);
  const { turn, busy, said } = useTurns();
  const [setting, setSetting] = useState(false);
  if (!shown) return null;
  const off = busy || !online;
  const until = next?.expires_at ? Date.parse(next.expires_at) : null;
  function set(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const given = new FormData(event.currentTarget).get("to");
    const at = typeof given === "string" ? new Date(given) : null;
    if (at && !Number.isNaN(at.getTime())) void turn({ set: at.toISOString() }).then(() => setSetting(false));
  }
  return (
    <section className={css.strip} data-kind="clock" aria-label="Baton’s clock">
      <IconClockPlay size={18} aria-hidden="true" />
      <strong className="number">
        {apart || frozen ? "Time is not real: " : "The clock is virtual"}
        {[apart && signed(offset), frozen && "frozen"].filter(Boolean).join(", ")}
      </strong>
      <hr />
      <span>
        Baton says <strong className="number">{fullMoment(now)}</strong>
      </span>
      <span className="number">real time {clockTime(Date.now())}</span>
      <span role="status">{said}</span>
      <span style={{ flex: 1 }} />
      {me.role !== "operator" ? null : setting ? (
        <form onSubmit={set}>
          <input
            type="datetime-local"
            name="to"
            step="1"
            aria-label="Set Baton’s time to"
            defaultValue={local(batonNow())}
          />
          <button type="submit" disabled={off}>
            Set
          </button>
          <button type="button" onClick={() => setSetting(false)}>
            Cancel
          </button>
        </form>
      ) : (
        <>
          <span>Advance</span>
          <button type="button" disabled={off} onClick={() => void turn({ advance: "1h" })}>
            +1 h
          </button>
          <button type="button" disabled={off} onClick={() => void turn({ advance: "24h" })}>
            +1 day
          </button>
          {next && until && until > now && (
            <button
              type="button"
              className="number"
              disabled={off}
              onClick={() => void turn({ set: new Date(until).toISOString() })}
            >
              To next expiry: {duration(until - now)}, <bdi>{personName(next.person)}</bdi>
            </button>
          )}
          <button type="button" disabled={off} onClick={() => setSetting(true)}>
            Set…
          </button>
          <button type="button" disabled={off} onClick={() => void turn({ freeze: !frozen })}>
            {frozen ? "Run" : "Freeze"}
          </button>
        </>
      )}
    </section>
  );
}

/** As a field for local time wants it. */
function local(at: number): string {
  const shifted = at - new Date(at).getTimezoneOffset() * 60_000;
  return new Date(shifted).toISOString().slice(0, 19);
}
