/** Who answers, and the apps that are connected, on one platform of a page. */
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useHealth } from "../../api/deliveries";
import type { ConnectionTable, PageTable, RoutingWarning, Surface, SurfaceTable } from "../../api/types";
import { healthWords } from "../../model/deliveries";
import { hears, withSide, withStandby } from "../../model/routing";
import { AppChip } from "../../parts/app";
import { Button, Empty, StatePill, SURFACES } from "../../parts/basic";
import { RuleTag } from "../../parts/explain";
import {
  actsHead,
  Card,
  type Choice,
  head,
  Select,
  Setting,
  Switch,
  screen,
  Table,
  Wrong,
} from "../../parts/screen";
import { useAround } from "../shell";
import { useAppChoices } from "./app-names";
import { useDraft } from "./draft";
import { Timers } from "./timers";
import { WaysIn } from "./ways-in";

/** The fields that an app which talks with people needs. */
const FIELDS = [
  "messages",
  "messaging_postbacks",
  "messaging_referrals",
  "messaging_handovers",
  "standby",
  "message_echoes",
];

export function RoutingTab({ address, warnings }: { address: string; warnings: RoutingWarning[] }) {
  return (
    <>
      <WhoAnswers />
      <Timers />
      <WaysIn address={address} />
      <Connected warnings={warnings} />
    </>
  );
}

const MOVE_TO_MAIN: Choice<PageTable["inbox_move_to_main"]>[] = [
  { value: "take", words: "Takes control" },
  { value: "request", words: "Asks for control" },
];

type SideField = "default_app" | "primary_receiver" | "organic_app";

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
  const set = (field: SideField) => (value: string) => change(withSide(page, on, { [field]: value }));
  return (
    <Card title="Who answers" note={modeWords(page, on)}>
      <Setting
        title="Default app"
        about="Gets every conversation that nothing else decides, and those whose control has expired."
        at={`/${on}/default_app`}
      >
        <Select
          choices={noDefault}
          value={side.default_app ?? ""}
          choose={set("default_app")}
          disabled={!mayChange || Boolean(side.primary_receiver)}
        />
      </Setting>
      {side.primary_receiver && (
        <p className={screen.note}>
          A default app cannot be chosen while there is a primary receiver: take that away first.
        </p>
      )}
      <Setting
        title="Organic route"
        about="People who simply write, without an ad or a link."
        at={`/${on}/organic_app`}
      >
        <Select
          choices={sameAsDefault}
          value={side.organic_app ?? ""}
          choose={set("organic_app")}
          disabled={!mayChange || !side.default_app}
        />
      </Setting>
      <Setting
        title="Primary receiver"
        about={
          side.default_app
            ? "For the Handover Protocol; not while there is a default app."
            : "Leads in the Handover Protocol: everything begins with it, and it may take control back."
        }
        at={`/${on}/primary_receiver`}
      >
        <Select
          choices={noPrimary}
          value={side.primary_receiver ?? ""}
          choose={set("primary_receiver")}
          disabled={!mayChange || Boolean(side.default_app)}
        />
      </Setting>
      <Setting
        title="Inbox: Move to Main"
        about="What happens when somebody at the desk moves a conversation; on both platforms."
        at="/inbox_move_to_main"
      >
        <Select
          choices={MOVE_TO_MAIN}
          value={page.inbox_move_to_main}
          choose={(inbox_move_to_main) => change({ ...page, inbox_move_to_main })}
          disabled={!mayChange}
        />
      </Setting>
      <Setting title="Messaging" about="Switched off, nobody can write to the page.">
        <Switch
          label="People may write"
          checked={page.messaging_enabled}
          disabled={!mayChange}
          onChange={(event) => change({ ...page, messaging_enabled: event.target.checked })}
        />
      </Setting>
    </Card>
  );
}

/** How an app does, in a word. */
function Webhooks({ app }: { app: string }) {
  const { page } = useAround();
  const { data } = useHealth(app);
  if (!data) return <>–</>;
  const { words, tone } = healthWords(data);
  return (
    <Link to="/apps/$app" params={{ app }} search={{ page }}>
      <StatePill tone={tone}>{words}</StatePill>
    </Link>
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
            head("Webhooks"),
            actsHead,
          ]}
        >
          {page.connections.map((connection, index) => {
            const app = apps.app(connection.app);
            const own = warnings.filter((one) => one.pointer.includes(`/connections/${connection.app}`));
            return (
              <tr key={connection.app}>
                <td>
                  <AppChip app={app} />
                  <Wrong at={`/connections/${index}`} />
                  {own.map((one) => (
                    <small key={one.detail}>
                      <bdi>{one.detail}</bdi> {one.rule && <RuleTag rule={one.rule} />}
                    </small>
                  ))}
                </td>
                <td>
                  <Switch
                    label={`${app.name}: standby on ${SURFACES[on]}`}
                    checked={hears(connection, on)}
                    disabled={!mayChange}
                    onChange={(event) => put(withStandby(connection, on, event.target.checked))}
                  />
                </td>
                <td>
                  <Switch
                    label={`${app.name}: take control of conversations`}
                    checked={connection.take_control}
                    disabled={!mayChange}
                    onChange={(event) => put({ ...connection, take_control: event.target.checked })}
                  />
                </td>
                <td title={connection.fields.join(", ")}>{connection.fields.length}</td>
                <td>
                  <Webhooks app={connection.app} />
                </td>
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
