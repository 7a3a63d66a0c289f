/** The state of a page in one look: who has control, what needs somebody, and how it went. Everything leads on. */
import {
  IconHandStop,
  IconHourglass,
  IconPlugConnectedX,
  IconServerOff,
  IconTable,
} from "@tabler/icons-react";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { type CSSProperties, type ReactNode, useState } from "react";
import { useSickApps } from "../../api/deliveries";
import { useNodes } from "../../api/nodes";
import { usePageTable } from "../../api/settings";
import { useStatistics } from "../../api/statistics";
import type { AdTable, Statistics } from "../../api/types";
import { isInbox } from "../../model/apps";
import { missing } from "../../model/nodes";
import { adLead } from "../../model/routing";
import {
  matrix,
  oneInboxOfChanges,
  oneInboxOfOwners,
  parts,
  share,
  stepWords,
  took,
} from "../../model/statistics";
import { AppChip } from "../../parts/app";
import { Button, Empty, Loading, Problem, Segments, StatePill, SurfaceIcon } from "../../parts/basic";
import { RuleTag } from "../../parts/explain";
import { Card, head, screen, Table } from "../../parts/screen";
import type { OverviewSearch } from "../../router";
import { Tools, useAround } from "../shell";
import css from "./overview.module.css";

const RANGES = ["1h", "24h", "7d", "30d"];
const rangeWords = (range: string): string => range.replace(/(\d+)(\w)/, "$1 $2");
/** How the Inbox’s list is filtered by an owner. */
const ownerFilter = (id: string | null): string => (id === null ? "nobody" : isInbox(id) ? "inbox" : id);
const part = (value: number): CSSProperties => ({ ["--part" as string]: value });

export function Overview() {
  const { page } = useAround();
  const { last: asked } = useSearch({ strict: false }) as OverviewSearch;
  const range = RANGES.find((one) => one === asked) ?? "24h";
  const navigate = useNavigate();
  const { data, error, refetch } = useStatistics(page, range);
  return (
    <>
      {error && <Problem error={error} again={() => void refetch()} />}
      {!data && !error && <Loading what="The numbers are counted" />}
      <div className={css.grid} aria-busy={!data && !error}>
        <Tools>
          <Segments
            label="How far back"
            choices={RANGES.map((one) => ({ value: one, words: rangeWords(one) }))}
            value={range}
            choose={(last) =>
              void navigate({ to: "/overview", search: (before) => ({ ...before, last }), replace: true })
            }
          />
        </Tools>
        {data && (
          <>
            <Owners found={data} />
            <Needs found={data} />
            <Changes found={data} range={range} />
            <Answers found={data} />
            <Refusals found={data} range={range} />
            <AdCounts page={page} />
          </>
        )}
      </div>
    </>
  );
}

/** A picture, and its numbers as a table at the same place. */
function Drawn({
  title,
  note,
  span,
  table,
  children,
}: {
  title: string;
  note: ReactNode;
  span: number;
  table: ReactNode;
  children: ReactNode;
}) {
  const [asTable, setAsTable] = useState(false);
  return (
    <div data-span={span}>
      <Card
        title={title}
        note={note}
        tools={
          <Button
            look="quiet"
            aria-pressed={asTable}
            aria-label={`${title} as a table`}
            onClick={() => setAsTable(!asTable)}
          >
            <IconTable size={16} aria-hidden="true" />
            <span className={css.word}>Table</span>
          </Button>
        }
      >
        {asTable ? table : children}
      </Card>
    </div>
  );
}

const useChip = () => {
  const { apps } = useAround();
  return (id: string | null) => <AppChip app={id ? apps.app(id) : null} />;
};

function Owners({ found }: { found: Statistics }) {
  const { apps, page } = useAround();
  const chip = useChip();
  const owners = oneInboxOfOwners(found.owners);
  const all = owners.reduce((sum, one) => sum + one.count, 0);
  const note = `${found.at_least ? "at least " : ""}${all} conversations`;
  const table = (
    <Table label="In control now" heads={[head("App"), head("Conversations", true), head("Share", true)]}>
      {owners.map((one) => (
        <tr key={one.app_id ?? ""}>
          <td>{chip(one.app_id)}</td>
          <td data-number>{one.count}</td>
          <td data-number>{share(one.count, all)}</td>
        </tr>
      ))}
    </Table>
  );
  return (
    <Drawn title="In control now" note={note} span={8} table={table}>
      {all === 0 ? (
        <Empty title="Nobody has written yet">
          <p>
            <Link to="/simulator" search={{ page }}>
              Play a person
            </Link>
            , and they appear here.
          </p>
        </Empty>
      ) : (
        <>
          <div className={css.bar} aria-hidden="true">
            {owners.map((one) => (
              <span
                key={one.app_id ?? ""}
                data-app={one.app_id ? apps.app(one.app_id).colour : "none"}
                style={{ flexGrow: one.count }}
              />
            ))}
          </div>
          <ul className={css.legend}>
            {owners.map((one) => (
              <li key={one.app_id ?? ""}>
                <Link to="/inbox" search={{ page, owner: ownerFilter(one.app_id) }}>
                  {chip(one.app_id)}
                </Link>
                <div>
                  <b>{one.count}</b> <small>{share(one.count, all)}</small>
                </div>
              </li>
            ))}
          </ul>
        </>
      )}
    </Drawn>
  );
}

