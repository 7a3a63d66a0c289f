/** Page access tokens, by which apps call: made here, shown once. */
import { useState } from "react";
import { useEndToken, useMakeToken, useTokens } from "../../api/settings";
import { AppChip } from "../../parts/app";
import { Button, Empty, Problem } from "../../parts/basic";
import { actsHead, Card, Check, head, Once, screen, Table } from "../../parts/screen";
import { useAround } from "../shell";
import { useDraft } from "./draft";
import css from "./pages.module.css";

const TASKS = ["MODERATE", "MANAGE", "MESSAGING"] as const;

/** The tokens that an app has here; one that leaked can be ended alone. */
function Kept({ app }: { app: string }) {
  const { online } = useAround();
  const { saved } = useDraft();
  const { data, error } = useTokens(saved.id, app, true);
  const end = useEndToken();
  const [sure, setSure] = useState<string | null>(null);
  if (error) return <Problem error={error} />;
  if (!data) return <>…</>;
  const only = data.data.length === 1;
  return (
    <>
      <ul className={css.tokens}>
        {data.data.map(({ id, tasks }) => (
          <li key={id}>
            <code title="The first 16 digits of its SHA-256">{id}</code>
            <small>{tasks.length === TASKS.length ? "all tasks" : tasks.join(", ")}</small>
            {sure === id ? (
              <Button
                look="primary"
                disabled={!online || end.isPending}
                onClick={() => end.mutate({ page: saved.id, app, token: id })}
              >
                End it now
              </Button>
            ) : (
              <Button
                look="quiet"
                disabled={only}
                title={only ? "The app’s only token: make another first" : undefined}
                onClick={() => setSure(id)}
              >
                End…<span className="hidden"> the token {id}</span>
              </Button>
            )}
          </li>
        ))}
      </ul>
      {end.error && <Problem error={end.error} />}
    </>
  );
}

export function Tokens() {
  const { apps, online } = useAround();
  const { saved, mayChange } = useDraft();
  const make = useMakeToken();
  const [made, setMade] = useState<{ app: string; token: string } | null>(null);
  const [tasks, setTasks] = useState<(typeof TASKS)[number][]>([...TASKS]);
  return (
    <>
      {made && (
        <Once
          label={`The token of ${apps.app(made.app).name} for ${saved.name}`}
          secret={made.token}
          done={() => setMade(null)}
        />
      )}
      <Card title="Page access tokens" note="Baton keeps only their hashes, so none can be shown again">
        {make.error && <Problem error={make.error} />}
        {saved.connections.length === 0 ? (
          <Empty title="No app is connected" />
        ) : (
          <Table label="Apps" heads={[head("App"), head("Its tokens"), actsHead]}>
            {saved.connections.map(({ app }) => (
              <tr key={app}>
                <td>
                  <AppChip app={apps.app(app)} />
                </td>
                <td>{mayChange ? <Kept app={app} /> : "seen by operators"}</td>
                <td>
                  {mayChange && (
                    <span className={screen.acts}>
                      <Button
                        disabled={!online || make.isPending || tasks.length === 0}
                        onClick={() =>
                          make.mutate(
                            { page: saved.id, app, tasks },
                            { onSuccess: ({ token }) => setMade({ app, token }) },
                          )
                        }
                      >
                        Make a token<span className="hidden"> for {apps.app(app).name}</span>
                      </Button>
                    </span>
                  )}
                </td>
              </tr>
            ))}
          </Table>
        )}
        {mayChange && saved.connections.length > 0 && (
          <div className={`${screen.body} ${css.tasks}`}>
            <p id="token-tasks">
              What the next token may do. An app needs all three, unless it only listens.
            </p>
            <div className={screen.fields} role="group" aria-labelledby="token-tasks">
              {TASKS.map((task) => (
                <Check
                  key={task}
                  label={task}
                  checked={tasks.includes(task)}
                  onChange={(event) =>
                    setTasks(
                      TASKS.filter((one) => (one === task ? event.target.checked : tasks.includes(one))),
                    )
                  }
                />
              ))}
            </div>
          </div>
        )}
      </Card>
    </>
  );
}
