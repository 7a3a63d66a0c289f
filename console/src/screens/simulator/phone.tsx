/** A picture of somebody else's device, in the platform's light dress: what the person sees and can tap. */
import {
  IconBattery3,
  IconChevronLeft,
  IconHeart,
  IconInfoCircle,
  IconMenu2,
  IconPhoto,
  IconSend2,
  IconSpeakerphone,
  IconWifi,
} from "@tabler/icons-react";
import { type FormEvent, type RefObject, useLayoutEffect, useRef, useState } from "react";
import { useNow } from "../../api/clock";
import { keep } from "../../api/files";
import { type Place, useMenu } from "../../api/queries";
import type { Message, PersonEvent } from "../../api/types";
import { said } from "../../model/messages";
import { menuItems, tapped } from "../../model/simulator";
import { clockTime } from "../../model/time";
import { AppMark } from "../../parts/app";
import { Problem, SURFACES } from "../../parts/basic";
import { SentFile } from "../../parts/sent-file";
import { useAround } from "../shell";
import css from "./phone.module.css";

export function PhoneView({
  place,
  person,
  name,
  messages,
  does,
  busy,
  field,
}: {
  place: Place;
  person: string;
  name: string;
  messages: Message[];
  does: (event: PersonEvent) => void;
  busy: boolean;
  field: RefObject<HTMLInputElement | null>;
}) {
  const now = useNow(30);
  const box = useRef<HTMLDivElement>(null);
  const newest = messages[0]?.message_id ?? messages[0]?.at;
  const toEnd = () => {
    if (box.current) box.current.scrollTop = box.current.scrollHeight;
  };
  useLayoutEffect(toEnd, [newest]);
  const last = messages[0];
  const quick = last && last.from !== "person" ? said(last).quickReplies : [];
  const username = place.page.instagram?.username;
  return (
    <div
      className={`${css.phone} as-light`}
      data-on={place.on}
      role="region"
      aria-label={`${name}’s phone, ${SURFACES[place.on]}`}
    >
      <div className={css.status} aria-hidden="true">
        <span className="number">{clockTime(now)}</span>
        <IconWifi size={15} /> <IconBattery3 size={17} />
      </div>
      <div className={css.top}>
        <IconChevronLeft size={20} aria-hidden="true" />
        <span className={css.page} aria-hidden="true">
          {place.page.name.slice(0, 1).toUpperCase()}
        </span>
        <div>
          <strong>
            <bdi>{place.page.name}</bdi>
          </strong>
          <small>
            {place.on === "instagram" && username ? `${username} · Instagram` : SURFACES[place.on]}
          </small>
        </div>
        <IconInfoCircle size={18} aria-hidden="true" />
      </div>
      <div
        ref={box}
        className={css.talk}
        role="log"
        aria-live="off"
        aria-label="Messages"
        tabIndex={0}
        // A picture takes its place when it has come.
        onLoadCapture={toEnd}
      >
        {[...messages].reverse().map((message, index, all) => (
          <PhoneMessage
            key={message.message_id ?? `${message.at}/${index}`}
            message={message}
            next={all[index + 1]}
            does={does}
            busy={busy}
          />
        ))}
        {quick.length > 0 && (
          <div className={css.quick}>
            {quick.map((reply) => (
              <button
                key={`${reply.title}/${reply.payload}`}
                type="button"
                disabled={busy}
                onClick={() =>
                  does({
                    type: "message",
                    message: { text: reply.title ?? "", quick_reply: { payload: reply.payload ?? "" } },
                  })
                }
              >
                <bdi>{reply.title ?? reply.content_type}</bdi>
              </button>
            ))}
          </div>
        )}
      </div>
      <Write place={place} person={person} name={name} does={does} busy={busy} field={field} />
    </div>
  );
}