function Needs({ found }: { found: Statistics }) {
  const { apps, page } = useAround();
  const sick = useSickApps();
  const { data: nodes } = useNodes();
  const gone = missing(nodes?.nodes ?? []);
  const undelivered = nodes?.undelivered.length ?? 0;
  const broken = sick.length + gone.length + undelivered;
  const nothing = found.waiting === 0 && found.ending_soon === 0 && broken === 0;
  return (
    <div data-span={4}>
      <Card title="Needs someone">
        {nothing && <p className={screen.note}>Nothing: no request waits, and every app answers.</p>}
        <ul className={css.needs}>
          {found.waiting > 0 && (
            <li>
              <IconHandStop size={18} aria-hidden="true" />
              <div>
                <strong>
                  {found.waiting} {found.waiting === 1 ? "conversation waits" : "conversations wait"}
                </strong>
                <div>an app asks for control</div>
              </div>
              <Link to="/inbox" search={{ page, owner: "waiting" }}>
                Inbox ›
              </Link>
            </li>
          )}
          {found.ending_soon > 0 && (
            <li>
              <IconHourglass size={18} aria-hidden="true" />
              <div>
                <strong>{found.ending_soon} of the Inbox’s end soon</strong>
                <div>within the hour</div>
              </div>
              <Link to="/inbox" search={{ page, order: "expiry" }}>
                Inbox ›
              </Link>
            </li>
          )}
          {sick.map((one) => (
            <li key={one.app} data-broken>
              <IconPlugConnectedX size={18} aria-hidden="true" />
              <div>
                <strong>
                  <bdi>{apps.app(one.app).name}</bdi> does not answer
                </strong>
                <div>{one.words}</div>
              </div>
              <Link to="/apps/$app" params={{ app: one.app }} search={{ page }}>
                Apps ›
              </Link>
            </li>
          ))}
          {undelivered > 0 && (
            <li data-broken>
              <IconServerOff size={18} aria-hidden="true" />
              <div>
                <strong>Nobody delivers {undelivered === 1 ? "1 stream" : `${undelivered} streams`}</strong>
                <div>their webhooks wait</div>
              </div>
              <Link to="/nodes" search={{ page }}>
                Nodes ›
              </Link>
            </li>
          )}
          {gone.map((one) => (
            <li key={one.id} data-broken>
              <IconServerOff size={18} aria-hidden="true" />
              <div>
                <strong>
                  <bdi>{one.name}</bdi> is gone
                </strong>
                <div>nothing is heard of this node</div>
              </div>
              <Link to="/nodes" search={{ page }}>
                Nodes ›
              </Link>
            </li>
          ))}
        </ul>
      </Card>
    </div>
  );
}

