/** What stands where a conversation would: how to get one, or that none is chosen. */
import { IconCircleCheck, IconDeviceMobile, IconMessages, IconTerminal2 } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { AppChip } from "../../parts/app";
import { Button, Empty, Key } from "../../parts/basic";
import partsCss from "../../parts/parts.module.css";
import { useAround } from "../shell";
import css from "./inbox.module.css";

export function Nobody() {
  return (
    <section className={css.nobody} aria-label="Conversation">
      <Empty icon={<IconMessages size={26} stroke={1.5} />} title="No conversation is chosen">
        <p>
          <Key>j</Key> opens the next one, <Key>?</Key> lists every key.
        </p>
      </Empty>
    </section>
  );
}

export function Welcome() {
  const { apps, page } = useAround();
  const place = apps.places.find((one) => one.page.id === page);
  const [copied, setCopied] = useState(false);
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
            <Button onClick={() => void navigator.clipboard.writeText(line).then(() => setCopied(true))}>
              {copied ? "Copied" : "Copy"}
            </Button>
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
