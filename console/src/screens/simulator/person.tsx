/** Who holds the phone: another person, or the same on another platform. */
import { Popover } from "@mantine/core";
import { IconArrowsLeftRight } from "@tabler/icons-react";
import { type FormEvent, useState } from "react";
import { useConversations } from "../../api/conversations";
import { personName } from "../../model/people";
import { isPerson, type Phone } from "../../model/simulator";
import { Button, SURFACES } from "../../parts/basic";
import { useAround } from "../shell";
import css from "./simulator.module.css";

export function Person({
  phone,
  change,
  taken,
}: {
  phone: Phone;
  change: (phone: Phone) => void;
  taken: Phone[];
}) {
  const [open, setOpen] = useState(false);
  return (
    <Popover
      opened={open}
      onChange={setOpen}
      shadow="md"
      position="bottom-end"
      withArrow
      trapFocus
      returnFocus
    >
      <Popover.Target>
        <Button look="quiet" onClick={() => setOpen(!open)} aria-expanded={open}>
          <IconArrowsLeftRight size={15} aria-hidden="true" /> Person
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <Choose
          phone={phone}
          taken={taken}
          change={(next) => {
            setOpen(false);
            change(next);
          }}
        />
      </Popover.Dropdown>
    </Popover>
  );
}

function Choose({ phone, change, taken }: { phone: Phone; change: (phone: Phone) => void; taken: Phone[] }) {
  const { apps } = useAround();
  const here = apps.place(phone.page);
  const places = apps.places.filter((place) => place.page.id === here?.page.id);
  const [page, setPage] = useState(phone.page);
  const [id, setId] = useState(phone.person);
  const { rows } = useConversations({ page: here?.page.id ?? "" });
  const known = rows.slice(0, 6);
  const used = taken.some((one) => one !== phone && one.page === page && one.person === id);
  function submit(event: FormEvent) {
    event.preventDefault();
    if (isPerson(id) && !used) change({ page, person: id });
  }
  return (
    <form className={css.choose} onSubmit={submit}>
      {places.length > 1 && (
        <label>
          On
          <select value={page} onChange={(event) => setPage(event.target.value)}>
            {places.map((place) => (
              <option key={place.address} value={place.address}>
                {SURFACES[place.on]}
              </option>
            ))}
          </select>
        </label>
      )}
      <label>
        Person’s id
        <input
          value={id}
          onChange={(event) => setId(event.target.value)}
          aria-invalid={!isPerson(id) || used}
        />
      </label>
      {!isPerson(id) && <p role="alert">1 to 64 of A–Z a–z 0–9 _ -</p>}
      {used && <p role="alert">Another phone is this person’s.</p>}
      <Button look="actor" type="submit" disabled={!isPerson(id) || used}>
        Take the phone
      </Button>
      {known.length > 0 && <h3>Who wrote lately</h3>}
      {known.map((one) => (
        <Button
          key={`${one.page}/${one.person.id}`}
          look="quiet"
          onClick={() => change({ page: one.page, person: one.person.id })}
        >
          <bdi>{personName(one.person)}</bdi> · {SURFACES[one.on]}
        </Button>
      ))}
    </form>
  );
}
