/** One delivery in full: the bytes, the signature, each attempt; and sending it again. */
import { useState } from "react";
import { useResend } from "../../api/deliveries";
import type { OneDelivery } from "../../api/types";
import { asCurl, stateTone } from "../../model/deliveries";
import { Moment } from "../../parts/app";
import { Button, Json, Problem, StatePill } from "../../parts/basic";
import { RuleTag } from "../../parts/explain";
import { Field, Input, screen } from "../../parts/screen";
import css from "../apps/apps.module.css";
import { useAround } from "../shell";

/** What was sent and what was answered; again, or to another address. */
export function InFull({ one, app }: { one: OneDelivery; app: string }) {
  const { me, online } = useAround();
  const resend = useResend();
  const [to, setTo] = useState("");
  const [copied, setCopied] = useState(false);
  const signatures = one.request.headers.filter(({ name }) => /signature/i.test(name));
  const again = () =>
    resend.mutate({ id: app, what: { ids: [one.id], ...(to.trim() ? { to: to.trim() } : {}) } });
  return (
    <>
      <section>
        <span className={screen.acts} style={{ justifyContent: "flex-start" }}>
          <StatePill tone={stateTone(one.state)}>{one.state}</StatePill>
          {one.request && (
            <Button
              onClick={() => void navigator.clipboard.writeText(asCurl(one)).then(() => setCopied(true))}
            >
              {copied ? "Copied" : "Copy as curl"}
            </Button>
          )}
        </span>
      </section>
      {me.role === "operator" && (
        <section>
          <div className={screen.fields}>
            <Field label="Another address; empty: the app’s own" wide>
              <Input
                mono
                value={to}
                placeholder="https://…"
                onChange={(event) => setTo(event.target.value)}
              />
            </Field>
            <Button disabled={!online || resend.isPending} onClick={again}>
              Resend
            </Button>
          </div>
          {resend.data && <p role="status">Sent again; the receiver may see the same mid twice.</p>}
          {resend.error && <Problem error={resend.error} />}
        </section>
      )}
      <section>
        <h3>Request: POST {one.request.url ?? "nowhere: the app has no address"}</h3>
        <Body text={one.request.body} />
      </section>
      <section>
        <h3>Signature</h3>
        {signatures.map(({ name, value }) => (
          <p key={name} className={screen.mono}>
            {name}: {value}
          </p>
        ))}
      </section>

      <section>
        <h3>Why</h3>
        <p>
          <RuleTag rule={one.rule} />
          {one.given_up && ` given up after ${one.given_up.attempts} tries: ${one.given_up.reason}`}
        </p>
      </section>
      <section>
        <h3>Attempts</h3>
        {one.attempts.length === 0 && <p>None yet.</p>}
        <ol className={css.tries}>
          {one.attempts.map((attempt) => (
            <li key={`${attempt.at}/${attempt.duration_ms}`}>
              <span>
                <Moment at={Date.parse(attempt.at)} seconds /> · {attempt.status ?? "no answer"} ·{" "}
                {attempt.duration_ms} ms
              </span>
              {attempt.to && <span>to {attempt.to}</span>}
              {attempt.error && <bdi>{attempt.error}</bdi>}
              {attempt.body_start && <pre>{attempt.body_start}</pre>}
            </li>
          ))}
        </ol>
      </section>
    </>
  );
}

function Body({ text }: { text: string }) {
  try {
    return <Json value={JSON.parse(text)} label="The webhook’s body" />;
  } catch {
    return <pre className={screen.mono}>{text}</pre>;
  }
}
