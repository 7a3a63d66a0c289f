/** Beside the conversation: who has control and how long, who waits, whether one may write, and what one can do. */
import { IconArrowRight, IconCheck, IconHandGrab, IconHandStop } from "@tabler/icons-react";
import { useNow } from "../../api/clock";
import { type Outcome, useConversation, useDryRun, useHistory, useInbox } from "../../api/queries";
import type { InboxAct, OneConversation } from "../../api/types";
import { isInbox } from "../../model/apps";
import { personName } from "../../model/people";
import { wayIn } from "../../model/sentences";
import { HOUR, lasting } from "../../model/time";
import { AppChip, AppMark, Countdown, Moment } from "../../parts/app";
import { Button, Key, Problem, SURFACES } from "../../parts/basic";
import { RuleTag } from "../../parts/explain";
import { useAround } from "../shell";
import { openPass } from "./acts";
import css from "./inbox.module.css";

export function Panel({ page, person }: { page: string; person: string }) {
  const { data } = useConversation(page, person);
  if (!data) return null;
  return (
    <>
      <InControl one={data} />
      <WaitingApps one={data} />
      <Windows one={data} />
      <Steps one={data} />
      <About one={data} />
    </>
  );
}

function InControl({ one }: { one: OneConversation }) {
  const { apps } = useAround();
  const { data: history } = useHistory(one.page, one.person.id);
  const now = useNow(30);
  const owner = one.owner_app_id ? apps.app(one.owner_app_id) : null;
  const changed = history?.findLast((entry) => !entry.refused && entry.from_app_id !== entry.to_app_id);
  const since = changed && changed.to_app_id === one.owner_app_id ? changed : null;
  const until = one.expires_at ? Date.parse(one.expires_at) : null;
  const whole = until && since ? until - Date.parse(since.at) : null;
  const share = until && whole ? Math.max(0, Math.min(1, (until - now) / whole)) : 0;
  const after = one.after_expiry;
  const place = apps.place(one.page);
  return (
    <section className={css.part}>
      <h2>In control</h2>
      <div className={css.holder} data-app={owner?.colour ?? "none"}>
        <AppMark app={owner} size="huge" />
        <div>
          <strong>
            <bdi>{owner?.name ?? "Nobody"}</bdi>
            {owner?.inbox && " (you)"}
          </strong>
          <p>
            {owner && place?.defaultApp === owner.id && (since ? "default app, " : "default app")}
            {since && (
              <>
                since <Moment at={Date.parse(since.at)} />
                {since.from_app_id && (
                  <>
                    , from <bdi>{apps.app(since.from_app_id).name}</bdi>
                  </>
                )}
              </>
            )}
          </p>
        </div>
      </div>
      {until !== null && (
        <>
          <p className={css.big} data-soon={until - now < HOUR || undefined}>
            <strong>
              <Countdown until={until} />
            </strong>{" "}
            until <Moment at={until} />
          </p>
          <div className={css.rest} aria-hidden="true" data-app={owner?.colour}>
            <span style={{ width: `${share * 100}%` }} />
          </div>
        </>
      )}
      <p className={css.note}>
        {owner && until === null && "Its control does not end by itself."}
        {!owner && "The next message from them is routed anew."}
        {after && (
          <>
            After that{" "}
            {after.owner_app_id ? (
              <>
                control goes to{" "}
                <b>
                  <bdi>{apps.app(after.owner_app_id).name}</bdi>
                </b>
              </>
            ) : (
              "nobody is in control"
            )}
            {after.rule && (
              <>
                {" "}
                <RuleTag rule={after.rule} />
              </>
            )}
          </>
        )}
      </p>
    </section>
  );
}

/** What an act would do, as a line: from the dry run, never from rules of the console's own. */
export function Effect({ outcome, one }: { outcome: Outcome | undefined; one: OneConversation }) {
  const { apps } = useAround();
  if (!outcome) return null;
  if ("problem" in outcome) {
    const { rule, detail, title } = outcome.problem.document;
    return (
      <p className={css.note}>
        Not now: {detail || title} {rule && <RuleTag rule={rule} />}
      </p>
    );
  }
  const { thread, rule, via, at } = outcome.decided;
  const before = one.owner_app_id;
  const to = thread.owner_app_id ? apps.app(thread.owner_app_id) : null;
  const lasts = thread.expires_at ? ` for ${lasting(Date.parse(thread.expires_at) - Date.parse(at))}` : "";
  const from = before ? (
    <>
      {" "}
      from <bdi>{apps.app(before).name}</bdi>
    </>
  ) : null;
  const words =
    thread.owner_app_id === before ? (
      <>
        Control stays{" "}
        {to ? (
          <>
            with <bdi>{to.name}</bdi>
          </>
        ) : (
          "with nobody"
        )}
        .
      </>
    ) : to ? (
      <>
        <bdi>{to.name}</bdi> gets control{from}
        {lasts || ", without end"}.
      </>
    ) : (
      <>Nobody is in control then.</>
    );
  return (
    <p className={css.note}>
      {words} <RuleTag rule={rule} via={via} />
    </p>
  );
}

