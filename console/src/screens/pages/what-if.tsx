/** A person does something, now or later, as it is or with the change: who gets it, by which rule? Nothing is done. */
import { useEffect, useState } from "react";
import { batonNow } from "../../api/clock";
import { useConversations } from "../../api/conversations";
import { dryRun, type Outcome } from "../../api/queries";
import { fileOf } from "../../api/settings";
import type { PersonEvent } from "../../api/types";
import { personName } from "../../model/people";
import { enter, waysIn } from "../../model/simulator";
import { HOUR } from "../../model/time";
import { OwnerPill } from "../../parts/app";
import { Button, Notices, Segments } from "../../parts/basic";
import { RuleTag } from "../../parts/explain";
import { Card, Field, Select, screen } from "../../parts/screen";
import { useAround } from "../shell";
import { useDraft } from "./draft";
import css from "./pages.module.css";

const NOBODY = "somebody-new";

/** In hours from now, if nothing else happens until then. */
const LATER = [
  { value: "0", words: "now" },
  { value: "1", words: "in an hour" },
  { value: "24", words: "in a day" },
  { value: "72", words: "in 3 days" },
  { value: "168", words: "in a week" },
];

export function WhatIf({ address }: { address: string }) {
  const { apps } = useAround();
  const { saved, page, on, changed } = useDraft();
  const { rows } = useConversations({ page: address });
  const people = rows.slice(0, 50);
  const [person, setPerson] = useState(NOBODY);
  const [what, setWhat] = useState("write");
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const [later, setLater] = useState("0");
  const [asItIs, setAsItIs] = useState(false);
  const withChange = changed && !asItIs;
  const doings = doingsOf(withChange ? page : saved, on);
  const doing = doings.find((one) => one.value === what) ?? doings[0];
  const ask = () => {
    if (!doing) return;
    const hours = Number(later);
    const supposed = {
      ...(hours > 0 && { at: new Date(batonNow() + hours * HOUR).toISOString() }),
      ...(withChange && { routing: fileOf(page) }),
    };
    void dryRun(address, person, { event: doing.event, ...supposed }).then(setOutcome);
  };
  // What was answered is of the settings that were asked about.
  useEffect(() => setOutcome(null), [withChange, page]);
  const anew =
    <T,>(set: (value: T) => void) =>
    (value: T) => {
      set(value);
      setOutcome(null);
    };
  return (
    <Card
      title="What if…"
      tools={
        changed && (
          <Segments
            label="Under which settings"
            choices={[
              { value: "is", words: "as it is" },
              { value: "change", words: "with my change" },
            ]}
            value={asItIs ? "is" : "change"}
            choose={(which) => setAsItIs(which === "is")}
          />
        )
      }
    >
      <div className={screen.body}>
        <Field label="Person">
          <Select
            value={person}
            choose={anew(setPerson)}
            choices={[
              { value: NOBODY, words: "somebody who never wrote" },
              ...people.map((one) => ({ value: one.person.id, words: personName(one.person) })),
            ]}
          />
        </Field>
        <Field label="does">
          <Select value={doing?.value ?? ""} choose={anew(setWhat)} choices={doings} />
        </Field>
        <Field label="when">
          <Select value={later} choose={anew(setLater)} choices={LATER} />
        </Field>
        <div className={css.buttons}>
          <Button onClick={ask}>Who gets it?</Button>
        </div>
        {outcome && (
          <div className={css.result} role="status">
            {"decided" in outcome ? (
              <>
                <OwnerPill
                  control={{
                    owner: outcome.decided.thread.owner_app_id
                      ? apps.app(outcome.decided.thread.owner_app_id)
                      : null,
                    until: outcome.decided.thread.expires_at
                      ? Date.parse(outcome.decided.thread.expires_at)
                      : null,
                    byDefault: false,
                  }}
                />
                <p>
                  by <RuleTag rule={outcome.decided.rule} via={outcome.decided.via} />
                </p>
                <Notices notices={outcome.decided.notices} apps={apps} />
              </>
            ) : (
              <p>
                Refused: <bdi>{outcome.problem.document.detail}</bdi>{" "}
                {outcome.problem.document.rule && (
                  <RuleTag rule={outcome.problem.document.rule} via={outcome.problem.document.via} />
                )}
              </p>
            )}
          </div>
        )}
      </div>
    </Card>
  );
}

interface Doing {
  value: string;
  words: string;
  event: PersonEvent;
}

/** Everything that a person may do to come in, one by one. */
function doingsOf(page: Parameters<typeof waysIn>[0], on: Parameters<typeof waysIn>[1]): Doing[] {
  const write: Doing = {
    value: "write",
    words: "writes",
    event: { type: "message", message: { text: "hello" } },
  };
  const ways = waysIn(page, on).flatMap((way) => {
    const choices =
      way.choices.length > 0 ? way.choices : way.kind === "ad" ? [] : [{ value: "", words: "" }];
    return choices.map((choice) => ({
      value: `${way.kind}/${choice.value}`,
      words: [way.name, choice.words].filter(Boolean).join(": "),
      event: enter(way, choice.value),
    }));
  });
  return [write, ...ways];
}
