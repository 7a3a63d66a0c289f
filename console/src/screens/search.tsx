/** Jumping anywhere (`⌘K`), and the list of keys (`?`). */
import { Modal } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useNavigate } from "@tanstack/react-router";
import { type KeyboardEvent, useEffect, useState } from "react";
import { useConversations } from "../api/conversations";
import type { Conversation } from "../api/types";
import { personName } from "../model/people";
import { AppChip } from "../parts/app";
import { Avatar, Key, SURFACES } from "../parts/basic";
import { useAround, useScreens } from "./shell";
import css from "./shell.module.css";

/** What had the focus has it again. */
function useFocusBack() {
  const [before] = useState(() => document.activeElement);
  useEffect(
    () => () => {
      const free = document.activeElement === document.body;
      if (free && before instanceof HTMLElement) before.focus({ preventScroll: true });
    },
    [before],
  );
}

function Found({ close }: { close: () => void }) {
  useFocusBack();
  const { apps, page } = useAround();
  const [typed, setTyped] = useState("");
  const [q] = useDebouncedValue(typed, 150);
  const [at, setAt] = useState(0);
  const { rows } = useConversations({ page, q });
  const navigate = useNavigate();
  // What was found for the letters before is not shown for these.
  const wanted = typed.trim().toLowerCase();
  const named = (one: Conversation): boolean =>
    [personName(one.person), one.person.id, one.person.username ?? ""].some((text) =>
      text.toLowerCase().includes(wanted),
    );
  const people = rows.filter(named).slice(0, 8);
  const screens = useScreens().filter(({ name }) => name.toLowerCase().includes(wanted));
  const all = [
    ...people.map((one) => ({
      id: `${one.page}-${one.person.id}`,
      go: () =>
        navigate({
          to: "/inbox/$page/$person",
          params: { page: one.page, person: one.person.id },
          search: { page: one.page_id },
        }),
      shown: (
        <>
          <Avatar name={personName(one.person)} on={one.on} size={26} />
          <bdi>{personName(one.person)}</bdi>
          <small>{SURFACES[one.on]}</small>
          <span>
            <AppChip app={one.owner_app_id ? apps.app(one.owner_app_id) : null} />
          </span>
        </>
      ),
    })),
    ...screens.map(({ to, name }) => ({
      id: name,
      go: () => navigate({ to, search: { page } }),
      shown: <span>Go to {name}</span>,
    })),
  ];
  const chosen = Math.min(at, all.length - 1);
  const take = (index: number) => {
    close();
    void all[index]?.go();
  };
  function key(event: KeyboardEvent) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      setAt((chosen + step + all.length) % Math.max(1, all.length));
    } else if (event.key === "Enter") take(chosen);
  }
  return (
    <>
      <input
        className={css.query}
        value={typed}
        onChange={(event) => {
          setTyped(event.target.value);
          setAt(0);
        }}
        onKeyDown={key}
        placeholder="A person’s name or id, or a screen"
        role="combobox"
        aria-label="Search or jump to"
        aria-expanded="true"
        aria-controls="found"
        aria-activedescendant={all[chosen] ? `found-${all[chosen].id}` : undefined}
        // At once: the dialog would do it a moment later, and the first letters would be lost.
        // biome-ignore lint/a11y/noAutofocus: a dialog that was asked for takes the focus
        autoFocus
        data-autofocus
      />
      <div id="found" role="listbox" aria-label="Found" className={css.results}>
        {all.map((one, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the field above has the keys
          <div
            key={one.id}
            id={`found-${one.id}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === chosen}
            className={css.result}
            onClick={() => take(index)}
            onMouseMove={() => setAt(index)}
          >
            {one.shown}
          </div>
        ))}
      </div>
    </>
  );
}

export function Search({ open, close }: { open: boolean; close: () => void }) {
  return (
    <Modal
      opened={open}
      onClose={close}
      withCloseButton={false}
      returnFocus={false}
      size="lg"
      lockScroll={false}
      title={<span className="hidden">Search or jump to</span>}
      transitionProps={{ duration: 0 }}
    >
      <Found close={close} />
    </Modal>
  );
}

const KEYS: { of: string; keys: [string, string][] }[] = [
  {
    of: "Everywhere",
    keys: [
      ["⌘K", "Search or jump to"],
      ["?", "This list"],
      ["Esc", "Close"],
    ],
  },
  {
    of: "Inbox",
    keys: [
      ["j k", "Next, previous conversation"],
      ["/", "Search"],
      ["r", "Reply"],
      ["⌘↵", "Send"],
      ["t", "Move to Main"],
      ["p", "Pass to an app"],
      ["g", "Grant the first request"],
      ["⇧D", "Done"],
      ["e", "Explain the chosen change"],
      ["v", "Timeline or table"],
      ["]", "Side panel"],
    ],
  },
  {
    of: "Timeline",
    keys: [
      ["← →", "Earlier, later"],
      ["↑ ↓", "Other lane"],
      ["Home End", "First, last"],
      ["+ −", "Range"],
      ["↵", "Explain"],
    ],
  },
  {
    of: "Simulator",
    keys: [
      ["Alt 1 … 4", "Phone"],
      ["↵", "Send"],
      ["Alt A", "Come in"],
      ["Alt W", "What if?"],
    ],
  },
  {
    of: "Live",
    keys: [
      ["j k", "Next, previous row"],
      ["↵", "Open"],
      [".", "Pause"],
      ["/", "Search"],
      ["Esc", "Close"],
    ],
  },
];

export function Help({ open, close }: { open: boolean; close: () => void }) {
  return (
    <Modal
      opened={open}
      onClose={close}
      size="xl"
      lockScroll={false}
      title="Keys"
      transitionProps={{ duration: 0 }}
    >
      <div className={css.keys}>
        {KEYS.map(({ of, keys }) => (
          <section key={of}>
            <h3>{of}</h3>
            <ul>
              {keys.map(([key, does]) => (
                <li key={key}>
                  {does} <Key>{key}</Key>
                </li>
              ))}
            </ul>
          </section>
        ))}
      </div>
    </Modal>
  );
}
