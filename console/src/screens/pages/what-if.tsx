/** A person does something now: who gets it, and by which rule? Nothing is done. */
import { useState } from "react";
import { useConversations } from "../../api/conversations";
import { dryRun, type Outcome } from "../../api/queries";
import type { PersonEvent } from "../../api/types";
import { personName } from "../../model/people";
import { enter, waysIn } from "../../model/simulator";
import { OwnerPill } from "../../parts/app";
import { Button, Notices } from "../../parts/basic";
import { RuleTag } from "../../parts/explain";
import { Card, Field, Select, screen } from "../../parts/screen";
import { useAround } from "../shell";
import { useDraft } from "./draft";
import css from "./pages.module.css";

const NOBODY = "somebody-new";

export function WhatIf({ address }: { address: string }) {
  const { apps } = useAround();
  const { saved, on, changed } = useDraft();
  const { rows } = useConversations({ page: address });
  const people = rows.slice(0, 50);
  const [person, setPerson] = useState(NOBODY);
  const [what, setWhat] = useState("write");
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const doings = doingsOf(saved, on);
  const doing = doings.find((one) => one.value === what) ?? doings[0];
  const ask = () => doing && void dryRun(address, person, { event: doing.event }).then(setOutcome);
  const anew =
    <T,>(set: (value: T) => void) =>
    (value: T) => {
      set(value);
      setOutcome(null);
    };
  return (
    <Card title="What if…" note={changed ? "as it is saved" : "as it is"}>
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
        <Field label="does, now">
          <Select value={doing?.value ?? ""} choose={anew(setWhat)} choices={doings} />
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
