/** The doctor: the app's receiver is sent one of everything, and each answer is judged, with what to do about it. */
import { IconAlertTriangle, IconCheck, IconInfoCircle, IconStethoscope, IconX } from "@tabler/icons-react";
import { useExamine } from "../../api/settings";
import type { AppTable, Examination, ReceiverCheck } from "../../api/types";
import { examinedWords } from "../../model/examination";
import { Button, Problem } from "../../parts/basic";
import { Card, screen } from "../../parts/screen";
import { useAround } from "../shell";
import css from "./apps.module.css";

export function Doctor({ app }: { app: AppTable }) {
  const { me, online } = useAround();
  const examine = useExamine();
  if (me.role !== "operator") return null;
  return (
    <Card
      title="Doctor"
      note="one of everything, right and wrong signatures"
      tools={
        <Button disabled={!online || examine.isPending} onClick={() => examine.mutate(app.id)}>
          <IconStethoscope size={16} aria-hidden="true" />
          {examine.isPending ? "It is examined…" : examine.data ? "Run again" : "Run doctor"}
        </Button>
      }
    >
      <div role="status" aria-busy={examine.isPending}>
        {examine.error && <Problem error={examine.error} />}
        {!examine.data && !examine.error && (
          <p className={screen.note}>
            {examine.isPending
              ? "Baton sends it one event after the other. It takes as long as the receiver does."
              : "Sends the receiver each kind of event and says what is wrong with its answers. Nobody’s conversation is touched."}
          </p>
        )}
        {examine.data && <Found found={examine.data} />}
      </div>
    </Card>
  );
}

function Found({ found }: { found: Examination }) {
  return (
    <>
      <p className={css.verdict}>
        <strong>{examinedWords(found.checks)}</strong> <code>{found.url}</code>
      </p>
      <ol className={css.checks} aria-label="What was looked at">
        {found.checks.map((check, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a list that is shown as it came
          <Line key={index} check={check} />
        ))}
      </ol>
    </>
  );
}

const ICONS = { error: IconX, warning: IconAlertTriangle, note: IconInfoCircle };
const WORDS = { error: "wrong", warning: "will go wrong one day", note: "could not be seen" };

function Line({ check: { name, said, finding } }: { check: ReceiverCheck }) {
  const Icon = finding ? ICONS[finding.weight] : IconCheck;
  return (
    <li data-weight={finding?.weight ?? "well"}>
      <Icon size={16} role="img" aria-label={finding ? WORDS[finding.weight] : "as it must be"} />
      <span>{name}</span>
      <div>
        {finding ? (
          <>
            <strong>
              <bdi>{finding.what}</bdi>
            </strong>
            <p>{finding.why}</p>
            <p>
              <b>Do:</b> {finding.do}
            </p>
          </>
        ) : (
          <bdi>{said}</bdi>
        )}
      </div>
    </li>
  );
}
