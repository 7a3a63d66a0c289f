/** An app's webhooks: what became of each, the bytes and the attempts, and sending again. */
import { IconX } from "@tabler/icons-react";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { useDeliveries, useDelivery, useResend, useResume } from "../../api/deliveries";
import { type Names, nameKey, useNames } from "../../api/names";
import type { Delivery, DeliveryState } from "../../api/types";
import { answerOf, stateTone } from "../../model/deliveries";
import { AppChip, Moment } from "../../parts/app";
import {
  Button,
  Empty,
  LinkButton,
  Loading,
  Problem,
  Segments,
  StatePill,
  SurfaceIcon,
} from "../../parts/basic";
import { RuleTag } from "../../parts/explain";
import { useKeys } from "../../parts/keys";
import { Card, Check, type Choice, Field, head, Select, screen, Table } from "../../parts/screen";
import type { DeliveriesSearch } from "../../router";
import css from "../apps/apps.module.css";
import { useAround } from "../shell";
import { InFull } from "./in-full";

const STATES: Choice<DeliveryState | "">[] = [
  { value: "", words: "All" },
  { value: "pending", words: "Pending" },
  { value: "parked", words: "Parked" },
  { value: "dead", words: "Dead letters" },
  { value: "expired", words: "Expired" },
  { value: "delivered", words: "Delivered" },
];

export function Deliveries({ opened }: { opened: string | null }) {
  const { apps, me, online, page } = useAround();
  const search = useSearch({ strict: false }) as DeliveriesSearch;
  const navigate = useNavigate();
  const app = search.app ?? apps.apps[0]?.id ?? "";
  const state = STATES.find((one) => one.value === search.state)?.value ?? "";
  const { data, error, refetch, hasNextPage, fetchNextPage } = useDeliveries(app, state);
  const rows = data?.pages.flatMap((one) => one.data) ?? [];
  const [chosen, setChosen] = useState<Set<string>>(new Set());
  const resend = useResend();
  const resume = useResume();
  const may = me.role === "operator";
  const names = useNames(page);
  const change = (next: DeliveriesSearch) => {
    setChosen(new Set());
    void navigate({ to: "/deliveries", search: (before) => ({ ...before, ...next }), replace: true });
  };
  const open = (id: string | null) =>
    id
      ? void navigate({ to: "/deliveries/$delivery", params: { delivery: id }, search: { ...search, app } })
      : void navigate({ to: "/deliveries", search: { ...search, app } });
  const toggle = (id: string) => {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    setChosen(next);
  };
  if (apps.apps.length === 0)
    return (
      <Empty title="No app yet: there is nobody to deliver to">
        <p>
          <Link to="/apps" search={{ page }}>
            Make one in Apps
          </Link>
        </p>
      </Empty>
    );
  const tools = may && (
    <>
      <Button
        disabled={chosen.size === 0 || !online || resend.isPending}
        title="In the order of their making; receivers may see the same mid twice"
        onClick={() =>
          resend.mutate({ id: app, what: { ids: [...chosen] } }, { onSuccess: () => setChosen(new Set()) })
        }
      >
        Resend {chosen.size > 0 ? chosen.size : ""}
      </Button>
      <Button disabled={!online || resume.isPending} onClick={() => resume.mutate(app)}>
        Resume all
      </Button>
    </>
  );
  return (
    <div className={screen.screen} data-drawer={opened ? true : undefined}>
      <div className={css.filters}>
        <Field label="App">
          <Select
            value={app}
            choices={apps.apps.map((one) => ({ value: one.id, words: one.name }))}
            choose={(next) => change({ app: next })}
          />
        </Field>
        <Segments label="State" choices={STATES} value={state} choose={(next) => change({ state: next })} />
      </div>
      <Card title="Deliveries" note={<AppChip app={apps.app(app)} />} tools={tools}>
        {error && <Problem error={error} again={() => void refetch()} />}
        {resend.error && <Problem error={resend.error} />}
        {resume.error && <Problem error={resume.error} />}
        {(resend.data ?? resume.data) && (
          <p className={screen.note} role="status">
            {(resend.data ?? resume.data)?.count} webhooks are sent again, in order.
          </p>
        )}
        {!data ? (
          !error && <Loading what="Deliveries are loading" />
        ) : rows.length === 0 && state ? (
          <Empty title="None in this state">
            <LinkButton onClick={() => change({ state: "" })}>Show all</LinkButton>
          </Empty>
        ) : rows.length === 0 ? (
          <Empty title="Nothing was to be delivered to this app yet">
            <p>
              It is told when somebody writes to a page that it is connected to:{" "}
              <Link to="/simulator" search={{ page }}>
                play a person
              </Link>
            </p>
          </Empty>
        ) : (
          <Table
            label="Deliveries"
            heads={[
              <th key="choose" scope="col">
                {may ? (
                  <Check
                    label="Choose all that are shown"
                    hideLabel
                    checked={rows.every((one) => chosen.has(one.id))}
                    onChange={(event) =>
                      setChosen(new Set(event.target.checked ? rows.map((one) => one.id) : []))
                    }
                  />
                ) : (
                  <span className="hidden">Choose</span>
                )}
              </th>,
              head("Event"),
              head("Person"),
              head("State"),
              head("Attempts", true),
              head("Next try"),
              head("Last answer"),
            ]}
          >
            {rows.map((one) => (
              <Row
                key={one.id}
                one={one}
                chosen={chosen.has(one.id)}
                names={names}
                opened={one.id === opened}
                toggle={may ? () => toggle(one.id) : null}
                open={() => open(one.id)}
              />
            ))}
          </Table>
        )}
        {hasNextPage && (
          <div className={screen.pagination}>
            <Button onClick={() => void fetchNextPage()}>Show more</Button>
          </div>
        )}
      </Card>
      {opened && <One key={opened} app={app} id={opened} page={page} close={() => open(null)} />}
    </div>
  );
}

