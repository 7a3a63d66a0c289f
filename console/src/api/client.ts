/** Calls of Baton's own API. Who may make them is in a cookie that no script reads. */
import type { ProblemDocument } from "./types";

/** Where the console is, whatever a proxy put before it. Frozen: an address of ours must not move it. */
export const CONSOLE = new URL(document.baseURI);
const API = new URL("../baton/v1/", CONSOLE);

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

export type Query = Record<string, string | number | boolean | undefined>;

export function address(path: string, query: Query = {}): URL {
  const url = new URL(path.replace(/^\//, ""), API);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== "" && value !== false) url.searchParams.set(name, String(value));
  }
  return url;
}

/** What no form and no other site can send along: without it nothing is changed. */
export const MARK = { "x-baton-console": "1" };

async function problem(response: Response): Promise<Problem> {
  try {
    return new Problem((await response.json()) as ProblemDocument);
  } catch {
    const { status, statusText } = response;
    const detail = "What answered is not Baton: perhaps a proxy in between.";
    return new Problem({ type: "about:blank", title: statusText || `status ${status}`, status, detail });
  }
}

async function answer(
  method: string,
  url: URL,
  body?: unknown,
  more: Record<string, string> = {},
): Promise<Response> {
  const file = body instanceof Blob;
  const type = file ? body.type || "application/octet-stream" : "application/json";
  const headers = { ...MARK, ...more, ...(body === undefined ? {} : { "content-type": type }) };
  const request: RequestInit = { method, headers, cache: "no-store" };
  if (body !== undefined) request.body = file ? body : JSON.stringify(body);
  let response: Response;
  try {
    response = await fetch(url, request);
  } catch {
    throw new Unreachable();
  }
  if (!response.ok) throw await problem(response);
  return response;
}

async function call<T>(...asked: Parameters<typeof answer>): Promise<T> {
  const response = await answer(...asked);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

/** With its `ETag`, by which a change can say what it is a change of. */
export async function getTagged<T>(path: string): Promise<{ data: T; tag: string }> {
  const response = await answer("GET", address(path));
  return { data: (await response.json()) as T, tag: response.headers.get("etag") ?? "*" };
}

export const get = <T>(path: string, query?: Query): Promise<T> => call("GET", address(path, query));
export const post = <T>(path: string, body: unknown): Promise<T> => call("POST", address(path), body);
/** The body is the file itself. */
export const postFile = <T>(path: string, file: Blob): Promise<T> => call("POST", address(path), file);
export const put = <T>(
  path: string,
  body: unknown,
  query?: Query,
  more?: Record<string, string>,
): Promise<T> => call("PUT", address(path, query), body, more);
export const patch = <T>(path: string, body: unknown): Promise<T> => call("PATCH", address(path), body);
export const remove = (path: string): Promise<void> => call("DELETE", address(path));

/** A piece of a path. */
export const segment = encodeURIComponent;

/** The page that explains a kind of problem. */
export function problemPage(type: string): string {
  return new URL(`..${type}`, CONSOLE).href;
}
