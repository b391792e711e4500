/**
 * What the session reads out of the server's answers and of addresses, and what a call ends in without an answer.
 *
 * @module
 */

/** Why a server refuses an access token; any other 401 is about what was sent, a wrong password say. */
const TOKEN_REFUSALS = new Set(["TOKEN_EXPIRED", "INVALID_TOKEN", "SESSION_ENDED"]);

/**
 * @typedef {object} Token
 * @property {string} access the access token
 * @property {string} account whose it is
 * @property {string} session of which session
 * @property {string | null} mark the CSRF cookie that came with it
 * @property {number} endsAt when it ends, on the clock of the tab that holds it
 */

/** What a call ends in when there is no answer to give. */
export class SessionError extends Error {
  /**
   * @param {"UNAVAILABLE" | "SESSION_REPLACED" | "BAD_PATH"} code UNAVAILABLE: the server cannot be asked now, try
   *   again; SESSION_REPLACED: somebody else signed in in this browser, load the page anew
   * @param {string} message one sentence
   * @param {number} [retryAfterMs] how long to wait
   */
  constructor(code, message, retryAfterMs = 0) {
    super(message);
    this.name = "SessionError";
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * An access token with what it says of itself, which the server alone can check; null for text that is none.
 * @param {string} access
 * @param {string | null} mark
 * @param {number} sentAt when it was asked for: its life is counted from then
 * @param {number} [lifeS] how long it lives; left out, the span between its own two times, never one of them alone
 * @returns {Token | null}
 */
export function readToken(access, mark, sentAt, lifeS) {
  try {
    const { sub, sid, iat, exp } = JSON.parse(atob(access.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
    return { access, account: sub, session: sid, mark, endsAt: sentAt + 1000 * (lifeS ?? exp - iat) };
  } catch {
    return null;
  }
}

/**
 * Whether the access token that was sent is refused, nothing else is wrong and nothing was done.
 * @param {Response} answer
 * @param {string} url
 */
export async function refusesToken(answer, url) {
  if (answer.status !== 401 && !new URL(url).pathname.endsWith("/graphql")) return false;
  const body = await answer.clone().json().catch(() => null);
  const reasons = [body?.reason, ...(body?.errors ?? []).map((/** @type {any} */ each) => each.extensions?.reason)];
  const isUndone = Object.values(body?.data ?? {}).every((each) => each === null);
  return isUndone && reasons.some((reason) => TOKEN_REFUSALS.has(reason));
}

/** @param {Response | null} answer how long it asks to wait, in milliseconds */
export function waitOf(answer) {
  return 1000 * (Number(answer?.headers.get("retry-after")) || 0);
}

/**
 * A path on this server, as it is opened; null for anything that leads elsewhere.
 * @param {string | null} path
 * @param {URL} base
 */
export function ownPath(path, base) {
  if (path === null || !/^\/(?!\/)[!-[\]-~]*$/.test(path)) return null;
  const url = new URL(path, base);
  return url.origin === base.origin && !url.pathname.startsWith("//") ? url.pathname + url.search : null;
}

/**
 * The value of our CSRF cookie. The name that only this host can set counts first: a neighbouring sub-domain can plant
 * the other.
 * @param {string} cookies
 */
export function csrfCookie(cookies) {
  const found = new Map(cookies.split("; ").map((pair) => [pair.split("=")[0], pair.slice(pair.indexOf("=") + 1)]));
  return found.get("__Host-bonafide_csrf") ?? found.get("bonafide_csrf") ?? null;
}
