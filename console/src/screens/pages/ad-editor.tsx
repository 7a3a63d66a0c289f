/** One ad: form and JSON are two views of one text; beside them, the message as the person sees it. */
import { IconCircleCheck } from "@tabler/icons-react";
import { Link, useNavigate } from "@tanstack/react-router";
import { batonNow } from "../../api/clock";
import type { AdTable, Message, Surface } from "../../api/types";
import { wrongLine } from "../../model/json";
import { said } from "../../model/messages";
import { readTemplate, withAd, withTemplate } from "../../model/routing";
import { Button } from "../../parts/basic";
import partsCss from "../../parts/parts.module.css";
import { Card, Field, Input, Select, screen, Wrong } from "../../parts/screen";
import { PhoneMessage } from "../simulator/phone";
import { useAppChoices } from "./app-names";
import { useDraft } from "./draft";
import { JsonEditor } from "./json-editor";
import css from "./pages.module.css";

const STATUSES = ["published", "draft", "paused"] as const;
/** As many as there is any use for; which of them count is said by the warnings before saving. */
const DAYS = Array.from({ length: 30 }, (_, index) => index + 1);

export function AdEditor({ ad, address }: { ad: AdTable; address: string }) {
  const { page, saved, change, mayChange } = useDraft();
  const navigate = useNavigate();
  const choices = useAppChoices("the default app");
  const text = ad.template ?? "";
  const read = readTemplate(text);
  const put = (next: Partial<AdTable>) => change(withAd(page, ad.id, { ...ad, ...next }));
  const edit = (next: Parameters<typeof withTemplate>[1]) => put({ template: withTemplate(text, next) });
  const place = `/ads/${page.ads.indexOf(ad)}`;
  const isSaved = saved.ads.some((one) => one.id === ad.id);
  const good = !("wrong" in read);
  const app = good ? (read.app ?? "") : "";
  const known = choices.some((choice) => choice.value === app);
  const remove = () => {
    change(withAd(page, ad.id, null));
    void navigate({
      to: "/pages/$page/$tab",
      params: { page: address, tab: "ads" },
      search: { page: page.id },
    });
  };
  const tools = (
    <>
      {isSaved && (
        <Link
          to="/simulator"
          search={{ page: page.id, phones: `${address}:tess` }}
          className={partsCss.button}
        >
          Try on a phone
        </Link>
      )}
      {mayChange && (
        <Button look="quiet" onClick={remove}>
          Remove
        </Button>
      )}
    </>
  );
  return (
    <div className={css.main}>
      <Card title={ad.name || ad.id} note={ad.id} tools={tools}>
        <fieldset className={screen.body} disabled={!mayChange} style={{ border: 0, margin: 0 }}>
          <legend className="hidden">The ad</legend>
          <div className={screen.fields}>
            <Field label="Name" wide at={`${place}/name`}>
              <Input
                value={ad.name ?? ""}
                maxLength={200}
                onChange={(event) => put({ name: event.target.value })}
              />
            </Field>
            <Field label="Status" at={`${place}/status`}>
              <Select
                value={ad.status}
                choices={STATUSES.map((value) => ({ value, words: value }))}
                choose={(status) => put({ status })}
              />
            </Field>
          </div>
          <div className={screen.fields}>
            <Field label="Gives control to">
              <Select
                value={app}
                disabled={!good}
                choices={known ? choices : [...choices, { value: app, words: `app ${app}, not connected` }]}
                choose={(value) => edit({ app: value === "" ? null : value })}
              />
            </Field>
            <Field label="For">
              <Select
                value={good && read.days !== null ? String(read.days) : ""}
                disabled={!good}
                choices={[
                  { value: "", words: "the page’s usual time" },
                  ...DAYS.map((days) => ({
                    value: String(days),
                    words: days === 1 ? "1 day" : `${days} days`,
                  })),
                ]}
                choose={(value) => edit({ days: value === "" ? null : Number(value) })}
              />
            </Field>
            <Field label="Who may enter (person ids; empty: everybody)" wide at={`${place}/audience`}>
              <Input
                mono
                value={(ad.audience ?? []).join(", ")}
                onChange={(event) =>
                  put({ audience: event.target.value.split(/[\s,]+/).filter((id) => id !== "") })
                }
              />
            </Field>
          </div>
        </fieldset>
      </Card>
      <Card
        title="Message template"
        tools={
          mayChange && (
            <Button disabled={!good} onClick={() => edit({})}>
              Format
            </Button>
          )
        }
      >
        <div className={screen.body}>
          <JsonEditor
            aria-label="Message template, JSON"
            aria-invalid={!good}
            aria-describedby="template-state"
            wrongLine={good ? null : wrongLine(read.wrong, text)}
            readOnly={!mayChange}
            value={text}
            onChange={(event) => put({ template: event.target.value })}
          />
          <Wrong at={`${place}/template`} />
          <p id="template-state" role="status">
            {good ? (
              <span className={css.good}>
                <IconCircleCheck size={15} aria-hidden="true" /> The JSON is valid.
              </span>
            ) : (
              <span className={css.wrong}>{read.wrong}</span>
            )}
          </p>
        </div>
      </Card>
    </div>
  );
}

/** The message of an ad, as whoever taps it sees it. */
export function AdPreview({ ad }: { ad: AdTable }) {
  const read = readTemplate(ad.template ?? "");
  return (
    <Card title="As the person sees it" note="after the tap">
      {"wrong" in read ? (
        <p className={screen.note}>It is shown here once the JSON can be read.</p>
      ) : (
        <Preview message={read.message} name={ad.name || ad.id} on={ad.on} />
      )}
    </Card>
  );
}

/** A message as an app sends it has one attachment; as it is shown, a list. */
function asShown({ attachment, ...message }: Record<string, unknown>): Message["content"] {
  return attachment ? { ...message, attachments: [attachment] } : message;
}

function Preview({ message, name, on }: { message: Record<string, unknown>; name: string; on: Surface }) {
  const shown: Message = {
    message_id: null,
    at: new Date(batonNow()).toISOString(),
    from: "app",
    app_id: null,
    event: "message_echoes",
    rule: "",
    kind: "message",
    content: asShown(message),
  };
  return (
    <div className={css.preview}>
      <div className="as-light" data-on={on}>
        <p className={css.tapped}>
          You tapped the ad{" "}
          <b>
            <bdi>“{name}”</bdi>
          </b>
        </p>
        <PhoneMessage message={shown} next={undefined} does={() => {}} busy />
        <div className={css.quick}>
          {said(shown).quickReplies.map((reply) => (
            <span key={`${reply.title}/${reply.payload}`}>
              <bdi>{reply.title ?? reply.content_type}</bdi>
            </span>
          ))}
        </div>
      </div>
    </div>
  );
}
