/** The Simulator: be one to four people, and see at once what Baton decided. */
import { IconPlus } from "@tabler/icons-react";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useRef } from "react";
import { useClock } from "../../api/clock";
import {
  freshPerson,
  MOST_PHONES,
  type Phone,
  readPhones,
  withCount,
  writePhones,
} from "../../model/simulator";
import { Button, Segments } from "../../parts/basic";
import { useKeys } from "../../parts/keys";
import { Tools, useAround } from "../shell";
import { Column, type ColumnActs } from "./column";
import css from "./simulator.module.css";

const phonesWords = (many: number): string => (many === 1 ? "1 phone" : `${many} phones`);

export function Simulator() {
  const { apps, page } = useAround();
  const { phones: asked } = useSearch({ from: "/simulator" });
  const navigate = useNavigate();
  const clock = useClock();
  const given = readPhones(asked).filter((phone) => apps.place(phone.page));
  const phones = given.length > 0 ? given : withCount([], 1, page);
  const columns = useRef<(ColumnActs | null)[]>([]);
  const active = useRef(0);
  const show = (next: Phone[]) =>
    void navigate({
      to: ".",
      search: (before: object) => ({ ...before, phones: writePhones(next) }),
      replace: true,
    });
  const count = (many: number) => show(withCount(phones, many, page));
  const add = () => {
    const fresh = { page, person: freshPerson(phones) };
    show(phones.length < MOST_PHONES ? [...phones, fresh] : [...phones.slice(0, -1), fresh]);
  };
  const focus = (index: number) => () => columns.current[index]?.focus();
  useKeys({
    "Alt+1": focus(0),
    "Alt+2": focus(1),
    "Alt+3": focus(2),
    "Alt+4": focus(3),
    "Alt+a": () => columns.current[active.current]?.enter(),
    "Alt+w": () => columns.current[active.current]?.whatIf(),
  });
  return (
    <div className={css.simulator} data-count={phones.length}>
      <Tools>
        <Segments
          label="Phones"
          choices={[1, 2, 3, 4].map((many) => ({
            value: many,
            name: phonesWords(many),
            words: phones.length === many ? phonesWords(many) : many,
          }))}
          value={phones.length}
          choose={count}
        />
        <Button onClick={add}>
          <IconPlus size={15} aria-hidden="true" /> New person
        </Button>
      </Tools>
      {clock.loaded && !clock.virtual && (
        <p className={css.system}>
          The clock is the system’s and cannot be moved here: <code>baton dev</code> has a virtual one, and{" "}
          <code>baton serve</code> with <code>clock = "virtual"</code>.
        </p>
      )}
      <div className={css.columns}>
        {phones.map((phone, index) => (
          <Column
            key={`${phone.page}/${phone.person}`}
            phone={phone}
            acts={(acts) => {
              columns.current[index] = acts;
            }}
            onFocus={() => {
              active.current = index;
            }}
            change={(next) => show(phones.map((one, at) => (at === index ? next : one)))}
            taken={phones}
          />
        ))}
      </div>
    </div>
  );
}
