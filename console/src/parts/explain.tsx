/** A rule's identifier, which opens the row of the specification. */
import { Popover } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { useRule } from "../api/queries";
import css from "./parts.module.css";

function RuleText({ id }: { id: string }) {
  const { data, error, isPending } = useRule(id, true);
  if (isPending) return <p>…</p>;
  if (error) return <p>The specification has no row {id}.</p>;
  return (
    <>
      <dl>
        {data.cells.map((cell) => (
          <div key={cell.title} style={{ display: "contents" }}>
            <dt>{cell.title}</dt>
            <dd>{cell.text}</dd>
          </div>
        ))}
      </dl>
      <p>{data.section}</p>
    </>
  );
}

/** What is known about why: the sentence of this case, then the rule's own row. */
export function Explanation({
  rule,
  via,
  children,
}: {
  rule: string;
  via?: string | null | undefined;
  children?: ReactNode;
}) {
  return (
    <div className={css.explain} data-part="explanation">
      <header>
        <h3>Why: {rule}</h3>
        {via && <span>refers to {via}</span>}
      </header>
      {children}
      <RuleText id={via ?? rule} />
    </div>
  );
}

export function RuleTag({
  rule,
  via,
  children,
}: {
  rule: string;
  via?: string | null | undefined;
  children?: ReactNode;
}) {
  const [open, setOpen] = useState(false);
  return (
    <Popover
      opened={open}
      onChange={setOpen}
      withArrow
      shadow="md"
      position="bottom-end"
      trapFocus
      returnFocus
    >
      <Popover.Target>
        <button
          type="button"
          className={css.rule}
          aria-label={`Rule ${rule}: explain`}
          onClick={() => setOpen(!open)}
        >
          {rule}
        </button>
      </Popover.Target>
      <Popover.Dropdown>
        <Explanation rule={rule} via={via}>
          {children}
        </Explanation>
      </Popover.Dropdown>
    </Popover>
  );
}
