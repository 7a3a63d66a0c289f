/** One app: how it does, its address and whether that verifies, its secret, and its switches. */
import { IconChevronLeft } from "@tabler/icons-react";
import { Link, useNavigate } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { batonNow } from "../../api/clock";
import { useHealth, useResume } from "../../api/deliveries";
import { usePatchApp, useProbe, useRemoveApp, useSettings } from "../../api/settings";
import type { AppTable } from "../../api/types";
import { healthWords } from "../../model/deliveries";
import { AppMark, Moment } from "../../parts/app";
import { Button, Empty, Loading, Problem, StatePill } from "../../parts/basic";
import parts from "../../parts/parts.module.css";
import { Card, Field, Input, Judged, Once, Switch, screen, Warning } from "../../parts/screen";
import { useAround } from "../shell";
import css from "./apps.module.css";
import { Doctor } from "./doctor";

const COMPAT: { name: AppTable["compat"][number]; about: string }[] = [
  { name: "empty-messaging-beside-standby", about: "An empty list of messaging stands beside standby." },
  { name: "policy-enforcement-hyphen", about: "The field is called policy-enforcement, with a hyphen." },
  { name: "retired-tags", about: "Message tags that the platform has retired are taken." },
  { name: "app-ids-as-numbers", about: "Ids of apps are numbers in its webhooks, not texts." },
  { name: "no-hop-context", about: "Its webhooks go without hop_context." },
];

export function OneApp({ id }: { id: string }) {
  const { apps, page } = useAround();
  const { data, error, refetch } = useSettings();
  const app = data?.data.apps.find((one) => one.id === id);
  if (error && !data) return <Problem error={error} again={() => void refetch()} />;
  if (!data) return <Loading what="The app is loading" />;
  if (!app)
    return (
      <Empty title="There is no such app">
        <p>
          <Link to="/apps" search={{ page }}>
            All apps
          </Link>
        </p>
      </Empty>
    );
  return (
    <div className={screen.screen}>
      <div className={`${screen.top} ${css.head}`}>
        <Link to="/apps" search={{ page }} className={css.back}>
          <IconChevronLeft size={16} aria-hidden="true" /> All apps
        </Link>
        <AppMark app={apps.app(id)} size="large" />
        <h2>
          <bdi>{app.name}</bdi>
        </h2>
        <code>{id}</code>
        <span className={css.space} />
        <Link to="/deliveries" search={{ page, app: id }} className={parts.button}>
          Its deliveries
        </Link>
      </div>
      <div className={css.two}>
        <div>
          <HowItDoes app={app} />
          <Webhook key={app.webhook_url ?? ""} app={app} />
          {app.webhook_url && <TestEvent app={app} />}
          {app.webhook_url && <Doctor app={app} />}
          <Secret app={app} />
        </div>
        <div>
          <Switches app={app} />
          <Where app={app} />
          <Removal app={app} />
        </div>
      </div>
    </div>
  );
}

function HowItDoes({ app }: { app: AppTable }) {
  const { me, online } = useAround();
  const { data: health, error, refetch } = useHealth(app.id);
  const resume = useResume();
  if (error && !health) return <Problem error={error} again={() => void refetch()} />;
  const said = health && healthWords(health);
  const tools = me.role === "operator" && health && (health.disabled || health.parked > 0) && (
    <Button disabled={!online || resume.isPending} onClick={() => resume.mutate(app.id)}>
      Deliver again now
    </Button>
  );
  return (
    <Card title="How it does" tools={tools}>
      <div className={screen.body}>
        {resume.data && <p role="status">{resume.data.count} webhooks waited, and are tried now.</p>}
        {resume.error && <Problem error={resume.error} />}
        {!health && <Loading what="How it does is loading" />}
        {health && said && (
          <dl className={css.facts}>
            <dt>State</dt>
            <dd>
              <StatePill tone={said.tone}>{said.words}</StatePill> {said.detail}
            </dd>
            {health.disabled && (
              <>
                <dt>Switched off</dt>
                <dd>
                  <Moment at={Date.parse(health.disabled.since)} />: <bdi>{health.disabled.reason}</bdi>
                </dd>
              </>
            )}
            <dt>In flight</dt>
            <dd>{health.in_flight}</dd>
            <dt>Parked</dt>
            <dd>{health.parked} conversations</dd>
            <dt>Dead letters</dt>
            <dd>
              {health.dead}
              {health.expired > 0 && `, and ${health.expired} that were too old`}
            </dd>
            <dt>Last delivered</dt>
            <dd>
              {health.last_delivered_at ? <Moment at={Date.parse(health.last_delivered_at)} /> : "never"}
            </dd>
            <dt>Last error</dt>
            <dd>
              {health.last_error ? (
                <>
                  <bdi>{health.last_error.error}</bdi>, <Moment at={Date.parse(health.last_error.at)} />
                </>
              ) : (
                "none"
              )}
            </dd>
          </dl>
        )}
      </div>
    </Card>
  );
}

