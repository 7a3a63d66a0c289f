/** What saving does, before it is done: which values change, which conversations move, what is not advisable. */
import { IconArrowRight, IconEye } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { Problem as ApiProblem } from "../../api/client";
import { useSavePage } from "../../api/settings";
import { byTarget, changeWords } from "../../model/routing";
import { AppChip } from "../../parts/app";
import { Button, Key, LinkButton, Problem } from "../../parts/basic";
import { RuleTag } from "../../parts/explain";
import { useKeys } from "../../parts/keys";
import { Card, screen, Warning } from "../../parts/screen";
import { useAround } from "../shell";
import { useName } from "./app-names";
import { useDraft } from "./draft";
import css from "./pages.module.css";

const isApp = (pointer: string): boolean => /(_app|primary_receiver|\/app)$/.test(pointer);

function Value({ pointer, value }: { pointer: string; value: unknown }) {
  const { apps } = useAround();
  if (value === null || value === undefined) return <i>nothing</i>;
  if (isApp(pointer) && typeof value === "string") {
    return value === "inbox" ? <b>Inbox</b> : <AppChip app={apps.app(value)} />;
  }
  if (value === true) return <b>on</b>;
  if (value === false) return <b>off</b>;
  return <code>{typeof value === "string" ? value : JSON.stringify(value)}</code>;
}

export function BeforeYouSave({ tag }: { tag: string }) {
  const { apps, online } = useAround();
  const { page, changed, discard, settled, consequences } = useDraft();
  const { data, error, isFetching } = consequences;
  const save = useSavePage();
  const name = useName();
  const [listed, setListed] = useState(false);
  const ready = changed && data !== undefined && settled === page && !isFetching;
  const moves = data?.threads_moved ?? 0;
  const go = () => ready && online && save.mutate({ page, tag }, { onSuccess: discard });
  useKeys({ "Mod+s": go });
  const elsewhere = save.error instanceof ApiProblem && save.error.document.status === 412;
  if (!changed) {
    return (
      <Card title="Before you save">
        <p className={css.calm}>
          <IconEye size={17} aria-hidden="true" />
          <span>
            Nothing is changed. What a change does to live conversations is said here before it is made.
          </span>
        </p>
      </Card>
    );
  }
  return (
    <Card title="Before you save" strong note={data ? `${data.changes.length} changes` : "…"}>
      <div className={screen.body} role="status" aria-busy={!ready}>
        {error && <Problem error={error} />}
        {data && (
          <>
            <ul className={css.changes}>
              {data.changes.map((one) => (
                <li key={one.pointer}>
                  <span>
                    <bdi>{changeWords(one.pointer, name)}</bdi>
                  </span>
                  <Value pointer={one.pointer} value={one.from} />
                  <IconArrowRight size={14} aria-label="to" />
                  <Value pointer={one.pointer} value={one.to} />
                </li>
              ))}
            </ul>
            <ul className={css.numbers}>
              {byTarget(data.moved).map((one) => (
                <li key={one.to ?? ""}>
                  <b>{one.count}</b>
                  <div>
                    {one.count === 1 ? "conversation moves" : "conversations move"} to{" "}
                    {one.to ? apps.app(one.to).name : "nobody"} now
                    <p>from {one.from.map((id) => (id ? apps.app(id).name : "nobody")).join(", ")}</p>
                  </div>
                </li>
              ))}
              {moves === 0 && (
                <li>
                  <b>0</b>
                  <div>
                    conversations move now<p>who has control keeps it</p>
                  </div>
                </li>
              )}
              <li>
                <b>0</b>
                <div>
                  messages are sent to people<p>they notice nothing</p>
                </div>
              </li>
            </ul>
            {data.moved.length > 0 && (
              <div>
                <LinkButton onClick={() => setListed(!listed)} aria-expanded={listed}>
                  {listed ? "Hide them" : `Show the ${data.moved.length}`}
                </LinkButton>
                {listed && (
                  <ul>
                    {data.moved.map((one) => (
                      <li key={`${one.page_id}/${one.person_id}`}>
                        <Link
                          to="/inbox/$page/$person"
                          params={{ page: one.page_id, person: one.person_id }}
                          search={{}}
                        >
                          {one.person_id}
                        </Link>
                      </li>
                    ))}
                  </ul>
                )}
              </div>
            )}
            {data.warnings
              .filter((one) => one.pointer.includes(`/pages/${page.id}`))
              .map((one) => (
                <Warning key={`${one.pointer}/${one.detail}`}>
                  <bdi>{one.detail}</bdi> {one.rule && <RuleTag rule={one.rule} />}
                </Warning>
              ))}
          </>
        )}
        {save.error && !elsewhere && <Problem error={save.error} />}
        {elsewhere && (
          <Warning>
            Somebody else changed the settings meanwhile. They are read anew: look at what your change does
            now, and save again.
          </Warning>
        )}
        <div className={css.buttons}>
          <Button onClick={discard}>Discard</Button>
          <Button
            look="primary"
            disabled={!ready || !online || save.isPending || Boolean(error)}
            onClick={go}
          >
            {moves > 0 ? `Save, move ${moves}` : "Save"} <Key>⌘S</Key>
          </Button>
        </div>
      </div>
    </Card>
  );
}
