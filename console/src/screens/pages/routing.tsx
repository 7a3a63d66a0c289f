/** Who answers, and the apps that are connected, on one platform of a page. */
import { useState } from "react";
import type { ConnectionTable, PageTable, RoutingWarning, Surface, SurfaceTable } from "../../api/types";
import { hears, withStandby } from "../../model/routing";
import { AppChip } from "../../parts/app";
import { Button, Empty, SURFACES } from "../../parts/basic";
import { RuleTag } from "../../parts/explain";
import { actsHead, Card, Check, head, Select, screen, Table } from "../../parts/screen";
import { useAround } from "../shell";
import { useDraft } from "./draft";

/** The fields that an app which talks with people needs. */
const FIELDS = [
  "messages",
  "messaging_postbacks",
  "messaging_referrals",
  "messaging_handovers",
  "standby",
  "message_echoes",
];

/** An app by its id; the Inbox by its name. */
export function useName(): (id: string) => string {
  const { apps } = useAround();
  return (id) => (id === "inbox" ? "Inbox" : apps.app(id).name);
}

export function useAppChoices(none: string, withInbox = true) {
  const { page } = useDraft();
  const name = useName();
  const connected = page.connections.map(({ app }) => ({ value: app, words: name(app) }));
  return [
    { value: "", words: none },
    ...connected,
    ...(withInbox ? [{ value: "inbox", words: "Inbox" }] : []),
  ];
}

export function RoutingTab({ warnings }: { warnings: RoutingWarning[] }) {
  return (
    <>
      <WhoAnswers />
      <Connected warnings={warnings} />
    </>
  );
}

type SideField = "default_app" | "primary_receiver" | "organic_app";

/** A page with one value of one platform changed. */
function withSide(page: PageTable, on: Surface, field: SideField, value: string): PageTable {
  const side: Partial<SurfaceTable> = { ...page[on] };
  if (value) side[field] = value;
  else delete side[field];
  return { ...page, [on]: side };
}

function modeWords(page: PageTable, on: Surface): string {
  const side = page[on];
  if (side?.default_app) return "Conversation Routing is on, because a default app is set.";
  if (side?.primary_receiver) return "The Handover Protocol is on, because a primary receiver is set.";
  return `No app leads on ${SURFACES[on]}: neither a default app nor a primary receiver is set.`;
}

function WhoAnswers() {
  const { page, on, change, mayChange } = useDraft();
  const side: Partial<SurfaceTable> = page[on] ?? {};
  const noDefault = useAppChoices("Nobody");
  const noPrimary = useAppChoices("Nobody", false);
  const sameAsDefault = useAppChoices("Same as the default app");
  const set = (field: SideField) => (value: string) => change(withSide(page, on, field, value));
  return (
    <Card title="Who answers" note={modeWords(page, on)}>
      <div className={screen.row}>
        <div>
          <strong id="default-app">Default app</strong>
          <p>Gets every conversation that nothing else decides, and those whose control has expired.</p>
        </div>
        <Select
          aria-labelledby="default-app"
          choices={noDefault}
          value={side.default_app ?? ""}
          choose={set("default_app")}
          disabled={!mayChange || Boolean(side.primary_receiver)}
        />
      </div>
      {side.primary_receiver && (
        <p className={screen.note}>
          A default app cannot be chosen while there is a primary receiver: take that away first.
        </p>
      )}
      <div className={screen.row}>
        <div>
          <strong id="organic">Organic route</strong>
          <p>People who simply write, without an ad or a link.</p>
        </div>
        <Select
          aria-labelledby="organic"
          choices={sameAsDefault}
          value={side.organic_app ?? ""}
          choose={set("organic_app")}
          disabled={!mayChange || !side.default_app}
        />
      </div>
      <div className={screen.row}>
        <div>
          <strong id="primary">Primary receiver</strong>
          <p>
            {side.default_app
              ? "For the Handover Protocol; not while there is a default app."
              : "Leads in the Handover Protocol: everything begins with it, and it may take control back."}
          </p>
        </div>
        <Select
          aria-labelledby="primary"
          choices={noPrimary}
          value={side.primary_receiver ?? ""}
          choose={set("primary_receiver")}
          disabled={!mayChange || Boolean(side.default_app)}
        />
      </div>
      <div className={screen.row}>
        <div>
          <strong id="main">Inbox: Move to Main</strong>
          <p>What happens when somebody at the desk moves a conversation; on both platforms.</p>
        </div>
        <Select
          aria-labelledby="main"
          choices={[
            { value: "take", words: "Takes control" },
            { value: "request", words: "Asks for control" },
          ]}
          value={page.inbox_move_to_main ?? "take"}
          choose={(value) => change({ ...page, inbox_move_to_main: value as "take" | "request" })}
          disabled={!mayChange}
        />
      </div>
      <div className={screen.row}>
        <div>
          <strong>Messaging</strong>
          <p>Switched off, nobody can write to the page.</p>
        </div>
        <Check
          label="People may write"
          checked={page.messaging_enabled}
          disabled={!mayChange}
          onChange={(event) => change({ ...page, messaging_enabled: event.target.checked })}
        />
      </div>
    </Card>
  );
}