function Webhook({ app }: { app: AppTable }) {
  const { me, online } = useAround();
  const patch = usePatchApp();
  const [url, setUrl] = useState(app.webhook_url ?? "");
  const [token, setToken] = useState("");
  const may = me.role === "operator";
  const changed = url.trim() !== (app.webhook_url ?? "");
  function submit(event: FormEvent) {
    event.preventDefault();
    const address = url.trim();
    const change = {
      ...(changed || !token ? { webhook_url: address === "" ? null : address } : {}),
      ...(token ? { verify_token: token } : {}),
    };
    patch.mutate({ id: app.id, change });
  }
  return (
    <Card title="Webhook" note="verified by a handshake when it is saved">
      <Judged error={patch.error}>
        <form className={screen.body} onSubmit={submit}>
          <div className={screen.fields}>
            <Field label="Address" wide at="/webhook_url">
              <Input
                mono
                value={url}
                disabled={!may}
                placeholder="https://…"
                onChange={(event) => setUrl(event.target.value)}
              />
            </Field>
            <Field label="Verify token" at="/verify_token">
              <Input
                mono
                value={token}
                disabled={!may}
                placeholder="as it is"
                onChange={(event) => setToken(event.target.value)}
              />
            </Field>
          </div>
          <Verification answer={patch.data} />
          {patch.error && <Problem error={patch.error} />}
          {may && (
            <span className={screen.acts}>
              <Button
                type="submit"
                look="primary"
                disabled={!online || patch.isPending || (url.trim() === "" && !changed)}
              >
                {changed || token ? "Save and verify" : "Verify now"}
              </Button>
            </span>
          )}
        </form>
      </Judged>
    </Card>
  );
}

/** What the address answered, in plain words. */
function Verification({ answer }: { answer: AppTable | undefined }) {
  if (!answer) return null;
  const wrong = answer.warnings ?? [];
  if (wrong.length > 0)
    return wrong.map((one) => (
      <Warning key={one.detail}>
        <bdi>{one.detail}</bdi>
      </Warning>
    ));
  return (
    <p role="status">
      <StatePill tone="well">{answer.webhook_url ? "The address verified itself" : "Saved"}</StatePill>
    </p>
  );
}

/** Asks the receiver something that nobody did: an event, or to verify itself. */
function TestEvent({ app }: { app: AppTable }) {
  const { me, online } = useAround();
  const probe = useProbe();
  if (me.role !== "operator") return null;
  const event = {
    sender: { id: "nobody" },
    recipient: { id: "1" },
    timestamp: batonNow(),
    message: { mid: "m_test", text: "A test: nobody wrote this." },
  };
  const answer = probe.data;
  const well = answer && answer.status !== null && answer.status >= 200 && answer.status < 300;
  return (
    <Card title="Test" note="signed as always, in no conversation, and not tried again">
      <div className={screen.body}>
        {probe.error && <Problem error={probe.error} />}
        {answer && (
          <p role="status">
            <StatePill tone={well && answer.is_challenge !== false ? "well" : "danger"}>
              {answer.status ?? "no answer"}
            </StatePill>{" "}
            {answer.error ?? `in ${answer.duration_ms} ms`}
            {answer.is_challenge === true && ", with the challenge, as it must be"}
            {answer.is_challenge === false && ", but without the challenge"}
            {answer.body_start && (
              <>
                : <code className={screen.mono}>{answer.body_start}</code>
              </>
            )}
          </p>
        )}
        <span className={screen.acts}>
          <Button
            disabled={!online || probe.isPending}
            onClick={() => probe.mutate({ id: app.id, what: { handshake: "right" } })}
          >
            Ask it to verify
          </Button>
          <Button
            disabled={!online || probe.isPending}
            onClick={() => probe.mutate({ id: app.id, what: { webhook: event } })}
          >
            Send a test event
          </Button>
        </span>
      </div>
    </Card>
  );
}

/** 32 hex digits, as the platform's. Made here, so that it goes over the wire once. */
function freshSecret(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}

