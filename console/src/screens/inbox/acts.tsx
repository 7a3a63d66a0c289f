/** What the Inbox does beside writing: its keys, and the choice of an app to pass to. */
import { Modal } from "@mantine/core";
import { IconHandGrab } from "@tabler/icons-react";
import { type FormEvent, useEffect, useState } from "react";
import { useDryRun, useInbox } from "../../api/queries";
import type { InboxAct, OneConversation } from "../../api/types";
import { AppChip } from "../../parts/app";
import { Button, Problem } from "../../parts/basic";
import { useKeys } from "../../parts/keys";
import { useAround } from "../shell";
import css from "./inbox.module.css";
import { Effect } from "./panel";

const asked = new EventTarget();

export function openPass(): void {
  asked.dispatchEvent(new Event("pass"));
}

export function Acts({ one }: { one: OneConversation }) {
  const { mayAnswer } = useAround();
  const inbox = useInbox(one.page, one.person.id);
  const [passing, setPassing] = useState(false);
  useEffect(() => {
    const open = () => setPassing(true);
    asked.addEventListener("pass", open);
    return () => asked.removeEventListener("pass", open);
  }, []);
  // What is done is what was seen: if control has moved meanwhile, nothing is.
  const act = (what: InboxAct) => mayAnswer && inbox.mutate({ ...what, if_owner: one.owner_app_id });
  const first = one.requests[0];
  useKeys({
    t: () => act({ action: "move_to_main" }),
    D: () => act({ action: "done" }),
    p: () => setPassing(true),
    g: () => first && act({ action: "grant", app_id: first.app_id }),
  });
  return (
    <>
      {inbox.error && <Problem error={inbox.error} />}
      <Modal
        opened={passing}
        onClose={() => setPassing(false)}
        lockScroll={false}
        title="Pass control to"
        transitionProps={{ duration: 0 }}
      >
        <Pass one={one} close={() => setPassing(false)} />
      </Modal>
    </>
  );
}

function Pass({ one, close }: { one: OneConversation; close: () => void }) {
  const { apps, mayAnswer } = useAround();
  const connected = apps.place(one.page)?.page.connected ?? [];
  const [typed, setTyped] = useState("");
  const found = connected
    .map((id) => apps.app(id))
    .filter((app) => app.id !== one.owner_app_id && fuzzy(app.name, typed));
  const [chosen, setChosen] = useState<string | null>(null);
  const [note, setNote] = useState("");
  const app = found.find((one) => one.id === chosen) ?? found[0];
  const act: InboxAct = { action: "pass", app_id: app?.id ?? "", ...(note ? { metadata: note } : {}) };
  const { data: outcome } = useDryRun(
    one.page,
    one.person.id,
    { action: "pass", app_id: app?.id ?? "" },
    app !== undefined,
  );
  const inbox = useInbox(one.page, one.person.id);
  function submit(event: FormEvent) {
    event.preventDefault();
    inbox.mutate({ ...act, if_owner: one.owner_app_id }, { onSuccess: close });
  }
  const refused = !outcome || "problem" in outcome;
  return (
    <form className={css.pass} onSubmit={submit}>
      <label>
        <span className="hidden">App</span>
        <input
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
          placeholder="App"
          data-autofocus
        />
      </label>
      <div role="radiogroup" aria-label="App">
        {found.map((one) => (
          <label key={one.id} className={css.choice}>
            <input type="radio" name="app" checked={one.id === app?.id} onChange={() => setChosen(one.id)} />
            <AppChip app={one} />
          </label>
        ))}
        {found.length === 0 && <p className={css.note}>No connected app is called so.</p>}
      </div>
      <label>
        Note for the app
        <input value={note} maxLength={2000} onChange={(event) => setNote(event.target.value)} />
      </label>
      <Effect outcome={outcome} one={one} />
      {inbox.error && <Problem error={inbox.error} />}
      <Button type="submit" look="primary" disabled={!app || refused || !mayAnswer || inbox.isPending}>
        <IconHandGrab size={15} aria-hidden="true" />
        {app ? `Pass to ${app.name}` : "Pass"}
      </Button>
    </form>
  );
}

/** Whether the letters that were typed stand in the name, in this order. */
function fuzzy(name: string, typed: string): boolean {
  let at = 0;
  const text = name.toLowerCase();
  for (const letter of typed.toLowerCase().replaceAll(" ", "")) {
    at = text.indexOf(letter, at) + 1;
    if (at === 0) return false;
  }
  return true;
}
