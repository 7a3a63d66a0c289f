/** Is anybody not being told? How each app does, and its failures by the hour. */
import { IconAlertTriangle, IconShieldCheck, IconShieldX } from "@tabler/icons-react";
import { Link, useNavigate } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { batonNow } from "../../api/clock";
import { useAllDeliveries, useHealth, useSickApps } from "../../api/deliveries";
import { useMakeApp, useSettings } from "../../api/settings";
import type { AppTable } from "../../api/types";
import { INBOX } from "../../model/apps";
import { byHour, healthWords, heat } from "../../model/deliveries";
import { clockTime, duration } from "../../model/time";
import { AppChip, AppMark, Moment } from "../../parts/app";
import { Button, Empty, Loading, Problem, StatePill } from "../../parts/basic";
import parts from "../../parts/parts.module.css";
import { Card, Field, head, Input, Judged, Once, screen, Table } from "../../parts/screen";
import { Tools, useAround } from "../shell";
import css from "./apps.module.css";

const HOURS = 24;

export function Apps() {
  const { apps, me, page } = useAround();
  const { data, error, refetch } = useSettings();
  const sick = useSickApps();
  const [making, setMaking] = useState(false);
  const [made, setMade] = useState<AppTable | null>(null);
  const all = data?.data.apps ?? [];
  return (
    <div className={screen.screen}>
      {me.role === "operator" && (
        <Tools>
          <Button look="primary" onClick={() => setMaking(!making)} aria-expanded={making}>
            New app
          </Button>
        </Tools>
      )}
      {made?.secret && (
        <Once
          label={`The secret of ${made.name}, id ${made.id}`}
          secret={made.secret}
          done={() => setMade(null)}
        />
      )}
      {making && (
        <NewApp
          done={(app) => {
            setMade(app);
            setMaking(false);
          }}
        />
      )}
      {sick.map((one) => (
        <div key={one.app} className={screen.banner} role="note">
          <IconAlertTriangle size={18} aria-hidden="true" />
          <span>
            <strong>
              <bdi>{apps.app(one.app).name}</bdi> is not told.
            </strong>{" "}
            {one.words}. Nothing is lost: Baton tries again, in order, until what waits is too old.
          </span>
          <span className={screen.acts}>
            <Link to="/deliveries" search={{ page, app: one.app, state: "pending" }} className={parts.button}>
              See what waits
            </Link>
            <Link to="/apps/$app" params={{ app: one.app }} search={{ page }} className={parts.button}>
              Test it
            </Link>
          </span>
        </div>
      ))}
      {error && <Problem error={error} again={() => void refetch()} />}
      <Card title="Apps" note="they get webhooks, and call for control">
        {!data ? (
          !error && <Loading what="Apps are loading" />
        ) : all.length === 0 ? (
          <Empty title="No app yet">
            <p>
              A bot needs four lines: the address of this server instead of the Graph API’s, a page token, its
              secret and a verify token. <b>New app</b> makes the secret; Pages, Tokens makes the token.
            </p>
          </Empty>
        ) : (
          <Table
            label="Apps"
            heads={[
              head("App"),
              head("State"),
              head("Webhook"),
              head("Waiting", true),
              head("In flight", true),
              head("Parked", true),
              head("Dead letters", true),
              head("p95", true),
              head("Last error"),
            ]}
          >
            {all.map((app) => (
              <Row key={app.id} app={app} />
            ))}
            <tr className={css.builtIn}>
              <td>
                <span className={css.app}>
                  <AppMark app={apps.app(INBOX.messenger)} size="large" />
                  <strong>Inbox</strong>
                  <span>people, in this console</span>
                </span>
              </td>
              <td colSpan={8}>Built in, and connected to every page. It has no webhook.</td>
            </tr>
          </Table>
        )}
      </Card>
      {all.length > 0 && <Heat ids={all.map((app) => app.id)} />}
    </div>
  );
}

