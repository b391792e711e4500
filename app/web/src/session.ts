/** The session of this browser, as the pages see it: one Session (app/web/session.js), its errors as Refusals. */

import { Session, SessionError } from "../session.js";
import { Refusal } from "./refusals.js";

const session = new Session({ base: new URL(document.baseURI) });

/** Whether somebody is signed in, as far as this page knows. */
export const signedIn = (): boolean => session.state === "in";

/** The session that is open here; null without one. */
export const sessionId = (): string | null => session.session;

/** An access token for what is no request of `fetch`: a socket. Null when nobody is signed in; throws the Refusal. */
export const accessToken = (): Promise<string | null> => refusing(() => session.token());

/** What can become of the session: `ended` from elsewhere, or `replaced` by that of another account in this browser. */
export type Change = "in" | "out" | "ended" | "replaced";

/** Calls `heard` when somebody signs in or out, or another account takes the browser's session, here or in another tab. */
export function onChange(heard: (change: Change) => void): void {
  session.addEventListener("change", () => {
    if (session.state !== "unknown") heard(session.state === "out" && session.wasEnded ? "ended" : session.state);
  });
}

session.addEventListener("foreign", () => void session.abandon());

/** Takes the server's word that a session has ended. */
export const sessionEnded = (id: string): void => session.ended(id);

/** Finds out whether the browser has a session; throws the Refusal when nobody answered. */
export const resume = (): Promise<boolean> => refusing(async () => (await session.token()) !== null);

/** Takes over a session that was just opened. */
export const adopt = (token: string): Promise<void> => refusing(() => session.adopt(token));

/** A request with the session's token, sent once more with a new one where it is refused for its token. */
const authorized = (path: string, init: RequestInit): Promise<Response> => refusing(() => session.fetch(path, init));
export { authorized as fetch };

/** Runs what ends the session on purpose, by more than signing out. */
export const leaving = <T>(act: () => Promise<T>): Promise<T> => session.leaving(act);

/** Ends the session here and in every tab; throws the Refusal when the server did not hear of it. */
export const signOut = (): Promise<void> => refusing(() => session.signOut());

async function refusing<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof TypeError) throw new Refusal({ code: "OFFLINE" }); // what fetch says when nobody answers
    if (!(error instanceof SessionError)) throw error;
    const retryAfterS = error.retryAfterMs ? Math.ceil(error.retryAfterMs / 1000) : undefined;
    throw new Refusal({ code: error.code === "UNAVAILABLE" ? "OFFLINE" : "UNAUTHENTICATED", retryAfterS });
  }
}