function Connected({ warnings }: { warnings: RoutingWarning[] }) {
  const { apps } = useAround();
  const { page, on, change, mayChange } = useDraft();
  const free = apps.apps.filter((app) => !page.connections.some((one) => one.app === app.id));
  const [chosen, setChosen] = useState("");
  const connect = () => {
    const app = free.find((one) => one.id === chosen) ?? free[0];
    if (!app) return;
    const connection = { app: app.id, fields: FIELDS, standby: true, take_control: false };
    change({ ...page, connections: [...page.connections, connection] });
    setChosen("");
  };
  const put = (connection: ConnectionTable) => {
    const connections = page.connections.map((one) => (one.app === connection.app ? connection : one));
    change({ ...page, connections });
  };
  const tools = mayChange && free.length > 0 && (
    <>
      <Select
        aria-label="App to connect"
        choices={free.map((app) => ({ value: app.id, words: app.name }))}
        value={chosen || (free[0]?.id ?? "")}
        choose={setChosen}
      />
      <Button onClick={connect}>Connect</Button>
    </>
  );
  return (
    <Card title="Connected apps" note="they get the page’s webhooks and may call for it" tools={tools}>
      {page.connections.length === 0 ? (
        <Empty title="No app is connected">
          <p>Nobody but the Inbox answers here until one is.</p>
        </Empty>
      ) : (
        <Table
          label="Connected apps"
          heads={[
            head("App"),
            head(`Standby on ${SURFACES[on]}`),
            head("Take control of conversations"),
            head("Fields"),
            actsHead,
          ]}
        >
          {page.connections.map((connection) => {
            const app = apps.app(connection.app);
            const own = warnings.filter((one) => one.pointer.includes(`/connections/${connection.app}`));
            return (
              <tr key={connection.app}>
                <td>
                  <AppChip app={app} />
                  {own.map((one) => (
                    <small key={one.detail}>
                      <bdi>{one.detail}</bdi> {one.rule && <RuleTag rule={one.rule} />}
                    </small>
                  ))}
                </td>
                <td>
                  <Check
                    label={`${app.name}: standby on ${SURFACES[on]}`}
                    hideLabel
                    checked={hears(connection, on)}
                    disabled={!mayChange}
                    onChange={(event) => put(withStandby(connection, on, event.target.checked))}
                  />
                </td>
                <td>
                  <Check
                    label={`${app.name}: take control of conversations`}
                    hideLabel
                    checked={connection.take_control}
                    disabled={!mayChange}
                    onChange={(event) => put({ ...connection, take_control: event.target.checked })}
                  />
                </td>
                <td title={connection.fields?.join(", ")}>{connection.fields?.length ?? 0}</td>
                <td>
                  {mayChange && (
                    <span className={screen.acts}>
                      <Button
                        look="quiet"
                        onClick={() =>
                          change({
                            ...page,
                            connections: page.connections.filter((one) => one !== connection),
                          })
                        }
                      >
                        Disconnect<span className="hidden"> {app.name}</span>
                      </Button>
                    </span>
                  )}
                </td>
              </tr>
            );
          })}
        </Table>
      )}
    </Card>
  );
}