function WaitingApps({ one }: { one: OneConversation }) {
  const { apps } = useAround();
  return (
    <section className={css.part}>
      <h2>
        Waiting for control{" "}
        {one.requests.length > 0 && <span className={css.hands}>{one.requests.length}</span>}
      </h2>
      {one.requests.length === 0 && <p className={css.note}>No app has asked for control.</p>}
      {one.requests.map((request) => (
        <div key={request.app_id} className={css.request}>
          <p>
            <AppChip app={apps.app(request.app_id)} />
            <Moment at={Date.parse(request.at)} />
          </p>
          {request.metadata && (
            <p>
              <bdi>“{request.metadata}”</bdi>
            </p>
          )}
          <Grant one={one} app={request.app_id} />
        </div>
      ))}
    </section>
  );
}

function Grant({ one, app }: { one: OneConversation; app: string }) {
  const act: InboxAct = { action: "grant", app_id: app };
  const { data: outcome } = useDryRun(one.page, one.person.id, act);
  const { mayAnswer } = useAround();
  const inbox = useInbox(one.page, one.person.id);
  const refused = !outcome || "problem" in outcome;
  return (
    <>
      <Button
        look="primary"
        disabled={refused || !mayAnswer || inbox.isPending}
        onClick={() => inbox.mutate(act)}
      >
        <IconHandStop size={15} aria-hidden="true" /> Grant
      </Button>
      <Effect outcome={outcome} one={one} />
      {inbox.error && <Problem error={inbox.error} />}
    </>
  );
}

function Windows({ one }: { one: OneConversation }) {
  return (
    <section className={css.part}>
      <h2>May we write?</h2>
      <dl className={css.facts}>
        <Window words="From apps" closes={one.window_closes_at} />
        <Window words="From the Inbox" closes={one.inbox_window_closes_at} />
      </dl>
    </section>
  );
}

function Window({ words, closes }: { words: string; closes: string | null }) {
  const now = useNow(10);
  const at = closes ? Date.parse(closes) : null;
  const open = at !== null && now < at;
  return (
    <div>
      <dt>{words}</dt>
      <dd>
        <b data-tone={open ? "well" : "danger"}>{open ? "open" : "closed"}</b>
        {at !== null && (
          <>
            {" "}
            {open ? "until" : "since"} <Moment at={at} />
          </>
        )}
      </dd>
    </div>
  );
}

function Steps({ one }: { one: OneConversation }) {
  const { mayAnswer } = useAround();
  const yours = one.owner_app_id !== null && isInbox(one.owner_app_id);
  const act: InboxAct = yours ? { action: "done" } : { action: "move_to_main" };
  const { data: outcome } = useDryRun(one.page, one.person.id, act);
  const inbox = useInbox(one.page, one.person.id);
  const refused = !outcome || "problem" in outcome;
  return (
    <section className={css.part}>
      <h2>{yours ? "Hand over" : "Step in"}</h2>
      {yours && (
        <Button disabled={!mayAnswer} onClick={openPass} className={css.step}>
          <IconArrowRight size={16} aria-hidden="true" /> <span>Pass to an app…</span> <Key>P</Key>
        </Button>
      )}
      <Button
        className={css.step}
        disabled={refused || !mayAnswer || inbox.isPending}
        onClick={() => inbox.mutate(act)}
      >
        {yours ? <IconCheck size={16} aria-hidden="true" /> : <IconHandGrab size={16} aria-hidden="true" />}
        <span>{yours ? "Done" : "Move to Main"}</span> <Key>{yours ? "⇧D" : "T"}</Key>
      </Button>
      <Effect outcome={outcome} one={one} />
      {inbox.error && <Problem error={inbox.error} />}
    </section>
  );
}

function About({ one }: { one: OneConversation }) {
  const { data: history } = useHistory(one.page, one.person.id);
  const first = history?.[0];
  const way = first && wayIn(first.cause);
  return (
    <section className={css.part}>
      <h2>Person</h2>
      <dl className={css.facts}>
        <div>
          <dt>{SURFACES[one.on]}</dt>
          <dd>
            <bdi>{one.person.username ? `@${one.person.username}` : personName(one.person)}</bdi>
          </dd>
        </div>
        {first && way && (
          <div>
            <dt>Came by</dt>
            <dd>
              {way}, <Moment at={Date.parse(first.at)} />
            </dd>
          </div>
        )}
        <div>
          <dt>Folder</dt>
          <dd>{{ general: "General", main: "Main", done: "Done" }[one.folder]}</dd>
        </div>
        <div>
          <dt>Id</dt>
          <dd>
            <code>{one.person.id}</code>
          </dd>
        </div>
      </dl>
    </section>
  );
}