function Secret({ app }: { app: AppTable }) {
  const { me, online } = useAround();
  const patch = usePatchApp();
  const [made, setMade] = useState<string | null>(null);
  const [sure, setSure] = useState(false);
  if (me.role !== "operator") return null;
  const rotate = () => {
    const secret = freshSecret();
    const change = { secret };
    patch.mutate({ id: app.id, change }, { onSuccess: () => setMade(secret) });
    setSure(false);
  };
  return (
    <Card title="Secret">
      <div className={screen.body}>
        {made && <Once label={`The new secret of ${app.name}`} secret={made} done={() => setMade(null)} />}
        <p>
          It signs every webhook. From the moment of a change all are signed with the new one, also those that
          wait; the old one signs nothing any more, so let the app know both for a while.
        </p>
        {patch.error && <Problem error={patch.error} />}
        <span className={screen.acts}>
          {sure ? (
            <Button look="primary" disabled={!online} onClick={rotate}>
              Sign with a new secret from now on
            </Button>
          ) : (
            <Button onClick={() => setSure(true)}>New secret…</Button>
          )}
        </span>
      </div>
    </Card>
  );
}

function Switches({ app }: { app: AppTable }) {
  const { me, online } = useAround();
  const patch = usePatchApp();
  const off = me.role !== "operator" || !online || patch.isPending;
  const put = (change: Parameters<typeof patch.mutate>[0]["change"]) => patch.mutate({ id: app.id, change });
  const [testers, setTesters] = useState(app.testers.join(", "));
  return (
    <Card title="Switches">
      {patch.error && <Problem error={patch.error} />}
      <div className={screen.row}>
        <div>
          <strong>Human Agent</strong>
          <p>May answer for seven days after a person’s message, with the tag for people at a desk.</p>
        </div>
        <Switch
          label="Human Agent"
          checked={app.human_agent}
          disabled={off}
          onChange={(event) => put({ human_agent: event.target.checked })}
        />
      </div>
      <div className={screen.row}>
        <div>
          <strong>Live</strong>
          <p>Reaches everybody; else only its testers.</p>
        </div>
        <Switch
          label="Live"
          checked={app.live}
          disabled={off}
          onChange={(event) => put({ live: event.target.checked })}
        />
      </div>
      {!app.live && (
        <div className={screen.row}>
          <Judged error={patch.error}>
            <Field label="Testers: person ids, comma between" wide at="/testers">
              <Input
                mono
                value={testers}
                disabled={off}
                onChange={(event) => setTesters(event.target.value)}
                onBlur={() => put({ testers: testers.split(/[\s,]+/).filter((one) => one !== "") })}
              />
            </Field>
          </Judged>
        </div>
      )}
      {COMPAT.map(({ name, about }) => (
        <div key={name} className={screen.row}>
          <div>
            <strong className={screen.mono}>{name}</strong>
            <p>{about}</p>
          </div>
          <Switch
            label={name}
            checked={app.compat.includes(name)}
            disabled={off}
            onChange={(event) =>
              put({
                compat: event.target.checked
                  ? [...app.compat, name]
                  : app.compat.filter((one) => one !== name),
              })
            }
          />
        </div>
      ))}
    </Card>
  );
}

/** The pages that it is connected to, and what it hears there. */
function Where({ app }: { app: AppTable }) {
  const { data } = useSettings();
  const pages = data?.data.pages.filter((page) => page.connections.some((one) => one.app === app.id)) ?? [];
  return (
    <Card title="Pages and fields">
      {pages.length === 0 && <p className={screen.note}>It is connected to no page: nothing reaches it.</p>}
      {pages.map((page) => (
        <div key={page.id} className={screen.row}>
          <div>
            <Link
              to="/pages/$page/$tab"
              params={{ page: page.id, tab: "routing" }}
              search={{ page: page.id }}
            >
              <bdi>{page.name}</bdi>
            </Link>
            <p className={screen.mono}>
              {page.connections.find((one) => one.app === app.id)?.fields?.join(", ") ||
                "no fields: it hears nothing"}
            </p>
          </div>
        </div>
      ))}
    </Card>
  );
}

function Removal({ app }: { app: AppTable }) {
  const { me, online, page } = useAround();
  const remove = useRemoveApp();
  const navigate = useNavigate();
  const [sure, setSure] = useState(false);
  if (me.role !== "operator") return null;
  const gone = () => void navigate({ to: "/apps", search: { page } });
  return (
    <Card title="Remove">
      <div className={screen.body}>
        <p>
          Its connections, link routes and the places that it has on pages go with it. What it controls goes
          to the default app, or to nobody, with the person’s next message.
        </p>
        {remove.error && <Problem error={remove.error} />}
        <span className={screen.acts}>
          {sure ? (
            <Button
              look="primary"
              disabled={!online}
              onClick={() => remove.mutate(app.id, { onSuccess: gone })}
            >
              Remove {app.name}
            </Button>
          ) : (
            <Button onClick={() => setSure(true)}>Remove…</Button>
          )}
        </span>
      </div>
    </Card>
  );
}
