/** What screens of settings and tables are made of: cards, tabs, fields, and secrets that are shown once. */
import { IconAlertTriangle } from "@tabler/icons-react";
import type { InputHTMLAttributes, ReactNode, SelectHTMLAttributes } from "react";
import { createContext, useContext, useId, useState } from "react";
import { Problem as ApiProblem } from "../api/client";
import type { Mistake } from "../api/types";
import { Button } from "./basic";
import css from "./screen.module.css";

export { css as screen };

export function Card({
  title,
  note,
  tools,
  strong,
  children,
}: {
  title: string;
  note?: ReactNode;
  tools?: ReactNode;
  strong?: boolean;
  children: ReactNode;
}) {
  const id = useId();
  return (
    <div className={css.card} role="group" aria-labelledby={id} data-strong={strong || undefined}>
      <header>
        <h2 id={id}>
          <bdi>{title}</bdi>
        </h2>
        {note && <small>{note}</small>}
        {tools && <div className={css.acts}>{tools}</div>}
      </header>
      {children}
    </div>
  );
}

/** A table that may be wider than its place. */
export function Table({
  label,
  heads,
  children,
}: {
  label: string;
  heads: ReactNode[];
  children: ReactNode;
}) {
  return (
    <div className={css.scroll} role="group" aria-label={label} tabIndex={0}>
      <table className={css.table}>
        <thead>
          <tr>{heads}</tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

export const head = (words: string, number = false) => (
  <th key={words} scope="col" data-number={number || undefined}>
    {words}
  </th>
);

/** A column of buttons. */
export const actsHead = (
  <th key="acts" scope="col">
    <span className="hidden">What can be done</span>
  </th>
);

/** What the server found wrong in what a form sends, each where it stands. */
const Mistakes = createContext<readonly Mistake[]>([]);

/** Fields within show what of a refusal is about them. `at`: where in what is sent their table stands. */
export function Judged({
  error,
  at = "",
  children,
}: {
  error: Error | null;
  at?: string;
  children: ReactNode;
}) {
  const all = (error instanceof ApiProblem && error.document.errors) || [];
  const own = all.filter((one) => one.pointer.startsWith(`${at}/`));
  const within = own.map((one) => ({ ...one, pointer: one.pointer.slice(at.length) }));
  return <Mistakes value={within}>{children}</Mistakes>;
}

/** What is wrong at a place, or within it. */
function useMistakes(at: string | undefined): Mistake[] {
  const all = useContext(Mistakes);
  return all.filter((one) => one.pointer === at || one.pointer.startsWith(`${at}/`));
}

/** What is wrong at a place; nothing where all is well. */
export function Wrong({ at, id }: { at: string; id?: string }) {
  const wrong = useMistakes(at);
  if (wrong.length === 0) return null;
  return (
    <small className={css.wrong} id={id} role="status">
      {wrong.map((one) => (
        <span key={one.pointer + one.detail}>
          <bdi>{one.detail}</bdi>
        </span>
      ))}
    </small>
  );
}

/** What the control within a field is called by and described by. */
interface Around {
  id?: string;
  "aria-labelledby"?: string;
  "aria-describedby"?: string;
  "aria-invalid"?: boolean;
}

const FieldContext = createContext<Around>({});

/** For a control; one that has a name of its own is not called by the field's. */
function useAround(name: string | undefined): Around {
  const { "aria-labelledby": labelled, ...around } = useContext(FieldContext);
  return name === undefined && labelled !== undefined ? { "aria-labelledby": labelled, ...around } : around;
}

/** How a field tells its control what is wrong. */
function useWrong(at: string | undefined): { wrong: ReactNode; tells: Around } {
  const id = useId();
  const wrong = useMistakes(at);
  if (at === undefined || wrong.length === 0) return { wrong: null, tells: {} };
  return { wrong: <Wrong at={at} id={id} />, tells: { "aria-describedby": id, "aria-invalid": true } };
}

/** A control with its name above it: the `Input` or `Select` within. `at`: where in what is sent its value stands. */
export function Field({
  label,
  wide,
  at,
  children,
}: {
  label: string;
  wide?: boolean;
  at?: string;
  children: ReactNode;
}) {
  const id = useId();
  const { wrong, tells } = useWrong(at);
  return (
    <div className={css.field} data-wide={wide || undefined}>
      <label htmlFor={id}>{label}</label>
      <FieldContext value={{ id, ...tells }}>{children}</FieldContext>
      {wrong}
    </div>
  );
}

/** A setting: what it is and does, and beside it the control. */
export function Setting({
  title,
  about,
  at,
  children,
}: {
  title: string;
  about: ReactNode;
  at?: string;
  children: ReactNode;
}) {
  const id = useId();
  const { wrong, tells } = useWrong(at);
  return (
    <div className={css.row}>
      <div>
        <strong id={id}>{title}</strong>
        <p>{about}</p>
        {wrong}
      </div>
      <FieldContext value={{ "aria-labelledby": id, ...tells }}>{children}</FieldContext>
    </div>
  );
}

export function Input({ mono, ...rest }: InputHTMLAttributes<HTMLInputElement> & { mono?: boolean }) {
  const around = useAround(rest["aria-label"]);
  return <input {...around} {...rest} className={css.input} data-mono={mono || undefined} />;
}

export interface Choice<T extends string = string> {
  value: T;
  words: string;
}

export function Select<T extends string>({
  choices,
  choose,
  ...rest
}: Omit<SelectHTMLAttributes<HTMLSelectElement>, "onChange" | "value"> & {
  value: T;
  choices: readonly Choice<T>[];
  choose: (value: T) => void;
}) {
  const around = useAround(rest["aria-label"]);
  return (
    <select {...around} {...rest} className={css.input} onChange={(event) => choose(event.target.value as T)}>
      {choices.map((choice) => (
        <option key={choice.value} value={choice.value}>
          {choice.words}
        </option>
      ))}
    </select>
  );
}

export function Check({
  label,
  hideLabel,
  ...rest
}: InputHTMLAttributes<HTMLInputElement> & { label: string; hideLabel?: boolean }) {
  return (
    <label className={css.check}>
      <input {...rest} type="checkbox" />
      <span className={hideLabel ? "hidden" : undefined}>{label}</span>
    </label>
  );
}

/** On or off, at once: what it means stands beside it. */
export function Switch({ label, ...rest }: InputHTMLAttributes<HTMLInputElement> & { label: string }) {
  return (
    <input
      {...rest}
      type="checkbox"
      role="switch"
      aria-checked={rest.checked}
      aria-label={label}
      className={css.switch}
    />
  );
}

/** Something secret that is told this once. */
export function Once({ label, secret, done }: { label: string; secret: string; done: () => void }) {
  const [copied, setCopied] = useState(false);
  return (
    <div className={css.once} role="status">
      <strong>
        <bdi>{label}</bdi>
      </strong>
      <div>
        <code>{secret}</code>
        <Button onClick={() => void navigator.clipboard.writeText(secret).then(() => setCopied(true))}>
          {copied ? "Copied" : "Copy"}
        </Button>
        <Button onClick={done}>I have it</Button>
      </div>
      <p>It is shown this once, and kept nowhere.</p>
    </div>
  );
}

export function Warning({ children }: { children: ReactNode }) {
  return (
    <div className={css.warning} role="note">
      <IconAlertTriangle size={16} aria-hidden="true" />
      <div>{children}</div>
    </div>
  );
}
