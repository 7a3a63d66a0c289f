/** The door: name and password, a one-time link, or the operator token. Who is in is in a cookie no script reads. */
import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useEffect, useState } from "react";
import { Problem as ApiProblem, dropLink, link } from "../api/client";
import { isSignedOut } from "../api/queries";
import { lookAtLink, signIn, useMe } from "../api/session";
import type { LinkMeaning, SignIn as SignsInWith } from "../api/types";
import { Button, LinkButton, Problem } from "../parts/basic";
import { Logo } from "../parts/logo";
import css from "./sign-in.module.css";

const SHORTEST_PASSWORD = 10;

function useSigningIn() {
  const queries = useQueryClient();
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState<string | null>(null);
  async function go(given: SignsInWith) {
    setBusy(true);
    setWrong(null);
    try {
      await signIn(given);
      dropLink();
      await queries.resetQueries({ queryKey: ["session"] });
    } catch (error) {
      const of = error instanceof ApiProblem ? error.document : null;
      const why = of?.errors?.map((one) => `${one.pointer.slice(1)} ${one.detail}`).join("; ");
      setWrong(why || of?.detail || "Baton does not answer.");
    } finally {
      setBusy(false);
    }
  }
  return { go, busy, wrong };
}

function Field({
  id,
  label,
  secret,
  value,
  change,
  auto,
  complete,
}: {
  id: string;
  label: string;
  secret?: boolean;
  value: string;
  change: (text: string) => void;
  auto?: boolean;
  complete: string;
}) {
  return (
    <>
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        type={secret ? "password" : "text"}
        autoComplete={complete}
        spellCheck={false}
        value={value}
        onChange={(event) => change(event.target.value)}
        // biome-ignore lint/a11y/noAutofocus: the first field of a page that has nothing else
        autoFocus={auto ?? false}
      />
    </>
  );
}

function Card({ title, submit, children }: { title: string; submit: () => void; children: ReactNode }) {
  function submitted(event: FormEvent) {
    event.preventDefault();
    submit();
  }
  return (
    <main className={css.page}>
      <form className={css.card} onSubmit={submitted}>
        <Logo />
        <h1>{title}</h1>
        {children}
      </form>
    </main>
  );
}

function Password({ refused, other }: { refused: string | null; other: () => void }) {
  const { go, busy, wrong } = useSigningIn();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const said = wrong ?? refused;
  return (
    <Card title="Sign in to Baton" submit={() => void go({ name: name.trim(), password })}>
      <Field id="name" label="Name" value={name} change={setName} complete="username" auto />
      <Field
        id="password"
        label="Password"
        secret
        value={password}
        change={setPassword}
        complete="current-password"
      />
      {said && <p role="alert">{said}</p>}
      <Button look="primary" type="submit" disabled={busy || name.trim() === "" || password === ""}>
        Sign in
      </Button>
      <p>
        No password yet? An operator invites you by a link.{" "}
        <LinkButton onClick={other}>Use the operator token</LinkButton>
      </p>
    </Card>
  );
}

function Token({ other }: { other: () => void }) {
  const { go, busy, wrong } = useSigningIn();
  const [token, setToken] = useState("");
  return (
    <Card title="Sign in to Baton" submit={() => void go({ operator_token: token.trim() })}>
      <Field id="token" label="Operator token" secret value={token} change={setToken} complete="off" auto />
      {wrong && <p role="alert">{wrong}</p>}
      <p>
        It stands in <code>server.json</code> in the server’s data directory. The browser does not keep it: it
        gets a session, which ends when the browser is closed.
      </p>
      <Button look="primary" type="submit" disabled={busy || token.trim() === ""}>
        Sign in
      </Button>
      <p>
        <LinkButton onClick={other}>Use a name and a password</LinkButton>
      </p>
    </Card>
  );
}

/** A link with which one chooses a password: the first operator a name too. */
function Choose({ code, meaning }: { code: string; meaning: LinkMeaning }) {
  const { go, busy, wrong } = useSigningIn();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const first = meaning.link === "first_operator";
  const short = password.length < SHORTEST_PASSWORD;
  const given = { link: code, password, ...(first ? { name: name.trim() } : {}) };
  return (
    <Card title={first ? "Become the first operator" : "Choose a password"} submit={() => void go(given)}>
      {first ? (
        <Field id="name" label="Your name" value={name} change={setName} complete="username" auto />
      ) : (
        <p>
          You sign in as{" "}
          <b>
            <bdi>{meaning.name}</bdi>
          </b>
          , {meaning.role === "viewer" ? "a" : "an"} {meaning.role}.
        </p>
      )}
      <Field
        id="password"
        label="Password"
        secret
        value={password}
        change={setPassword}
        complete="new-password"
        auto={!first}
      />
      <p>
        At least {SHORTEST_PASSWORD} characters; a few words that belong together for nobody else are good.
      </p>
      {wrong && <p role="alert">{wrong}</p>}
      <Button look="primary" type="submit" disabled={busy || short || (first && name.trim() === "")}>
        {first ? "Become operator" : "Sign in"}
      </Button>
    </Card>
  );
}

function Door() {
  const { go } = useSigningIn();
  const [meaning, setMeaning] = useState<LinkMeaning | null>(null);
  const [refused, setRefused] = useState<string | null>(null);
  const [token, setToken] = useState(false);
  const [code] = useState(link);
  const [looking, setLooking] = useState(code !== null);
  // A link is followed once.
  useEffect(() => {
    if (!code) return;
    lookAtLink(code)
      .then((found) => (found.link === "signs_in" ? go({ link: code }) : setMeaning(found)))
      .catch((error) =>
        setRefused(error instanceof ApiProblem ? error.document.detail : "Baton does not answer."),
      )
      .finally(() => setLooking(false));
  }, []);
  if (looking) return <main className={css.page} aria-busy="true" />;
  if (code && meaning) return <Choose code={code} meaning={meaning} />;
  if (token) return <Token other={() => setToken(false)} />;
  return <Password refused={refused} other={() => setToken(true)} />;
}

export function SignedIn({ children }: { children: ReactNode }) {
  const { data, error, isPending, refetch } = useMe();
  // A link is followed also by who is signed in: it may be another's.
  if (error && isSignedOut(error)) return <Door />;
  if (link && data) return <Door />;
  if (error && !data)
    return (
      <main className={css.page}>
        <Problem error={error} again={() => void refetch()} />
      </main>
    );
  if (isPending) return <main className={css.page} aria-busy="true" />;
  return children;
}
