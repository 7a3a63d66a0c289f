/** One delivery in full: what can be done with it, the bytes, the signature, each attempt. */
import { type ReactNode, useState } from "react";
import { useResend } from "../../api/deliveries";
import type { OneDelivery } from "../../api/types";
import { asCurl, compared } from "../../model/deliveries";
import { Moment } from "../../parts/app";
import { Button, Copy, Json, Problem, StatePill } from "../../parts/basic";
import { Field, Input, screen } from "../../parts/screen";
import css from "../apps/apps.module.css";
import { useAround } from "../shell";

/** What was sent and what was answered; again, or to another address. `why`: what it tells of, where that is known. */
export function InFull({ one, app, why }: { one: OneDelivery; app: string; why?: ReactNode }) {
  return (
    <>
      <Acts one={one} app={app} />
      {why}
      <section>
        <h3>
          Request <code>POST {one.request.url ?? "nowhere: the app has no address"}</code>
        </h3>
        <Body text={one.request.body} />
      </section>
      <Signature one={one} />
      <Attempts one={one} />
    </>
  );
}

function Acts({ one, app }: { one: OneDelivery; app: string }) {
  const { me, online } = useAround();
  const resend = useResend();
  const [elsewhere, setElsewhere] = useState(false);
  const [to, setTo] = useState("");
  const again = () =>
    resend.mutate({
      id: app,
      what: { ids: [one.id], ...(elsewhere && to.trim() ? { to: to.trim() } : {}) },
    });
  return (
    <section>
      <span className={css.acts}>
        <Copy text={asCurl(one)}>Copy as curl</Copy>
        {me.role === "operator" && (
          <>
            <Button disabled={!online || resend.isPending} onClick={again}>
              Resend
            </Button>
            <Button look="quiet" aria-expanded={elsewhere} onClick={() => setElsewhere(!elsewhere)}>
              Elsewhere…
            </Button>
          </>
        )}
      </span>
      {elsewhere && (
        <div className={screen.fields}>
          <Field label="Resend to this address, instead of the app’s" wide>
            <Input mono value={to} placeholder="https://…" onChange={(event) => setTo(event.target.value)} />
          </Field>
        </div>
      )}
      {resend.data && <p role="status">Sent again; the receiver may see the same mid twice.</p>}
      {resend.error && <Problem error={resend.error} />}
    </section>
  );
}

/** The signatures, and whether they are what a receiver got: a wrong secret and changed bytes are told apart so. */
function Signature({ one }: { one: OneDelivery }) {
  const [got, setGot] = useState("");
  const signatures = one.request.headers.filter(({ name }) => /signature/i.test(name));
  const found = compared(
    signatures.map(({ value }) => value),
    got,
  );
  return (
    <section>
      <h3>Signature</h3>
      <p>Made with the app’s present secret, over exactly these bytes; so is every further try.</p>
      <dl className={css.signatures}>
        {signatures.map(({ name, value }) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <span title={value}>{value}</span>
              <Copy text={value} quiet>
                <span className="hidden">Copy {name}</span>
              </Copy>
            </dd>
          </div>
        ))}
      </dl>
      <Field label="Compare with what the receiver computes">
        <Input
          mono
          value={got}
          placeholder="sha256=… or the digest alone"
          maxLength={200}
          onChange={(event) => setGot(event.target.value)}
        />
      </Field>
      {found !== null && (
        <p role="status">
          <StatePill tone={found ? "well" : "danger"}>{found ? "Matches" : "Does not match"}</StatePill>{" "}
          {found
            ? "The receiver knows the present secret, and saw the bytes as they were sent."
            : "Another secret, or other bytes: it must be computed over the raw body, before anything parses it."}
        </p>
      )}
    </section>
  );
}

function Attempts({ one }: { one: OneDelivery }) {
  return (
    <section>
      <h3>Response</h3>
      {one.given_up && (
        <p>
          Given up after {one.given_up.attempts} tries: <bdi>{one.given_up.reason}</bdi>
        </p>
      )}
      {one.attempts.length === 0 && <p>Not tried yet: it waits its turn in its conversation.</p>}
      <ol className={css.tries}>
        {[...one.attempts].reverse().map((attempt, index) => {
          const well = attempt.status !== null && attempt.status >= 200 && attempt.status < 300;
          return (
            <li key={`${attempt.at}/${attempt.duration_ms}`}>
              <span className={css.try}>
                <StatePill tone={well ? "well" : "danger"}>{attempt.status ?? "no answer"}</StatePill>
                <span className="number">{attempt.duration_ms} ms</span>
                <Moment at={Date.parse(attempt.at)} seconds />
                <small>
                  attempt {one.attempts.length - index} of {one.attempts.length}
                </small>
              </span>
              {attempt.to && (
                <span>
                  to <code>{attempt.to}</code>
                </span>
              )}
              {attempt.error && <bdi>{attempt.error}</bdi>}
              {attempt.body_start && <pre>{attempt.body_start}</pre>}
            </li>
          );
        })}
      </ol>
    </section>
  );
}

function Body({ text }: { text: string }) {
  try {
    return <Json value={JSON.parse(text)} label="The webhook’s body" />;
  } catch {
    return <pre className={screen.mono}>{text}</pre>;
  }
}
