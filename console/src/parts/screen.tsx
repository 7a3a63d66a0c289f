/** What screens of settings and tables are made of: cards, tabs, fields, and secrets that are shown once. */
import { IconAlertTriangle } from "@tabler/icons-react";
import type { InputHTMLAttributes, ReactNode, SelectHTMLAttributes } from "react";
import { createContext, useContext, useId, useState } from "react";
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

const FieldId = createContext<string | undefined>(undefined);

/** A control with its name above it: the `Input` or `Select` within. */
export function Field({ label, wide, children }: { label: string; wide?: boolean; children: ReactNode }) {
  const id = useId();
  return (
    <div className={css.field} data-wide={wide || undefined}>
      <label htmlFor={id}>{label}</label>
      <FieldId value={id}>{children}</FieldId>
    </div>
  );
}

export function Input({ mono, ...rest }: InputHTMLAttributes<HTMLInputElement> & { mono?: boolean }) {
  const id = useContext(FieldId);
  return <input id={id} {...rest} className={css.input} data-mono={mono || undefined} />;
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
  const id = useContext(FieldId);
  return (
    <select id={id} {...rest} className={css.input} onChange={(event) => choose(event.target.value as T)}>
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
