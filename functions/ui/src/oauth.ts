/**
 * Logging in at the deployment's issuer, by a code that is of use to this tab alone.
 *
 * Sources: RFC 6749, section 4.1 (the code); RFC 7636 (PKCE); RFC 9207 (whose code it is); RFC 9728 (where to log in).
 */

import { Refusal, get } from "./api";

interface Issuer {
  issuer: string;
  authorization_endpoint: string;
  token_endpoint: string;
  authorization_response_iss_parameter_supported?: boolean;
}

/** All that logging in takes. */
export interface Way {
  issuer: Issuer;
  client: string;
  scope: string;
}

export interface Tokens {
  access_token: string;
  refresh_token?: string;
}

/** What this tab keeps while the issuer has it: no token, and of no use without the code. */
interface Attempt {
  state: string;
  verifier: string;
  /** Where the reader was. */
  search: string;
}

const KEPT = "ogdc-login";

/** How one logs in here; null: only with tokens. */
export async function findWay(): Promise<Way | null> {
  const resource = await get<{
    authorization_servers: string[];
    scopes_supported: string[];
    ogdc_client_id: string | null;
  }>("/.well-known/oauth-protected-resource");
  const [server] = resource.authorization_servers;
  if (!server || !resource.ogdc_client_id) return null;
  const issuer = await answered<Issuer>(`${server.replace(/\/$/, "")}/.well-known/openid-configuration`);
  if (issuer.issuer !== server) throw new Refusal(0, `${server} calls itself ${issuer.issuer}: nobody logs in there.`);
  [issuer.authorization_endpoint, issuer.token_endpoint].forEach(checkEncrypted);
  return { issuer, client: resource.ogdc_client_id, scope: resource.scopes_supported.join(" ") };
}

/** Leave for the issuer. */
export async function leave({ issuer, client, scope }: Way): Promise<void> {
  const attempt: Attempt = { state: secret(), verifier: secret(), search: location.search };
  sessionStorage.setItem(KEPT, JSON.stringify(attempt));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(attempt.verifier));
  const url = new URL(issuer.authorization_endpoint);
  for (const [name, value] of Object.entries({
    response_type: "code",
    client_id: client,
    scope,
    state: attempt.state,
    redirect_uri: here(),
    code_challenge: base64(new Uint8Array(digest)),
    code_challenge_method: "S256",
  }))
    url.searchParams.set(name, value);
  location.assign(url);
}

/** Whether the issuer has sent this tab back. */
export function isBack(): boolean {
  const returned = new URLSearchParams(location.search);
  return returned.has("state") && (returned.has("code") || returned.has("error"));
}

/** The tokens for what the issuer has sent this tab back with; null: it comes from elsewhere. */
export async function comeBack(): Promise<{ way: Way; tokens: Tokens } | null> {
  if (!isBack()) return null;
  const returned = new URLSearchParams(location.search);
  const kept = sessionStorage.getItem(KEPT);
  sessionStorage.removeItem(KEPT);
  const attempt = kept === null ? null : (JSON.parse(kept) as Attempt);
  history.replaceState(null, "", `${location.pathname}${attempt?.search ?? ""}`);
  if (!attempt || attempt.state !== returned.get("state")) throw new Refusal(401, "This tab did not begin that login.");
  const way = await findWay();
  if (!way) throw new Refusal(401, "This deployment has no logins any more.");
  const tokens = await ask(way, {
    grant_type: "authorization_code",
    code: codeOf(returned, way.issuer),
    redirect_uri: here(),
    code_verifier: attempt.verifier,
  });
  return { way, tokens };
}

/** New tokens for those of a login that has grown old. */
export function renew(way: Way, refreshToken: string): Promise<Tokens> {
  return ask(way, { grant_type: "refresh_token", refresh_token: refreshToken });
}

function codeOf(returned: URLSearchParams, issuer: Issuer): string {
  const other = returned.get("iss");
  if (other === null ? issuer.authorization_response_iss_parameter_supported : other !== issuer.issuer)
    throw new Refusal(401, `The browser was not redirected by ${issuer.issuer}, so the login was rejected.`);
  const code = returned.get("code");
  if (code !== null) return code;
  const why = `${returned.get("error")} ${returned.get("error_description") ?? ""}`.trim();
  throw new Refusal(401, `The issuer refused the login: ${why}.`);
}

function ask(way: Way, form: Record<string, string>): Promise<Tokens> {
  const body = new URLSearchParams({ ...form, client_id: way.client });
  return answered<Tokens>(way.issuer.token_endpoint, { method: "POST", body });
}

/** What another server answers, which learns nothing of who asks but what is sent. */
async function answered<T>(url: string, init: RequestInit = {}): Promise<T> {
  checkEncrypted(url);
  let response: Response;
  try {
    response = await fetch(url, { ...init, credentials: "omit", redirect: "error", cache: "no-store" });
  } catch {
    throw new Refusal(0, `${new URL(url).origin} does not answer this page; does the client there allow this origin?`);
  }
  const answer = (await response.json().catch(() => ({}))) as T & { error?: string; error_description?: string };
  if (!response.ok) throw new Refusal(401, answer.error_description ?? answer.error ?? `The issuer says ${response.status}.`);
  return answer;
}

function checkEncrypted(url: string): void {
  const { protocol, hostname } = new URL(url);
  const isHere = hostname === "127.0.0.1" || hostname === "localhost";
  if (protocol !== "https:" && !(protocol === "http:" && isHere)) throw new Refusal(0, `${url} is not encrypted.`);
}

function here(): string {
  return `${location.origin}${location.pathname}`;
}

function secret(): string {
  return base64(crypto.getRandomValues(new Uint8Array(32)));
}

function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}