function Row({ app }: { app: AppTable }) {
  const { apps, page } = useAround();
  const { data: health, error } = useHealth(app.id);
  const said = health && healthWords(health);
  return (
    <tr>
      <td>
        <Link to="/apps/$app" params={{ app: app.id }} search={{ page }} className={css.app}>
          <AppMark app={apps.app(app.id)} size="large" />
          <strong>
            <bdi>{app.name}</bdi>
          </strong>
          <code>{app.id}</code>
        </Link>
      </td>
      <td>
        {said ? <StatePill tone={said.tone}>{said.words}</StatePill> : <StatePill tone="plain">…</StatePill>}
        {said && <small>{said.detail}</small>}
        {error && <small>{error.message}</small>}
      </td>
      <td>
        <span className={css.webhook}>
          {app.webhook_url &&
            health &&
            (health.verified ? (
              <IconShieldCheck size={16} data-well role="img" aria-label="verified" />
            ) : (
              <IconShieldX size={16} data-wrong role="img" aria-label="not verified" />
            ))}
          <code>{app.webhook_url?.replace(/^https?:\/\//, "") ?? "no address"}</code>
        </span>
      </td>
      <td data-number>
        {health?.pending ?? "–"}
        {health && health.pending > 0 && <small>{duration(health.lag_seconds * 1_000)}</small>}
      </td>
      <td data-number>{health?.in_flight ?? "–"}</td>
      <td data-number>{health?.parked ?? "–"}</td>
      <td data-number>
        {health && health.dead > 0 ? (
          <Link to="/deliveries" search={{ page, app: app.id, state: "dead" }}>
            {health.dead}
          </Link>
        ) : (
          (health?.dead ?? "–")
        )}
      </td>
      <td data-number>{health?.p95_ms ? `${health.p95_ms} ms` : "–"}</td>
      <td>
        {health?.last_error ? (
          <>
            <bdi>{health.last_error.error}</bdi>
            <small>
              <Moment at={Date.parse(health.last_error.at)} />
            </small>
          </>
        ) : (
          "–"
        )}
      </td>
    </tr>
  );
}

function NewApp({ done }: { done: (app: AppTable) => void }) {
  const make = useMakeApp();
  const { online } = useAround();
  const [name, setName] = useState("");
  const [url, setUrl] = useState("");
  const [token, setToken] = useState("");
  function submit(event: FormEvent) {
    event.preventDefault();
    const address = url.trim() === "" ? {} : { webhook_url: url.trim(), verify_token: token };
    make.mutate({ name: name.trim(), ...address }, { onSuccess: done });
  }
  return (
    <Card title="New app" strong>
      <Judged error={make.error}>
        <form className={screen.body} onSubmit={submit}>
          <div className={screen.fields}>
            <Field label="Name" wide at="/name">
              <Input value={name} maxLength={200} onChange={(event) => setName(event.target.value)} />
            </Field>
            <Field label="Webhook address" wide at="/webhook_url">
              <Input
                mono
                value={url}
                placeholder="https://…"
                onChange={(event) => setUrl(event.target.value)}
              />
            </Field>
            <Field label="Verify token" at="/verify_token">
              <Input mono value={token} onChange={(event) => setToken(event.target.value)} />
            </Field>
            <Button look="primary" type="submit" disabled={name.trim() === "" || make.isPending || !online}>
              Make it
            </Button>
          </div>
          <p>Its id and its secret are made up; the secret is shown once.</p>
          {make.error && <Problem error={make.error} />}
        </form>
      </Judged>
    </Card>
  );
}

function Heat({ ids }: { ids: string[] }) {
  const { apps, page } = useAround();
  const navigate = useNavigate();
  const found = useAllDeliveries(ids);
  const [at, setAt] = useState<{ app: string; hour: number } | null>(null);
  const now = batonNow();
  const rows = ids.map((id, index) => ({ id, cells: byHour(found[index]?.data ?? [], now, HOURS) }));
  const chosen = rows.find((row) => row.id === at?.app)?.cells.find((cell) => cell.hour === at?.hour);
  const hours = rows[0]?.cells.map((cell) => cell.hour) ?? [];
  return (
    <Card
      title="Failed webhook attempts"
      note="share per app and hour, per cent; of each app’s newest 1,000 deliveries"
    >
      <div className={css.heat} role="group" aria-label="Failed attempts by app and hour" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">
                <span className="hidden">App</span>
              </th>
              {hours.map((hour) => (
                <th key={hour} scope="col">
                  {clockTime(hour).slice(0, 2)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.id}>
                <th scope="row">
                  <AppChip app={apps.app(row.id)} />
                </th>
                {row.cells.map((cell) => {
                  const found = heat(cell);
                  const name = `${apps.app(row.id).name}, ${clockTime(cell.hour)}: ${found?.share} per cent failed, ${cell.failed} of ${cell.sent}`;
                  return found ? (
                    <td key={cell.hour}>
                      <button
                        type="button"
                        data-step={found.step}
                        aria-label={name}
                        aria-pressed={at?.app === row.id && at.hour === cell.hour}
                        onClick={() => setAt({ app: row.id, hour: cell.hour })}
                        onDoubleClick={() =>
                          void navigate({ to: "/deliveries", search: { page, app: row.id } })
                        }
                      >
                        {found.share}
                      </button>
                    </td>
                  ) : (
                    <td key={cell.hour} data-none>
                      <span className="hidden">none sent</span>
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className={css.said} role="status">
        {at && chosen ? (
          <>
            <b>
              <bdi>{apps.app(at.app).name}</bdi>, {clockTime(at.hour)} to {clockTime(at.hour + 3_600_000)}:
            </b>{" "}
            {chosen.failed} of {chosen.sent} attempts failed.{" "}
            <Link to="/deliveries" search={{ page, app: at.app }}>
              Open its deliveries
            </Link>
          </>
        ) : (
          "A dashed cell: nothing was sent in that hour. Choose a cell to see its numbers."
        )}
      </p>
    </Card>
  );
}