function Row({
  one,
  chosen,
  names,
  opened,
  toggle,
  open,
}: {
  one: Delivery;
  chosen: boolean;
  names: Names;
  opened: boolean;
  toggle: (() => void) | null;
  open: () => void;
}) {
  return (
    <tr data-chosen={opened || undefined}>
      <td className={css.choose}>
        {toggle && <Check label={`Choose ${one.id}`} hideLabel checked={chosen} onChange={toggle} />}
      </td>
      <td>
        <button type="button" className={css.open} onClick={open} aria-expanded={opened}>
          <code>
            {one.channel === "standby" && "standby · "}
            {one.event}
          </code>
          <span className="hidden">, {one.id}</span>
        </button>
      </td>
      <td>
        <span className={css.who}>
          <SurfaceIcon on={one.on} />
          <bdi>{names.get(nameKey(one)) ?? one.person_id ?? "the page itself"}</bdi>
        </span>
      </td>
      <td>
        <StatePill tone={stateTone(one.state)}>{one.state}</StatePill>
      </td>
      <td data-number>{one.attempts.length}</td>
      <td>{one.next_attempt_at ? <Moment at={Date.parse(one.next_attempt_at)} seconds /> : "–"}</td>
      <td>
        <bdi>{answerOf(one)}</bdi>
      </td>
    </tr>
  );
}

function One({ app, id, page, close }: { app: string; id: string; page: string; close: () => void }) {
  const { apps } = useAround();
  const { data, error, refetch } = useDelivery(app, id);
  const names = useNames(page);
  useKeys({ Escape: close });
  const place = data && apps.of(data.page_id, data.on);
  return (
    <aside className={css.drawer} aria-label="Delivery">
      <header>
        <div>
          <h2>
            {data ? `${data.channel === "standby" ? "standby · " : ""}${data.event}` : "…"}{" "}
            {data && <StatePill tone={stateTone(data.state)}>{data.state}</StatePill>}
          </h2>
          <p>
            to <AppChip app={apps.app(app)} />
            {data?.person_id && place && (
              <>
                {" "}
                about{" "}
                <Link
                  to="/inbox/$page/$person"
                  params={{ page: place.address, person: data.person_id }}
                  search={{ page }}
                >
                  <bdi>{names.get(nameKey(data)) ?? data.person_id}</bdi>
                </Link>
              </>
            )}
          </p>
        </div>
        <Button look="quiet" onClick={close} aria-label="Close">
          <IconX size={17} aria-hidden="true" />
        </Button>
      </header>
      {error && !data && <Problem error={error} again={() => void refetch()} />}
      {!data && !error && <Loading what="The delivery is loading" />}
      {data && (
        <InFull
          one={data}
          app={app}
          why={
            <section>
              <h3>Why</h3>
              <p>
                It tells of what <RuleTag rule={data.rule} /> decided.
              </p>
            </section>
          }
        />
      )}
    </aside>
  );
}
