/** What stands where a conversation would: how to get one, or that none is chosen. */
import {
  IconCircleCheck,
  IconDeviceMobile,
  IconMessages,
  IconPuzzle,
  IconTerminal2,
} from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useCounts } from "../../api/queries";
import { AppChip } from "../../parts/app";
import { Copy, Empty, Key } from "../../parts/basic";
import partsCss from "../../parts/parts.module.css";
import { useAround } from "../shell";
import css from "./inbox.module.css";

export function Nobody() {
  const { page } = useAround();
  const { data: counts } = useCounts(page);
  const waiting = counts?.waiting ?? 0;
  return (
    <section className={css.nobody} aria-label="Conversation">
      <Empty icon={<IconMessages size={26} stroke={1.5} />} title="No conversation is chosen">
        <p>
          <Key>j</Key> opens the next one, <Key>?</Key> lists every key.
        </p>
        {waiting > 0 && (
          <p>
            <Link to="/inbox" search={{ page, owner: "waiting" }}>
              {waiting === 1
                ? "One has an app that waits for control"
                : `${waiting} have an app that waits for control`}
            </Link>
          </p>
        )}
      </Empty>
    </section>
  );
}

export function Welcome() {
  const { apps, me, page } = useAround();
  const place = apps.places.find((one) => one.page.id === page);
  if (!place) return null;
  const line = `baton send ${page} maya "hello"`;
  const first = place.defaultApp ?? place.primary;
  const connected = place.page.connected.length;
  const ready = connected > 0 && place.page.messaging_enabled;
  return (
    <section className={css.welcome} aria-label="No conversation yet">
      <div>
        <h2>
          Nobody has written to <bdi>{place.page.name}</bdi> yet
        </h2>
        <p>When someone does, you see here who is talking to them, until when, and you can step in.</p>
        <ul className={css.ways}>
          <li>
            <span>
              <IconDeviceMobile size={18} stroke={1.7} aria-hidden="true" />
            </span>
            <div>
              <strong>Play a person</strong>
              <p>
                Open a phone in the Simulator and write to <bdi>{place.page.name}</bdi>.
              </p>
            </div>
            <Link to="/simulator" search={{ page }} className={partsCss.button} data-look="primary">
              Open Simulator
            </Link>
          </li>
          {me.role === "operator" && (
            <li>
              <span>
                <IconPuzzle size={18} stroke={1.7} aria-hidden="true" />
              </span>
              <div>
                <strong>Connect an app</strong>
                <p>Give your bot Baton’s address instead of the Graph API’s.</p>
              </div>
              <Link to="/apps" search={{ page }} className={partsCss.button}>
                Open Apps
              </Link>
            </li>
          )}
          <li>
            <span>
              <IconTerminal2 size={18} stroke={1.7} aria-hidden="true" />
            </span>
            <div>
              <strong>From a terminal</strong>
              <p>
                <code>{line}</code>
              </p>
            </div>
            <Copy text={line}>Copy</Copy>
          </li>
        </ul>
        <p className={css.ready}>
          {ready ? <IconCircleCheck size={16} aria-hidden="true" /> : null}
          {ready ? "Ready: " : "Not ready: "}
          {connected === 1 ? "1 app connected" : `${connected} apps connected`}
          {first && (
            <>
              , {place.defaultApp ? "default app" : "primary receiver"} <AppChip app={apps.app(first)} />
            </>
          )}
          {!place.page.messaging_enabled && ", messaging is switched off"}
        </p>
      </div>
    </section>
  );
}
