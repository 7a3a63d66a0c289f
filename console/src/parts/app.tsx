/** An app, as it looks everywhere: its letters in its colour, its name; and who is in control, as one sentence. */
import { IconUserSquareRounded } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { useNow } from "../api/clock";
import type { Directory } from "../api/queries";
import type { App } from "../model/apps";
import { type Piece, sentence } from "../model/sentences";
import { duration, fullMoment, MINUTE, moment, utc } from "../model/time";
import css from "./parts.module.css";

type Size = "large" | "huge";

export function AppMark({ app, size }: { app: App | null; size?: Size }) {
  if (!app)
    return <span className={css.mark} data-nobody data-app="none" data-size={size} aria-hidden="true" />;
  return (
    <span className={css.mark} data-app={app.colour} data-size={size} aria-hidden="true">
      {app.inbox ? <IconUserSquareRounded stroke={2.2} /> : app.letters}
    </span>
  );
}

export function AppChip({
  app,
  note,
  coloured,
}: {
  app: App | null;
  note?: string | undefined;
  coloured?: boolean;
}) {
  return (
    <span className={css.chip} data-app={app?.colour ?? "none"} data-coloured={coloured || undefined}>
      <AppMark app={app} />
      <bdi>{app ? app.name : "Nobody"}</bdi>
      {note && <small>{note}</small>}
    </span>
  );
}

/** A sentence, its apps in their colours. */
export function Sentence({ pieces, apps }: { pieces: Piece[]; apps: Directory }) {
  let place = 0;
  return pieces.map((piece) => {
    place += 1;
    if (!("app" in piece)) return <span key={place}>{piece.text}</span>;
    const app = apps.app(piece.app);
    return (
      <bdi key={place} className={css.named} data-app={app.colour}>
        {app.name}
      </bdi>
    );
  });
}

export { sentence };

/** A moment in local time; the whole of it and UTC on hover and for who asks. */
export function Moment({ at, seconds, children }: { at: number; seconds?: boolean; children?: ReactNode }) {
  const now = useNow(60);
  return (
    <time
      className="number"
      dateTime={new Date(at).toISOString()}
      title={`${fullMoment(at)} local, ${utc(at)}`}
    >
      {children ?? moment(at, now, seconds)}
    </time>
  );
}

/** What is left of control. Ticks by the minute, and by the second under two of them. */
export function Countdown({ until, suffix = "" }: { until: number; suffix?: string }) {
  const coarse = useNow(10);
  return until - coarse > 2 * MINUTE + 10_000 ? (
    <span className="number">
      {duration(until - coarse)}
      {suffix}
    </span>
  ) : (
    <LastSeconds until={until} suffix={suffix} />
  );
}

function LastSeconds({ until, suffix }: { until: number; suffix: string }) {
  const now = useNow(1);
  const over = until <= now;
  return <span className="number">{over ? "expired" : `${duration(until - now)}${suffix}`}</span>;
}

export interface Control {
  owner: App | null;
  /** When it lapses; null: no end. */
  until: number | null;
  /** Whether the owner is the default app that nobody gave control. */
  byDefault: boolean;
}

/** Until when, in words: clock time and distance. */
export function Until({ control }: { control: Control }) {
  const { owner, until, byDefault } = control;
  if (!owner) return <span>the next message is routed anew</span>;
  if (until === null) return <span>{byDefault ? "as the default app, no end" : "no end"}</span>;
  return (
    <span>
      until <Moment at={until} /> ·{" "}
      <b>
        <Countdown until={until} />
      </b>{" "}
      left
    </span>
  );
}

export function OwnerPill({ control, you }: { control: Control; you?: boolean }) {
  const { owner } = control;
  return (
    <span
      className={css.pill}
      data-app={owner?.colour ?? "none"}
      data-nobody={owner ? undefined : true}
      data-part="owner"
    >
      <AppMark app={owner} size="large" />
      <span>
        <strong>
          {owner ? (
            <>
              <bdi>{owner.name}</bdi>
              {you && owner.inbox ? " (you)" : ""} is in control
            </>
          ) : (
            "Nobody is in control"
          )}
        </strong>
        <Until control={control} />
      </span>
    </span>
  );
}
