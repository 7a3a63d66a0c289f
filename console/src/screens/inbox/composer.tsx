/** The answer: what sending will do is said before it is done, in the words of a dry run. */
import { Textarea } from "@mantine/core";
import { IconCircleCheck, IconHandGrab, IconLock, IconPlugConnectedX, IconSend2 } from "@tabler/icons-react";
import { type KeyboardEvent, useRef, useState } from "react";
import { Problem as ApiProblem } from "../../api/client";
import { batonNow } from "../../api/clock";
import { bring, drop, MOST, useBrought } from "../../api/files";
import { type Outcome, useDryRun, useInbox } from "../../api/queries";
import type { InboxAct, OneConversation } from "../../api/types";
import { type Choices, messageWith, NONE, saidOf } from "../../model/choices";
import { firstName } from "../../model/people";
import { duration, lasting, moment } from "../../model/time";
import { Button, Key, Problem } from "../../parts/basic";
import { RuleTag } from "../../parts/explain";
import { useKeys } from "../../parts/keys";
import { useAround } from "../shell";
import { Colleagues } from "./colleagues";
import { Attach, Files } from "./files";
import css from "./inbox.module.css";
import { Offer, Offered } from "./offer";

/** A reply whose text does not matter: what would become of control. */
const ANY: InboxAct = { action: "reply", text: "…" };

/** Drafts are kept as long as the tab: by conversation. */
const drafts = new Map<string, string>();
const offers = new Map<string, Choices>();

const hasMoved = (error: Error): boolean =>
  error instanceof ApiProblem && error.document.type === "/problems/control-moved";

type Terms =
  | { kind: "yours" }
  | { kind: "takes"; from: string | null }
  | { kind: "closed" }
  | { kind: "unknown" };

function termsOf(outcome: Outcome | undefined, owner: string | null): Terms {
  if (!outcome) return { kind: "unknown" };
  if ("problem" in outcome) return { kind: "closed" };
  return outcome.decided.thread.owner_app_id === owner ? { kind: "yours" } : { kind: "takes", from: owner };
}

export function Composer({ one, phone }: { one: OneConversation; phone: boolean }) {
  const { apps, me, online } = useAround();
  const { page, person } = { page: one.page, person: one.person.id };
  const { data: outcome, error } = useDryRun(page, person, ANY);
  const inbox = useInbox(page, person);
  const kept = `${page}/${person}`;
  const [text, setText] = useState(drafts.get(kept) ?? "");
  const files = useBrought(kept);
  const [choices, setChoices] = useState(offers.get(kept) ?? NONE);
  const [over, setOver] = useState(false);
  const [moved, setMoved] = useState(false);
  const field = useRef<HTMLTextAreaElement>(null);
  useKeys({ r: () => field.current?.focus() });
  const terms = termsOf(outcome, one.owner_app_id);
  const write = (next: string) => {
    setText(next);
    if (next) drafts.set(kept, next);
    else drafts.delete(kept);
  };
  const offer = (next: Choices) => {
    setChoices(next);
    if (next.rows.length > 0) offers.set(kept, next);
    else offers.delete(kept);
  };
  const name = (id: string | null) => (id ? apps.app(id).name : "Nobody");

  /**
   * The files, then the text: each is a message of its own. Sent only while control is where the words beside the
   * button say, which the server sees to; from the second one on it must be where the first one brought it.
   */
  async function send() {
    if (!can) return;
    const reply = text.trim();
    let if_owner = one.owner_app_id;
    try {
      for (const { id, attachment } of files) {
        if (attachment === null) continue;
        const sent = await inbox.mutateAsync({ action: "reply", attachment_id: attachment, if_owner });
        if_owner = sent.thread.owner_app_id;
        drop(kept, id);
      }
      if (reply !== "") {
        const message = messageWith(reply, choices);
        const what = message ? { message } : { text: reply };
        await inbox.mutateAsync({ action: "reply", ...what, if_owner });
        write("");
        offer(NONE);
      }
      setMoved(false);
    } catch (error) {
      // What `inbox.error` says is shown below; what was not sent is still there.
      setMoved(error instanceof Error && hasMoved(error));
    }
  }
  function key(event: KeyboardEvent) {
    if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) {
      event.preventDefault();
      void send();
    } else if (event.key === "Escape") field.current?.blur();
  }
  if (me.role === "viewer") {
    return (
      <footer className={css.composer}>
        <Colleagues one={one} writing={false} />
        <p className={css.draft}>You are a viewer: you read conversations, and do not answer them.</p>
      </footer>
    );
  }
  const takes = terms.kind === "takes";
  const open = terms.kind === "yours" || takes;
  const arrived = files.every((file) => file.attachment !== null);
  // What is offered stands under a text.
  const offered = saidOf(choices).length > 0;
  const something = text.trim() !== "" || (files.length > 0 && !offered);
  const can = online && something && arrived && !inbox.isPending && open;
  const words = moved ? "Send anyway" : takes ? "Take over and send" : "Send";
  if (terms.kind === "closed" && outcome && "problem" in outcome) {
    return (
      <footer className={css.composer}>
        <Colleagues one={one} writing={false} />
        <Closed one={one} outcome={outcome} />
        <p className={css.draft}>{text || "Your draft is kept here until the conversation opens"}</p>
      </footer>
    );
  }
  return (
    <footer className={css.composer}>
      <Colleagues one={one} writing={something} />
      {error && <Problem error={error} />}
      {inbox.error && !hasMoved(inbox.error) && <Problem error={inbox.error} />}
      {moved && (
        <p className={css.moved} role="alert">
          Nothing was sent: {name(one.owner_app_id)} has control now. Sending{" "}
          {takes ? "takes control from it" : "is possible all the same"}.
        </p>
      )}
      <div
        role="group"
        aria-label="Answer"
        className={css.write}
        data-over={over || undefined}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          setOver(false);
          bring(kept, page, event.dataTransfer.files);
        }}
      >
        <Textarea
          ref={field}
          variant="unstyled"
          autosize
          minRows={phone ? 1 : 2}
          maxRows={8}
          maxLength={2000}
          aria-label="Reply as Inbox"
          placeholder="Reply as Inbox"
          value={text}
          onChange={(event) => write(event.currentTarget.value)}
          onKeyDown={key}
          onPaste={(event) => bring(kept, page, event.clipboardData.files)}
        />
        <Files name={kept} files={files} />
        <Offered choices={choices} change={offer} />
        <div className={css.terms}>
          <Attach name={kept} page={page} full={files.length >= MOST} />
          <Offer choices={choices} change={offer} />
          <Consequence terms={terms} outcome={outcome} one={one} online={online} name={name} />
          <Button
            look="primary"
            disabled={!can}
            onClick={() => void send()}
            aria-label={phone ? words : undefined}
          >
            {phone ? <IconSend2 size={18} aria-hidden="true" /> : words} {!phone && <Key>⌘↵</Key>}
          </Button>
        </div>
      </div>
    </footer>
  );
}