function Changes({ found, range }: { found: Statistics; range: string }) {
  const { apps } = useAround();
  const chip = useChip();
  const changes = oneInboxOfChanges(found.changes);
  const { ids, rows } = matrix(changes);
  const most = Math.max(1, ...rows.flat());
  const table = (
    <Table label="Changes of control" heads={[head("From"), head("To"), head("Times", true)]}>
      {changes.map((one) => (
        <tr key={`${one.from_app_id}/${one.to_app_id}`}>
          <td>{chip(one.from_app_id)}</td>
          <td>{chip(one.to_app_id)}</td>
          <td data-number>{one.count}</td>
        </tr>
      ))}
    </Table>
  );
  return (
    <Drawn
      title="Changes of control"
      note={`from row to column, ${rangeWords(range)}`}
      span={7}
      table={table}
    >
      {ids.length === 0 ? (
        <Empty title="Control stayed where it was">
          <p>When an app passes, takes or releases control, or time ends it, it is counted here.</p>
        </Empty>
      ) : (
        <div className={screen.scroll} role="group" aria-label="Changes of control, a matrix" tabIndex={0}>
          <table className={css.matrix}>
            <thead>
              <tr>
                <th scope="col">from ↓ to →</th>
                {ids.map((id) => (
                  <th key={id ?? ""} scope="col" title={id ? apps.app(id).name : undefined}>
                    {chip(id)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {ids.map((from, row) => (
                <tr key={from ?? ""}>
                  <th scope="row" title={from ? apps.app(from).name : undefined}>
                    {chip(from)}
                  </th>
                  {ids.map((to, column) => {
                    const count = rows[row]?.[column] ?? 0;
                    return (
                      <td
                        key={to ?? ""}
                        data-same={from === to || undefined}
                        data-none={count === 0 || undefined}
                        style={part(count / most)}
                      >
                        {from === to ? "" : count}
                      </td>
                    );
                  })}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Drawn>
  );
}

function Answers({ found }: { found: Statistics }) {
  const { count, steps, median_ms, p90_ms, inbox_median_ms } = found.first_answer;
  const words = stepWords(steps);
  const heights = parts(steps.map((step) => step.count));
  const table = (
    <Table label="Time to first answer" heads={[head("Up to"), head("Conversations", true)]}>
      {steps.map((step, index) => (
        <tr key={words[index]}>
          <td>{words[index]}</td>
          <td data-number>{step.count}</td>
        </tr>
      ))}
    </Table>
  );
  const note = `after a first message, ${count} ${count === 1 ? "conversation" : "conversations"}`;
  return (
    <Drawn title="Time to first answer" note={note} span={5} table={table}>
      {count === 0 ? (
        <Empty title="Nobody was answered in this time">
          <p>From a person’s first message to the first answer, by a bot or by the Inbox.</p>
        </Empty>
      ) : (
        <>
          <div className={css.facts}>
            <div>
              <b>{took(median_ms)}</b>
              <small>median</small>
            </div>
            <div>
              <b>{took(p90_ms)}</b>
              <small>nine of ten</small>
            </div>
            <div>
              <b>{took(inbox_median_ms)}</b>
              <small>from the Inbox</small>
            </div>
          </div>
          <ol className={css.histogram} aria-hidden="true">
            {steps.map((step, index) => (
              <li key={words[index]} style={part(heights[index] ?? 0)}>
                <b>{step.count}</b>
                <i />
                <span>{words[index]}</span>
              </li>
            ))}
          </ol>
        </>
      )}
    </Drawn>
  );
}

function Refusals({ found, range }: { found: Statistics; range: string }) {
  const chip = useChip();
  const heights = parts(found.refusals.map((one) => one.count));
  return (
    <div data-span={7}>
      <Card title="Refusals" note={`by rule, ${rangeWords(range)}`}>
        {found.refusals.length === 0 ? (
          <Empty title="Nothing was refused">
            <p>What an app may not do is answered with an error, and counted here by its rule.</p>
          </Empty>
        ) : (
          <Table label="Refusals" heads={[head("Rule"), head("Asked by"), head("Times")]}>
            {found.refusals.slice(0, 12).map((one, index) => (
              <tr key={`${one.rule}/${one.app_id}`}>
                <td>
                  <RuleTag rule={one.rule} />
                </td>
                <td>{one.app_id ? chip(one.app_id) : "a person"}</td>
                <td>
                  <i className={css.meter} style={part(heights[index] ?? 0)} aria-hidden="true" /> {one.count}
                </td>
              </tr>
            ))}
          </Table>
        )}
      </Card>
    </div>
  );
}

function AdCounts({ page }: { page: string }) {
  const { apps } = useAround();
  const { data } = usePageTable(page);
  const ads = [...(data?.ads ?? [])].sort((one, other) => (other.entries ?? 0) - (one.entries ?? 0));
  const lead = (ad: AdTable) => {
    const id = adLead(ad);
    return id ? <AppChip app={apps.app(id)} /> : <span className={css.share}>as who writes</span>;
  };
  const address = (on: string) =>
    apps.places.find((place) => place.page.id === page && place.on === on)?.address;
  return (
    <div data-span={5}>
      <Card title="Ads" note="who came and who talked, ever">
        {ads.length === 0 ? (
          <Empty title="No ads on this page">
            <p>
              An ad gives whoever taps it to an app of its own:{" "}
              <Link to="/pages/$page/$tab" params={{ page, tab: "ads" }} search={{ page }}>
                make one
              </Link>
            </p>
          </Empty>
        ) : (
          <Table label="Ads" heads={[head("Ad"), head("App"), head("Came in", true), head("Talked", true)]}>
            {ads.map((ad) => (
              <tr key={`${ad.on}/${ad.id}`}>
                <td>
                  <span className={css.ad}>
                    <SurfaceIcon on={ad.on} />
                    <Link
                      to="/pages/$page/ads/$ad"
                      params={{ page: address(ad.on) ?? page, ad: ad.id }}
                      search={{ page }}
                    >
                      <bdi>{ad.name || ad.id}</bdi>
                    </Link>
                    {ad.status !== "published" && <StatePill tone="plain">{ad.status}</StatePill>}
                  </span>
                </td>
                <td>{lead(ad)}</td>
                <td data-number>{ad.entries ?? 0}</td>
                <td data-number>
                  <b>{ad.conversations ?? 0}</b>{" "}
                  <span className={css.share}>{share(ad.conversations ?? 0, ad.entries ?? 0)}</span>
                </td>
              </tr>
            ))}
          </Table>
        )}
      </Card>
    </div>
  );
}
