/** The session of this browser: an access token in memory only, renewed by the cookie, once for all tabs. */

import { Logout, RefreshToken } from "./generated/session.js";
import type { Operation } from "./generated/schema.js";
import { href } from "./router.js";
import { type Code, Refusal } from "./refusals.js";

/** Renewed this long before its end, so that no request is on its way when the token dies. */
const MARGIN_MS = 60_000;
const LOCK = "bonafide.refresh";
const CSRF = /(?:^|; )(?:__Host-)?bonafide_csrf=([^;]+)/;

interface Held {
  readonly token: string;
  readonly account: string;
  /** By this page's own monotonic clock: the machine's may be hours off. */
  readonly goodUntilMs: number;
}

type Change = "in" | "out" | "other";
type Told = { kind: "token"; token: string } | { kind: "out" };

let held: Held | null = null;
let renewing: Promise<boolean> | null = null;
const listeners = new Set<(change: Change) => void>();
const tabs = new BroadcastChannel("bonafide.session");

tabs.addEventListener("message", ({ data }: MessageEvent<Told>) => {
  if (data.kind === "out") forget();
  else take(data.token);
});

/** Whether somebody is signed in, as far as this page knows. */
export const signedIn = (): boolean => held !== null;

/** Calls `heard` when somebody signs in or out, here or in another tab, or another account takes the browser's session. */
export function onChange(heard: (change: Change) => void): () => void {
  listeners.add(heard);
  return () => listeners.delete(heard);
}

/** Takes over a session that was just opened, and tells the other tabs. */
export function adopt(token: string): void {
  take(token);
  tabs.postMessage({ kind: "token", token } satisfies Told);
}

/** Finds out whether the browser has a session; throws the Refusal when nobody answered. */
export async function resume(): Promise<boolean> {
  return held !== null || (await renew());
}

/** A token that is good now, or null when nobody is signed in. */
export async function accessToken(): Promise<string | null> {
  if (held && performance.now() >= held.goodUntilMs) await renew();
  return held?.token ?? null;
}

/** Trades the cookie for a new token, once for all tabs that ask at the same time; false when there is no session. */
export function renew(): Promise<boolean> {
  const before = held?.token;
  renewing ??= alone(() => (held && held.token !== before ? Promise.resolve(true) : trade())).finally(() => {
    renewing = null;
  });
  return renewing;
}

/** A request with the session's token; one that is refused for its token is sent once more with a new one. */
async function authorized(input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> {
  const send = async (): Promise<Response> => {
    const token = await accessToken();
    const headers = new Headers(init.headers);
    if (token) headers.set("authorization", `Bearer ${token}`);
    return globalThis.fetch(input, { ...init, headers });
  };
  const answer = await send();
  return answer.status === 401 && held && (await renew()) ? send() : answer;
}
export { authorized as fetch };

/** Ends the session here and in every tab; throws the Refusal when the server did not hear of it. */
export async function signOut(): Promise<void> {
  const token = held?.token;
  await exchange(Logout, { ...csrf(), ...(token ? { authorization: `Bearer ${token}` } : {}) });
  over();
}

/** The session has ended elsewhere: forgets it in every tab. */
export function over(): void {
  forget();
  tabs.postMessage({ kind: "out" } satisfies Told);
}

async function trade(): Promise<boolean> {
  for (let tries = 0; ; tries += 1) {
    if (!CSRF.test(document.cookie)) {
      forget();
      return false;
    }
    try {
      const { refreshToken } = await exchange(RefreshToken, csrf());
      if (!refreshToken.accessToken) return false;
      adopt(refreshToken.accessToken);
      return true;
    } catch (error) {
      const { code, reason } = Refusal.of(error);
      if (code === "FORBIDDEN" && reason === "CSRF_TOKEN_WRONG" && tries === 0) continue; // another tab signed in
      if (code !== "UNAUTHENTICATED") throw error;
      over();
      return false;
    }
  }
}

async function exchange<Result>(
  operation: Operation<Result, Record<string, never>>, headers: Record<string, string>,
): Promise<Result> {
  return answerOf<Result>(post(operation, {}, headers));
}

/** Sends an operation. */
export function post(
  operation: Operation<unknown, never>, variables: unknown, headers: Record<string, string>, send = globalThis.fetch,
): Promise<Response> {
  return send(href("/graphql"), {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json", ...headers },
    body: JSON.stringify({ query: operation.text, operationName: operation.name, variables }),
  });
}

interface Answer {
  readonly data?: unknown;
  readonly errors?: readonly { readonly message: string; readonly extensions?: Record<string, unknown> }[];
}

/** What the server answered; throws the Refusal that it, or the way to it, answered with. */
export async function answerOf<Result>(sent: Promise<Response>): Promise<Result> {
  let answer: Answer;
  try {
    answer = (await (await sent).json()) as Answer;
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal({ code: "OFFLINE" });
  }
  const fault = answer.errors?.[0];
  if (!fault) {
    // A problem document: refused before GraphQL was reached.
    if (answer.data === undefined) throw refusalOf(answer as Record<string, unknown>, "detail");
    return answer.data as Result;
  }
  throw refusalOf({ ...fault.extensions, message: fault.message }, "message");
}

function refusalOf(told: Record<string, unknown>, sentence: string): Refusal {
  const text = (name: string): string | undefined => (typeof told[name] === "string" ? told[name] : undefined);
  return new Refusal({
    code: (text("code") ?? "INTERNAL") as Code,
    message: text(sentence) ?? "",
    field: text("field"),
    reason: text("reason"),
    requestId: text("requestId"),
    retryAfterS: typeof told.retryAfter === "number" ? told.retryAfter : undefined,
    suggestions: Array.isArray(told.suggestions) ? told.suggestions.map(String) : [],
  });
}

/** Runs in one tab at a time, where the browser can tell tabs apart from each other. */
function alone<T>(run: () => Promise<T>): Promise<T> {
  return navigator.locks ? (navigator.locks.request(LOCK, run) as Promise<T>) : run();
}

function csrf(): Record<string, string> {
  const token = CSRF.exec(document.cookie)?.[1];
  return token ? { "x-csrf-token": decodeURIComponent(token) } : {};
}

function take(token: string): void {
  const claims = claimsOf(token);
  const lifeMs = Math.max(0, (claims.exp - claims.iat) * 1000);
  const before = held?.account;
  held = { token, account: claims.sub, goodUntilMs: performance.now() + Math.max(lifeMs - MARGIN_MS, lifeMs / 2) };
  if (before === undefined) tell("in");
  else if (before !== claims.sub) tell("other");
}

function forget(): void {
  if (!held) return;
  held = null;
  tell("out");
}

function tell(change: Change): void {
  for (const heard of listeners) heard(change);
}

function claimsOf(token: string): { sub: string; iat: number; exp: number } {
  const part = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
  return JSON.parse(atob(part)) as { sub: string; iat: number; exp: number };
}
