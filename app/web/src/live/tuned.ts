/**
 * What the server tells of the account while a page is open: the badge arrives, the session was ended.
 *
 * One socket for all tabs of a session: whichever tab holds the lock has it and tells the others. Only a tab that can be
 * seen asks for the lock, and one that loses its connection while it is hidden gives it up: hidden tabs ask for nothing.
 * Nothing depends on hearing. After a gap the account is asked for anew.
 */

import { account, refreshAccount, setAccount } from "../account.js";
import type { VerificationError } from "../generated/schema.js";
import { SessionRevoked, VerificationUpdated } from "../generated/live.js";
import { Refusal } from "../refusals.js";
import { accessToken, onChange, sessionEnded, sessionId } from "../session.js";
import { type End, listen, socketUrl, SUBPROTOCOL } from "./socket.js";

const NAME = "bonafide-live";
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
/** A connection that lived as long as this was a good one: the next wait begins small again. */
const GOOD_MS = 10_000;
/** What was asked for so short a time ago is not asked for again when the socket opens. */
const FRESH_MS = 3_000;
const SESSION_ENDED = 4401;
const TOKEN_REFUSED = 4403;
const TOO_MANY = 4429;
const TOO_MANY_WAIT_MS = 30_000;

/** How a check ended, on whichever device; told in the page as the event `bonafide-verification`. */
export interface Verification {
  readonly success: boolean;
  readonly verifiedAt: string | null;
  readonly error: VerificationError | null;
}

type News = { readonly verification: Verification } | { readonly gap: true };
interface Told {
  readonly session: string;
  readonly news: News;
}

let channel: BroadcastChannel | null = null;
let stop: AbortController | null = null;

/** Listens for as long as somebody is signed in; to be called once. */
export function tuneIn(): void {
  if (typeof BroadcastChannel !== "undefined") {
    channel = new BroadcastChannel(NAME);
    channel.onmessage = ({ data }: MessageEvent<Told>) => {
      if (data.session === sessionId()) take(data.news);
    };
  }
  onChange(begin);
  begin();
}

function begin(): void {
  const session = sessionId();
  stop?.abort();
  stop = null;
  if (session === null) return;
  stop = new AbortController();
  void follow(session, stop.signal);
}

/** Leads the tabs of a session, whenever it is this one's turn. */
async function follow(session: string, signal: AbortSignal): Promise<void> {
  const lead = (): Promise<void> => hold(session, signal);
  while (!signal.aborted) {
    await seen(signal);
    try {
      if (!signal.aborted) await (navigator.locks?.request(`${NAME}-${session}`, { signal }, lead) ?? lead());
    } catch (error) {
      if (!signal.aborted) throw error; // else it was called off while it waited for its turn
    }
  }
}

/** Keeps a socket open, a lost one after a wait that grows; ends when this tab is hidden without one. */
async function hold(session: string, signal: AbortSignal): Promise<void> {
  const begun = performance.now();
  let failures = 0;
  while (!signal.aborted && !document.hidden) {
    const end = await connected(session, signal, () => {
      if (failures || performance.now() - begun > FRESH_MS) tell(session, { gap: true });
    });
    if (end.code === SESSION_ENDED) {
      sessionEnded(session);
      return;
    }
    // The session finds out by itself whether its token is the fault: an answer to any question says so.
    if (end.code === TOKEN_REFUSED) await refreshAccount();
    failures = end.servedMs > GOOD_MS ? 1 : failures + 1;
    const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (failures - 1)) * (0.5 + Math.random() / 2);
    if (!document.hidden) await woken(end.code === TOO_MANY ? Math.max(wait, TOO_MANY_WAIT_MS) : wait, signal);
  }
}

async function connected(session: string, signal: AbortSignal, ready: () => void): Promise<End> {
  let token: string | null;
  try {
    token = await accessToken();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { code: 0, reason: error.code, servedMs: 0 };
  }
  if (token === null || signal.aborted) return { code: 0, reason: "signed out", servedMs: 0 };
  const next = (name: string, data: unknown): void => {
    if (name === VerificationUpdated.name) tell(session, { verification: (data as { verificationUpdated: Verification }).verificationUpdated });
    else if ((data as { sessionRevoked: { current: boolean } }).sessionRevoked.current) sessionEnded(session);
  };
  return listen(new WebSocket(socketUrl(), SUBPROTOCOL), token, [VerificationUpdated, SessionRevoked], { ready, next }, signal);
}

function tell(session: string, news: News): void {
  channel?.postMessage({ session, news } satisfies Told);
  take(news);
}

function take(news: News): void {
  if ("gap" in news) {
    void refreshAccount();
    return;
  }
  const { verification } = news;
  const me = account();
  if (me && verification.success) setAccount({ ...me, verifiedAt: verification.verifiedAt });
  dispatchEvent(new CustomEvent<Verification>("bonafide-verification", { detail: verification }));
}

/** Until this tab can be seen. */
const seen = (signal: AbortSignal): Promise<void> =>
  document.hidden ? woken(null, signal).then(() => (signal.aborted ? undefined : seen(signal))) : Promise.resolve();

/** Until `ms` have passed, or less: the network is back, or the tab was hidden or shown. */
function woken(ms: number | null, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const wakers: readonly (readonly [EventTarget, string])[] = [[document, "visibilitychange"], [window, "online"], [signal, "abort"]];
    const timer = ms === null ? 0 : window.setTimeout(done, ms);
    for (const [target, kind] of wakers) target.addEventListener(kind, done);
    function done(): void {
      clearTimeout(timer);
      for (const [target, kind] of wakers) target.removeEventListener(kind, done);
      resolve();
    }
  });
}
