/** What is offered under an answer: quick replies or buttons, as the person will see them. */
import { IconLayoutList, IconX } from "@tabler/icons-react";
import { type Choices, MOST, NONE, saidOf, TITLE } from "../../model/choices";
import { Button, Segments } from "../../parts/basic";
import css from "./inbox.module.css";

/** Opens it, with the first one to fill in. */
export function Offer({ choices, change }: { choices: Choices; change: (choices: Choices) => void }) {
  const open = choices.rows.length > 0;
  return (
    <Button
      look="quiet"
      aria-label="Offer choices"
      title="Quick replies or buttons under the answer"
      aria-expanded={open}
      onClick={() => change(open ? NONE : { ...choices, rows: [{ title: "", url: "" }] })}
    >
      <IconLayoutList size={18} aria-hidden="true" />
    </Button>
  );
}

export function Offered({ choices, change }: { choices: Choices; change: (choices: Choices) => void }) {
  const { kind, rows } = choices;
  if (rows.length === 0) return null;
  const put = (index: number, row: Partial<(typeof rows)[number]>) =>
    change({ kind, rows: rows.map((one, at) => (at === index ? { ...one, ...row } : one)) });
  const full = rows.length >= MOST[kind];
  const said = saidOf(choices).length;
  return (
    <fieldset className={css.offered}>
      <legend className="hidden">Choices under the answer</legend>
      <Segments
        label="Which kind"
        choices={[
          { value: "quick" as const, words: "Quick replies" },
          { value: "buttons" as const, words: "Buttons" },
        ]}
        value={kind}
        choose={(kind) => change({ kind, rows: rows.slice(0, MOST[kind]) })}
      />
      <ul>
        {rows.map((row, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a row is the one at its place
          <li key={index}>
            <input
              value={row.title}
              maxLength={TITLE}
              aria-label={`Title ${index + 1}`}
              placeholder={kind === "quick" ? "What the person taps" : "Title"}
              onChange={(event) => put(index, { title: event.target.value })}
            />
            {kind === "buttons" && (
              <input
                value={row.url}
                maxLength={1000}
                aria-label={`Link ${index + 1}`}
                placeholder="https://… or empty"
                onChange={(event) => put(index, { url: event.target.value })}
              />
            )}
            <button
              type="button"
              aria-label={`Leave out choice ${index + 1}`}
              onClick={() => change({ kind, rows: rows.filter((_, at) => at !== index) })}
            >
              <IconX size={14} aria-hidden="true" />
            </button>
          </li>
        ))}
      </ul>
      <span>
        <Button
          look="quiet"
          disabled={full}
          onClick={() => change({ kind, rows: [...rows, { title: "", url: "" }] })}
        >
          One more
        </Button>
        <small>
          {said === 0
            ? "Nothing is offered yet."
            : kind === "quick"
              ? "Quick replies go when one is tapped, or when something else is said."
              : "Buttons stay under the message."}
        </small>
      </span>
    </fieldset>
  );
}
