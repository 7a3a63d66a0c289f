/** Who may use the console: whoever has the operator token. It is kept for this tab, and forgotten with it. */
import { type FormEvent, type ReactNode, useEffect, useState } from "react";
import { Problem as ApiProblem, linkRefused, signIn } from "../api/client";
import { client, useRouting } from "../api/queries";
import { Button, Problem } from "../parts/basic";
import { Logo } from "../parts/logo";
import css from "./sign-in.module.css";

function isUnauthorized(error: Error | null): boolean {
  return error instanceof ApiProblem && error.document.status === 401;
}

function Form({ failed }: { failed: boolean }) {
  const [token, setToken] = useState("");
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState(failed);
  async function submit(event: FormEvent) {
    event.preventDefault();
    setBusy(true);
    signIn(token.trim());
    await client.resetQueries({ queryKey: ["routing"] });
    setBusy(false);
    setWrong(true);
  }
  return (
    <main className={css.page}>
      <form className={css.card} onSubmit={(event) => void submit(event)}>
        <Logo />
        <h1>Sign in to Baton</h1>
        <label htmlFor="token">Operator token</label>
        <input
          id="token"
          type="password"
          autoComplete="off"
          spellCheck={false}
          value={token}
          onChange={(event) => setToken(event.target.value)}
          aria-invalid={wrong}
          aria-describedby="where"
          // biome-ignore lint/a11y/noAutofocus: the only field of the page
          autoFocus
        />
        {wrong && <p role="alert">This is not the operator token of this server.</p>}
        {!wrong && linkRefused && <p role="alert">{linkRefused}</p>}
        <p id="where">
          It stands in <code>server.json</code> in the server’s data directory; <code>baton dev</code> says
          where that is. It is kept in this tab only.
        </p>
        <Button look="primary" type="submit" disabled={busy || token.trim() === ""}>
          Sign in
        </Button>
      </form>
    </main>
  );
}

export function SignedIn({ children }: { children: ReactNode }) {
  const { data, error, isPending, refetch } = useRouting();
  const [tried, setTried] = useState(false);
  const refused = isUnauthorized(error);
  useEffect(() => {
    if (refused) setTried(sessionStorage.getItem("baton.operator-token") !== null);
  }, [refused]);
  if (refused) return <Form key={String(tried)} failed={tried} />;
  if (error && !data)
    return (
      <main className={css.page}>
        <Problem error={error} again={() => void refetch()} />
      </main>
    );
  if (isPending) return <main className={css.page} aria-busy="true" />;
  return children;
}
