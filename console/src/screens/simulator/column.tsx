/** One person: the phone, and beside it what Baton made of what they did. */
import { useEffect, useMemo, useRef, useState } from "react";
import { useMessages } from "../../api/messages";
import { dryRun, type Outcome, useConversation, usePersonEvent, useRouting } from "../../api/queries";
import type { PersonEvent } from "../../api/types";
import { personName } from "../../model/people";
import { enter, type Phone, waysIn } from "../../model/simulator";
import { OwnerPill } from "../../parts/app";
import { Avatar, Problem, SURFACES } from "../../parts/basic";
import { controlOf } from "../inbox/conversation";
import { useAround } from "../shell";
import { Decided } from "./decided";
import { Person } from "./person";
import { PhoneView } from "./phone";
import css from "./simulator.module.css";
import { Ways } from "./ways";

export interface ColumnActs {
  focus: () => void;
  enter: () => void;
  whatIf: () => void;
}

export function Column({
  phone,
  acts,
  onFocus,
  change,
  taken,
}: {
  phone: Phone;
  acts: (acts: ColumnActs | null) => void;
  onFocus: () => void;
  change: (phone: Phone) => void;
  taken: Phone[];
}) {
  const { apps, online } = useAround();
  const place = apps.place(phone.page);
  const { data: one } = useConversation(phone.page, phone.person);
  const messages = useMessages(phone.page, phone.person);
  const event = usePersonEvent(phone.page, phone.person);
  const field = useRef<HTMLInputElement>(null);
  const { data: routing } = useRouting();
  const ways = useMemo(() => {
    const page = routing?.pages.find((page) => page.id === place?.page.id);
    return place && page ? waysIn(page, place.on) : [];
  }, [place, routing]);
  const [way, setWay] = useState(0);
  const [choices, setChoices] = useState<Record<string, string>>({});
  const [whatIf, setWhatIf] = useState<Outcome | null>(null);
  const chosen = ways[way] ?? ways[0];
  const value = chosen ? (choices[chosen.kind] ?? chosen.choices[0]?.value ?? "") : "";
  const does = (what: PersonEvent) => {
    setWhatIf(null);
    event.mutate(what);
  };
  const come = () => chosen && does(enter(chosen, value));
  const ask = () => {
    if (chosen) void dryRun(phone.page, phone.person, { event: enter(chosen, value) }).then(setWhatIf);
  };
  useEffect(() => {
    acts({ focus: () => field.current?.focus(), enter: come, whatIf: ask });
    return () => acts(null);
  });
  if (!place) return null;
  const name = one ? personName(one.person) : phone.person;
  return (
    <section className={css.column} onFocusCapture={onFocus} aria-label={`${name}, ${SURFACES[place.on]}`}>
      <PhoneView
        place={place}
        person={phone.person}
        name={name}
        messages={messages.rows}
        does={does}
        busy={event.isPending || !online}
        field={field}
      />
      <div className={css.judgement}>
        <header className={css.person}>
          <Avatar name={name} on={place.on} />
          <div>
            <h2>
              <bdi>{name}</bdi>
            </h2>
            <p>
              <code>{phone.person}</code> · {SURFACES[place.on]}
            </p>
          </div>
          <Person phone={phone} change={change} taken={taken} />
        </header>
        {one ? (
          <OwnerPill control={controlOf(one, apps)} />
        ) : (
          <p className={css.unknown}>
            Has never written to <bdi>{place.page.name}</bdi>. Choose a way in, or write.
          </p>
        )}
        <Ways
          ways={ways}
          way={way}
          value={value}
          choose={(index, choice) => {
            setWay(index);
            setWhatIf(null);
            const kind = ways[index]?.kind;
            if (kind && choice !== undefined) setChoices({ ...choices, [kind]: choice });
          }}
          come={come}
          ask={ask}
          busy={event.isPending || !online}
          outcome={whatIf}
        />
        {event.error && <Problem error={event.error} />}
        <Decided phone={phone} place={place} />
      </div>
    </section>
  );
}
