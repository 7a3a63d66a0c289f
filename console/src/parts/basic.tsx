/** Small things that every screen uses. */
import { useClipboard } from "@mantine/hooks";
import {
  IconAlertTriangle,
  IconBrandInstagram,
  IconCheck,
  IconClockHour4,
  IconCopy,
  IconMessageCircle,
  IconX,
} from "@tabler/icons-react";
import type { ButtonHTMLAttributes, ReactNode, Ref } from "react";
import { Problem as ApiProblem, problemPage, Unreachable } from "../api/client";
import type { Directory } from "../api/queries";
import type { Notice, Surface } from "../api/types";
import { jsonParts } from "../model/json";
import { initials } from "../model/people";
import { AppMark } from "./app";
import css from "./parts.module.css";

export type Look = "primary" | "actor" | "quiet";

export function Button({
  look,
  className,
  ...rest
}: ButtonHTMLAttributes<HTMLButtonElement> & { look?: Look | undefined; ref?: Ref<HTMLButtonElement> }) {
  return <button type="button" {...rest} className={`${css.button} ${className ?? ""}`} data-look={look} />;
}

export function LinkButton({
  className,
  ...rest
}: ButtonHTMLAttributes<HTMLButtonElement> & { ref?: Ref<HTMLButtonElement> }) {
  return <button type="button" {...rest} className={`${css.link} ${className ?? ""}`} />;
}

export const Key = ({ children }: { children: ReactNode }) => (
  <kbd className={css.key} aria-hidden="true">
    {children}
  </kbd>
);

export const SURFACES: Record<Surface, string> = { messenger: "Messenger", instagram: "Instagram" };

export function SurfaceIcon({ on, size = 14 }: { on: Surface; size?: number }) {
  const Icon = on === "instagram" ? IconBrandInstagram : IconMessageCircle;
  return <Icon size={size} stroke={2.2} className={css[on]} role="img" aria-label={SURFACES[on]} />;
}

export function Avatar({ name, on, size }: { name: string; on: Surface; size?: number }) {
  return (
    <span
      className={css.person}
      style={size ? { ["--size" as string]: `${size}px` } : undefined}
      aria-hidden="true"
    >
      {initials(name)}
      <SurfaceIcon on={on} size={15} />
    </span>
  );
}

export type Tone = "well" | "wait" | "danger" | "plain";

const ICONS = { well: IconCheck, wait: IconClockHour4, danger: IconX, plain: null };

export function StatePill({ tone, children }: { tone: Tone; children: ReactNode }) {
  const Icon = ICONS[tone];
  return (
    <span className={css.state} data-tone={tone}>
      {Icon && <Icon size={13} stroke={2.4} aria-hidden="true" />}
      {children}
    </span>
  );
}

export function Empty({ icon, title, children }: { icon?: ReactNode; title: string; children?: ReactNode }) {
  return (
    <div className={css.empty}>
      {icon}
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** Takes a text to the clipboard, and says so for a moment. */
export function Copy({ text, quiet, children }: { text: string; quiet?: boolean; children: ReactNode }) {
  const { copied, copy } = useClipboard({ timeout: 2_000 });
  return (
    <Button look={quiet ? "quiet" : undefined} onClick={() => copy(text)} data-copied={copied || undefined}>
      {copied ? <IconCheck size={15} aria-hidden="true" /> : <IconCopy size={15} aria-hidden="true" />}
      {copied && !quiet ? "Copied" : children}
      <span className="hidden" role="status">
        {copied ? "Copied" : ""}
      </span>
    </Button>
  );
}

/** One of a few, all of them seen. */
export function Segments<T extends string | number>({
  label,
  choices,
  value,
  choose,
}: {
  label: string;
  choices: readonly { value: T; words: ReactNode; name?: string }[];
  value: T;
  choose: (value: T) => void;
}) {
  return (
    <fieldset className={css.segments}>
      <legend className="hidden">{label}</legend>
      {choices.map((one) => (
        <button
          key={one.value}
          type="button"
          aria-pressed={one.value === value}
          aria-label={one.name}
          onClick={() => choose(one.value)}
        >
          {one.words}
        </button>
      ))}
    </fieldset>
  );
}

/** What is on its way: shown when it takes a moment, in about the place that it will need. */
export function Loading({ what }: { what: string }) {
  return (
    <div className={css.loading} role="status" aria-busy="true">
      <span className="hidden">{what} …</span>
      <i />
      <i />
      <i />
    </div>
  );
}

/** What went wrong, where it went wrong, and what to do; the rest of the screen lives on. */
export function Problem({ error, again }: { error: Error; again?: () => void }) {
  const document = error instanceof ApiProblem ? error.document : null;
  return (
    <div className={css.problem} role="alert">
      <IconAlertTriangle size={17} aria-hidden="true" />
      <div>
        <strong>{document ? document.title : error.message}</strong>
        {document && !document.errors && (
          <p>
            <bdi>{document.detail}</bdi>
          </p>
        )}
        {document?.errors?.map((one) => (
          <p key={one.pointer + one.detail}>
            <code>{one.pointer}</code> <bdi>{one.detail}</bdi>
          </p>
        ))}
        {error instanceof Unreachable && (
          <p>
            Look whether it runs, and whether this browser reaches it. What is missing here comes by itself
            when it is back.
          </p>
        )}
        {document?.type.startsWith("/problems/") && (
          <a href={problemPage(document.type)} target="_blank" rel="noreferrer">
            {document.type}
          </a>
        )}
      </div>
      {again && <Button onClick={again}>Try again</Button>}
    </div>
  );
}

/** Who heard of it, on which channel; with what it answered, where that is known. */
export function Notices({
  notices,
  apps,
  answer,
}: {
  notices: Notice[];
  apps: Directory;
  answer?: (notice: Notice) => ReactNode;
}) {
  const seen = new Map<string, number>();
  return (
    <ul className={css.notices}>
      {notices.map((notice) => {
        const name = `${notice.app_id}/${notice.channel}/${notice.event}`;
        const times = seen.get(name) ?? 0;
        seen.set(name, times + 1);
        const app = apps.app(notice.app_id);
        return (
          <li key={`${name}/${times}`}>
            <span title={app.name}>
              <AppMark app={app} />
              <span className="hidden">{app.name}</span>
            </span>
            <span>
              {notice.channel === "standby" && <small>standby · </small>}
              {notice.event}
            </span>
            {answer?.(notice)}
          </li>
        );
      })}
    </ul>
  );
}

/** JSON with its keys, texts and numbers told apart. */
export function Json({ value, label }: { value: unknown; label: string }) {
  return (
    <pre className={css.json} tabIndex={0} role="region" aria-label={label}>
      {jsonParts(JSON.stringify(value, null, 2)).map((part, place) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a part is what stands at its place
        <i key={place} data-kind={part.kind}>
          {part.text}
        </i>
      ))}
    </pre>
  );
}