function Consequence({
  terms,
  outcome,
  one,
  online,
  name,
}: {
  terms: Terms;
  outcome: Outcome | undefined;
  one: OneConversation;
  online: boolean;
  name: (id: string | null) => string;
}) {
  if (!online) {
    return (
      <p data-tone="danger">
        <IconPlugConnectedX size={16} aria-hidden="true" /> Not connected: the draft is kept.
      </p>
    );
  }
  if (!outcome || !("decided" in outcome)) return <p />;
  const { thread, at } = outcome.decided;
  const until = thread.expires_at ? Date.parse(thread.expires_at) : null;
  if (terms.kind === "takes") {
    return (
      <p>
        <IconHandGrab size={16} aria-hidden="true" className={css.violet} />
        <span>
          <b>Sending takes control{terms.from ? ` from ${name(terms.from)}` : ""}</b>{" "}
          {until ? `for ${lasting(until - Date.parse(at))}` : "without end"}
        </span>
      </p>
    );
  }
  const same = thread.expires_at === one.expires_at;
  return (
    <p>
      <IconCircleCheck size={16} aria-hidden="true" className={css.green} />
      <span>
        You are in control.{" "}
        {same
          ? "Replying does not extend it."
          : until
            ? `Replying extends it until ${moment(until, batonNow())}.`
            : ""}
      </span>
    </p>
  );
}

/** Why one cannot write, what opens it again, and the rule. */
function Closed({ one, outcome }: { one: OneConversation; outcome: Extract<Outcome, { problem: unknown }> }) {
  const { rule, via, detail } = outcome.problem.document;
  const name = firstName(one.person);
  const closed = one.inbox_window_closes_at ? Date.parse(one.inbox_window_closes_at) : null;
  const over = closed !== null && closed <= batonNow();
  return (
    <div className={css.closed} role="note">
      <IconLock size={18} aria-hidden="true" />
      <div>
        <p>
          <b>
            You cannot write to <bdi>{name}</bdi> now.
          </b>{" "}
          {over
            ? `The time to answer ended ${moment(closed, batonNow())}, ${duration(batonNow() - closed)} ago.`
            : detail}
        </p>
        <p>
          It opens again when <bdi>{name}</bdi> writes, taps a button or comes back by an ad or a link.{" "}
          {rule && (
            <RuleTag rule={rule} via={via}>
              <p>{detail}</p>
            </RuleTag>
          )}
        </p>
      </div>
    </div>
  );
}