export function PhoneMessage({
  message,
  next,
  does,
  busy,
}: {
  message: Message;
  next: Message | undefined;
  does: (event: PersonEvent) => void;
  busy: boolean;
}) {
  const { apps } = useAround();
  const what = said(message);
  const mid = message.message_id;
  const mine = message.from === "person";
  const app = message.app_id ? apps.app(message.app_id) : null;
  const last = next?.from !== message.from || next?.app_id !== message.app_id;
  if (what.note) {
    return (
      <p className={css.note}>
        {message.kind === "referral" && <IconSpeakerphone size={14} aria-hidden="true" />}{" "}
        <bdi>{mine ? `You: ${what.note}` : what.note}</bdi>
      </p>
    );
  }
  return (
    <div className={css.message} data-mine={mine || undefined}>
      {what.entry && (
        <p className={css.note}>
          You came <bdi>{what.entry}</bdi>
        </p>
      )}
      <div className={css.bubbleRow}>
        <div className={css.bubble} dir="auto">
          {what.text && <p>{what.text}</p>}
          {what.cards.map((card, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: the cards of a message never change
            <div key={index}>
              {card.url && <SentFile url={card.url} kind={card.kind} className={css.photo} />}
              {(card.title || (!card.url && card.buttons.length === 0)) && (
                <p>
                  <bdi>{card.title ?? card.kind}</bdi>
                </p>
              )}
              {card.subtitle && (
                <p className={css.subtitle}>
                  <bdi>{card.subtitle}</bdi>
                </p>
              )}
              {card.buttons.map((button, place) => (
                <button
                  // biome-ignore lint/suspicious/noArrayIndexKey: nor its buttons
                  key={place}
                  type="button"
                  disabled={busy || button.type !== "postback"}
                  title={button.type === "postback" ? undefined : `${button.type}: ${button.url ?? ""}`}
                  onClick={() =>
                    does({
                      type: "postback",
                      postback: {
                        payload: button.payload ?? "",
                        title: button.title ?? "",
                        ...(message.message_id ? { mid: message.message_id } : {}),
                      },
                    })
                  }
                >
                  <bdi>{button.title ?? button.type}</bdi>
                </button>
              ))}
            </div>
          ))}
        </div>
        {!mine && mid && (
          <button
            type="button"
            className={css.react}
            disabled={busy}
            aria-label="React with a heart"
            onClick={() =>
              does({
                type: "reaction",
                reaction: { mid, action: "react", emoji: "❤️", reaction: "love" },
              })
            }
          >
            <IconHeart size={14} aria-hidden="true" />
          </button>
        )}
      </div>
      {app && last && (
        <p className={css.by}>
          <AppMark app={app} /> <bdi>{app.name}</bdi>
        </p>
      )}
    </div>
  );
}

/** The persistent menu, where an app has made one. */
function PersistentMenu({
  items,
  does,
  busy,
}: {
  items: ReturnType<typeof menuItems>;
  does: (event: PersonEvent) => void;
  busy: boolean;
}) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button
        type="button"
        aria-expanded={open}
        aria-label="Menu"
        onClick={() => setOpen(!open)}
        onKeyDown={(event) => event.key === "Escape" && setOpen(false)}
      >
        <IconMenu2 size={19} aria-hidden="true" />
      </button>
      {open && (
        <ul className={css.menu} aria-label="Menu">
          {items.map((item) => (
            <li key={item.words}>
              <button
                type="button"
                disabled={busy}
                onClick={() => {
                  setOpen(false);
                  does(tapped(item));
                }}
              >
                <bdi>{item.words}</bdi>
              </button>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

/** A file of the person's own: it is brought to the server, and sent as a message by its address. */
function SendFile({
  place,
  does,
  busy,
}: {
  place: Place;
  does: (event: PersonEvent) => void;
  busy: boolean;
}) {
  const field = useRef<HTMLInputElement>(null);
  const [error, setError] = useState<Error | null>(null);
  const [coming, setComing] = useState(false);
  async function send(file: File | undefined) {
    if (!file) return;
    setComing(true);
    setError(null);
    try {
      const { type, url } = await keep(place.address, file);
      does({ type: "message", message: { attachments: [{ type, payload: { url } }] } });
    } catch (wrong) {
      setError(wrong instanceof Error ? wrong : new Error(String(wrong)));
    }
    setComing(false);
  }
  return (
    <>
      <input
        ref={field}
        type="file"
        hidden
        aria-label="File to send"
        onChange={(event) => {
          void send(event.currentTarget.files?.[0]);
          event.currentTarget.value = "";
        }}
      />
      <button
        type="button"
        aria-label="Send a picture or a file"
        title="Send a picture or a file"
        disabled={busy || coming}
        onClick={() => field.current?.click()}
      >
        <IconPhoto size={20} aria-hidden="true" />
      </button>
      {error && (
        <div className={css.wrong}>
          <Problem error={error} />
        </div>
      )}
    </>
  );
}

function Write({
  place,
  person,
  name,
  does,
  busy,
  field,
}: {
  place: Place;
  person: string;
  name: string;
  does: (event: PersonEvent) => void;
  busy: boolean;
  field: RefObject<HTMLInputElement | null>;
}) {
  const [text, setText] = useState("");
  const { data } = useMenu(place.address, person);
  const menu = data?.find((one) => one.locale === "default") ?? data?.[0];
  const items = menuItems(menu?.call_to_actions ?? []);
  function submit(event: FormEvent) {
    event.preventDefault();
    if (text.trim() === "" || busy) return;
    does({ type: "message", message: { text: text.trim() } });
    setText("");
  }
  return (
    <form className={css.write} onSubmit={submit}>
      {items.length > 0 && <PersistentMenu items={items} does={does} busy={busy} />}
      <SendFile place={place} does={does} busy={busy} />
      <input
        ref={field}
        value={text}
        maxLength={2000}
        disabled={menu?.composer_input_disabled ?? false}
        onChange={(event) => setText(event.target.value)}
        placeholder={`Write as ${name.split(" ")[0]}`}
        aria-label={`Write as ${name}`}
      />
      <button type="submit" disabled={busy || text.trim() === ""} aria-label="Send">
        <IconSend2 size={20} aria-hidden="true" />
      </button>
    </form>
  );
}
