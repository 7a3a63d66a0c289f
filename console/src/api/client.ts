/**
 * Calls of Baton's own API, as its description has them (`schema.d.ts` is made from it): a path, a parameter or a field
 * that it does not know does not compile. Who may make them is in a cookie that no script reads.
 */
import createClient, { type Middleware } from "openapi-fetch";
import type { paths } from "./schema";
import type { ProblemDocument } from "./types";

/** Where the console is, whatever a proxy put before it. Frozen: an address of ours must not move it. */
export const CONSOLE = new URL(document.baseURI);

/** The code of a one-time link, which stood behind `#`. */
export let link: string | null = null;

/** Takes the code out of the address at once: it is for this page only. */
export function takeLink(): void {
  link = /^#link=(\w+)$/.exec(location.hash)?.[1] ?? null;
  if (link) history.replaceState(history.state, "", location.pathname + location.search);
}

/** It was used, or does not work. */
export function dropLink(): void {
  link = null;
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

async function problem(response: Response): Promise<Problem> {
  try {
    return new Problem((await response.json()) as ProblemDocument);
  } catch {
    const { status, statusText } = response;
    const detail = "What answered is not Baton: perhaps a proxy in between.";
    return new Problem({ type: "about:blank", title: statusText || `status ${status}`, status, detail });
  }
}

const refusals: Middleware = {
  async onResponse({ response }) {
    if (!response.ok) throw await problem(response);
  },
  onError: () => new Unreachable(),
};

/** One method for each of HTTP; what is not done is thrown, as a `Problem` or as `Unreachable`. */
export const api = createClient<paths>({
  baseUrl: new URL("..", CONSOLE).href,
  cache: "no-store",
  // What no form and no other site can send along: without it nothing is changed.
  headers: { "x-baton-console": "1" },
});
api.use(refusals);

/** What was answered. */
export async function answered<T>(asked: Promise<{ data?: T }>): Promise<T> {
  return (await asked).data as T;
}

type Given<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** Parameters without those that were not given. */
export function given<T extends object>(all: T): Given<T> {
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Given<T>;
}

/** The page that explains a kind of problem. */
export function problemPage(type: string): string {
  return new URL(`..${type}`, CONSOLE).href;
}
