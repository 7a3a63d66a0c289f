/** Calls of Baton's own API. Who may make them: the operator token, kept for this tab only. */
import type { ProblemDocument } from "./types";

/** Where the console is, whatever a proxy put before it. Frozen: an address of ours must not move it. */
export const CONSOLE = new URL(document.baseURI);
const API = new URL("../baton/v1/", CONSOLE);

const KEPT = "baton.operator-token";

let token: string | null = sessionStorage.getItem(KEPT);

export function signIn(given: string): void {
  token = given;
  sessionStorage.setItem(KEPT, given);
}

export function signOut(): void {
  token = null;
  sessionStorage.removeItem(KEPT);
}

/** Why the link by which the console was opened did not sign in. */
export let linkRefused: string | null = null;

/** A link from `baton dev` signs in, once: its code stands behind `#`, and is taken out of the address at once. */
export async function followLink(): Promise<void> {
  const code = /^#link=(\w+)$/.exec(location.hash)?.[1];
  if (!code) return;
  history.replaceState(history.state, "", location.pathname + location.search);
  try {
    const body = JSON.stringify({ link: code });
    const response = await fetch(new URL("sign-in", CONSOLE), { method: "POST", body, cache: "no-store" });
    const answer = (await response.json()) as { operator_token?: string; detail?: string };
    if (answer.operator_token) signIn(answer.operator_token);
    else linkRefused = answer.detail ?? "This link does not sign in.";
  } catch {
    linkRefused = "Baton does not answer.";
  }
}

/** What the server answered when it did not do it. */
export class Problem extends Error {
  constructor(readonly document: ProblemDocument) {
    super(document.detail);
  }

  get refused(): boolean {
    return this.document.status === 409 && this.document.rule !== undefined;
  }
}

/** The server was not reached. */
export class Unreachable extends Error {
  constructor() {
    super("Baton does not answer");
  }
}

export type Query = Record<string, string | number | boolean | undefined>;

export function address(path: string, query: Query = {}): URL {
  const url = new URL(path.replace(/^\//, ""), API);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== "" && value !== false) url.searchParams.set(name, String(value));
  }
  return url;
}

export function headers(more: Record<string, string> = {}): Record<string, string> {
  return token ? { authorization: `Bearer ${token}`, ...more } : more;
}

async function problem(response: Response): Promise<Problem> {
  try {
    return new Problem((await response.json()) as ProblemDocument);
  } catch {
    const { status, statusText } = response;
    const detail = "What answered is not Baton: perhaps a proxy in between.";
    return new Problem({ type: "about:blank", title: statusText || `status ${status}`, status, detail });
  }
}

async function call<T>(method: string, url: URL, body?: unknown): Promise<T> {
  const more = body === undefined ? {} : { "content-type": "application/json" };
  const request: RequestInit = { method, headers: headers(more), cache: "no-store" };
  if (body !== undefined) request.body = JSON.stringify(body);
  let response: Response;
  try {
    response = await fetch(url, request);
  } catch {
    throw new Unreachable();
  }
  if (!response.ok) throw await problem(response);
  return (await response.json()) as T;
}

export const get = <T>(path: string, query?: Query): Promise<T> => call("GET", address(path, query));
export const post = <T>(path: string, body: unknown): Promise<T> => call("POST", address(path), body);
export const put = <T>(path: string, body: unknown): Promise<T> => call("PUT", address(path), body);

/** A piece of a path. */
export const segment = encodeURIComponent;

/** The page that explains a kind of problem. */
export function problemPage(type: string): string {
  return new URL(`..${type}`, CONSOLE).href;
}
