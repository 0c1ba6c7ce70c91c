/** Requests to the API that this page is served beside; a token is kept in this tab's memory alone. */

export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** An answer, and the tag that finds out whether it still holds. */
export interface Known<T> {
  answer: T;
  tag: string | null;
}

const BASE = new URL("..", new URL(location.pathname.replace(/\/?$/, "/"), location.origin));
let token: string | null = null;
let renewal: (() => Promise<string>) | null = null;
let renewing: Promise<string> | null = null;

/** Show a token from now on; `renewed` gets another one in its place once it is refused. */
export function showToken(given: string, renewed: (() => Promise<string>) | null = null): void {
  token = given;
  renewal = renewed;
}

export function hasToken(): boolean {
  return token !== null;
}

/** The address of a path of the API. */
export function addressOf(path: string): string {
  return new URL(path.replace(/^\//, ""), BASE).href;
}

/** The API's own address, for commands. */
export function apiAddress(): string {
  return BASE.href.replace(/\/$/, "");
}

/** Ask for what is at a path. */
export async function get<T>(path: string): Promise<T> {
  return (await (await send(path)).json()) as T;
}

/** Ask for what is at a path, unless it is what is known. */
export async function getUnlessKnown<T>(path: string, known: Known<T> | null): Promise<Known<T>> {
  const response = await send(path, known?.tag ? { headers: { "If-None-Match": known.tag } } : {});
  if (known && response.status === 304) return known;
  return { answer: (await response.json()) as T, tag: response.headers.get("ETag") };
}

/** Ask for the text at a path. */
export async function getText(path: string): Promise<string> {
  return (await send(path)).text();
}

/** Ask for what is at a path, or a part of it, to be read as it comes. */
export function request(path: string, init: RequestInit = {}): Promise<Response> {
  return send(path, init);
}

/** Have something done. */
export async function change(method: "POST" | "DELETE", path: string): Promise<void> {
  await send(path, { method });
}

/** Have the browser save what is at a path; links carry no token, so with one it is fetched first. */
export async function save(path: string, name: string): Promise<void> {
  if (token === null) follow(addressOf(path), name);
  else saveBlob(await (await send(path)).blob(), name);
}

/** Have the browser save a text. */
export function saveText(text: string, name: string): void {
  saveBlob(new Blob([text], { type: "text/plain" }), name);
}

function saveBlob(blob: Blob, name: string): void {
  const address = URL.createObjectURL(blob);
  follow(address, name);
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

function follow(address: string, name: string): void {
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
}

async function send(path: string, init: RequestInit = {}): Promise<Response> {
  const shown = token;
  let response = await sendWith(shown, path, init);
  if (response.status === 401 && renewal) {
    if (token === shown) await renewToken(renewal);
    response = await sendWith(token, path, init);
  }
  if (response.ok || response.status === 304) return response;
  throw new Refusal(response.status, await reason(response));
}

function sendWith(shown: string | null, path: string, init: RequestInit): Promise<Response> {
  const headers = new Headers(init.headers);
  if (shown !== null) headers.set("Authorization", `Bearer ${shown}`);
  return fetch(addressOf(path), { ...init, headers, cache: "no-store", credentials: "omit" });
}

/** However many requests were refused together, a login is renewed once. */
async function renewToken(renewed: () => Promise<string>): Promise<void> {
  renewing ??= renewed().finally(() => {
    renewing = null;
  });
  try {
    token = await renewing;
  } catch {
    renewal = null; // the refusal stands, and one logs in again
  }
}

async function reason(response: Response): Promise<string> {
  try {
    const { detail } = (await response.json()) as { detail?: unknown };
    if (typeof detail === "string") return detail;
  } catch {
    // Not the API's own answer: its status has to do.
  }
  return `${response.status} ${response.statusText}`;
}
