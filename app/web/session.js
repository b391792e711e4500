/**
 * The session of a browser: one class that every page of ours holds one of.
 *
 * The access token lives in memory, in each tab; the refresh token in a cookie that no script reads. A token is renewed
 * shortly before it expires, and once for all tabs: whoever gets the lock renews, tells the others, and whoever comes
 * after finds it done. How a tab knows what is current without reading the refresh cookie: each renewal sets the CSRF
 * cookie anew, so a token belongs to the browser's session as it is now exactly if that cookie is still the one that
 * came with it (its `mark`). A tab of another account neither takes such a token nor goes on with it.
 *
 * Time is what has passed, never what the clock on the wall shows: a device whose clock is hours off works like others.
 * What the network does signs nobody out; only the server's word UNAUTHENTICATED to a renewal does.
 *
 * @module
 */

import { SessionError, csrfCookie, ownPath, readToken, refusesToken, waitOf } from "./answers.js";
import { Server } from "./server.js";
import { surroundings } from "./surroundings.js";
import { Tabs } from "./tabs.js";

export { SessionError };

/** Renewed this long before it expires, or a third of its life if that is less. */
const LEAD_MS = 60_000;
/** A token that ends sooner than this is not sent any more. */
const MARGIN_MS = 5_000;
/** How often a renewal is tried that another tab gets in the way of. */
const MOST_TRIES = 5;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
const WANTED = "bonafide-wanted";
/** Where whoever has signed in goes when they were not on their way anywhere. */
const HOME = "/feed";

/**
 * @typedef {import("./answers.js").Token} Token
 * @typedef {import("./server.js").Standing} Standing
 * @typedef {import("./surroundings.js").Surroundings} Surroundings
 */

/**
 * Who is signed in, in this tab. Dispatches `change` whenever `state` changes, and `foreign` when somebody else signs in
 * in another tab: this one can go on with its token, but not renew it any more.
 */
export class Session extends EventTarget {
  /** @type {Surroundings} */ #around;
  /** @type {Server} */ #server;
  /** @type {Tabs} */ #tabs;
  /** @type {Token | null} */ #token = null;
  /** @type {string | null} */ #account = null;
  /** @type {string | null} */ #session = null;
  /** @type {"unknown" | "in" | "out" | "replaced"} */ #state = "unknown";
  /** @type {Promise<void> | null} */ #renewal = null;
  /** @type {string | null} */ #lastMark = null;
  #wasEnded = false;
  #isLeaving = false;
  #isUntold = false;
  #callOff = () => {};
  #notBefore = -Infinity;
  #failures = 0;

  /** @param {Partial<Surroundings>} [around] */
  constructor(around = {}) {
    super();
    this.#around = surroundings(around);
    this.#server = new Server(this.#around);
    this.#tabs = new Tabs(this.#around.locks, (message) => this.#hear(message));
  }

  /** Whether somebody is signed in here: unknown until it was asked; replaced when it is somebody else by now. */
  get state() {
    return this.#state;
  }

  /** The id of the account that is signed in here, or was last. */
  get account() {
    return this.#account;
  }

  /** The id of the session that is open here; null without one. */
  get session() {
    return this.#session;
  }

  /** Whether nobody is signed in because the session was ended elsewhere, not by signing out in this browser. */
  get wasEnded() {
    return this.#wasEnded;
  }

  /**
   * Takes the server's word that a session has ended (`sessionRevoked`, or close code 4401), in every tab.
   * @param {string} session
   */
  ended(session) {
    if (this.#session !== session || this.#isLeaving) return;
    this.#drop("out", { ended: true });
    this.#tabs.tell({ type: "out", session, ended: true });
  }

  /**
   * An access token that can be sent now; null when nobody is signed in.
   * @returns {Promise<string | null>}
   * @throws {SessionError} UNAVAILABLE, SESSION_REPLACED
   */
  async token() {
    if (this.#state === "replaced") throw replaced();
    if (!this.#isOut() && this.#left() <= MARGIN_MS) await this.#renew(this.#token);
    return this.#token?.access ?? null;
  }

  /**
   * `fetch` with the access token. A path counts from the server's own address; nothing else is sent the token. What
   * is refused because of the token is sent once more with a new one.
   * @param {RequestInfo | URL} input
   * @param {RequestInit} [init]
   * @throws {SessionError} UNAVAILABLE, SESSION_REPLACED; and what `fetch` throws
   */
  async fetch(input, init) {
    const request = new Request(input instanceof Request ? input : new URL(input, this.#around.base), init);
    const isOurs = new URL(request.url).origin === this.#around.base.origin;
    if (!isOurs || request.headers.has("authorization")) return this.#around.fetch(request);
    const again = request.clone();
    const token = await this.token();
    const answer = await this.#server.send(request, token);
    if (token === null || !(await refusesToken(answer, request.url))) return answer;
    if (this.#token?.access === token) await this.#renew(this.#token);
    const another = await this.token();
    return another === null ? answer : this.#server.send(again, another);
  }

  /**
   * What came of signing in is the session of this browser from now on, in every tab that has none.
   * @param {string} access the access token of the answer, whose cookies are set
   * @param {number} [lifeS] `expires_in` of the answer, where it has one
   */
  async adopt(access, lifeS) {
    const token = readToken(access, this.#mark(), this.#around.now(), lifeS);
    if (token === null) throw new TypeError("this is no access token");
    this.#account = null;
    await this.#take(token, { tell: true });
  }

  /**
   * Whether a page may be opened, and where to go instead; where one was going is remembered for `destination`.
   * @param {string} path the page's path with its query
   * @returns {Promise<Standing>}
   * @throws {SessionError} BAD_PATH, UNAVAILABLE, SESSION_REPLACED
   */
  async guard(path) {
    if (this.#state === "replaced") throw replaced();
    const token = this.#left() > MARGIN_MS ? (this.#token?.access ?? null) : null;
    const answer = await this.#server.standing(path, token);
    if (answer?.status === 400) throw new SessionError("BAD_PATH", "This is no page of ours.");
    if (!answer?.ok) throw new SessionError("UNAVAILABLE", "The server does not answer.", waitOf(answer));
    /** @type {Standing} */
    const standing = await answer.json();
    if (this.#account !== null && standing.user !== null && standing.user.id !== this.#account) this.#giveUp();
    if (standing.redirect_to !== null) this.#around.storage?.setItem(WANTED, standing.path);
    return standing;
  }

  /**
   * Where to go after signing in: back to where one was going, once; never to another site.
   * @param {string} search the query of the page on which one signs in
   * @returns {string} a path with its query
   */
  destination(search) {
    const { base, storage } = this.#around;
    const wanted = [new URLSearchParams(search).get("return_to"), storage?.getItem(WANTED) ?? null];
    storage?.removeItem(WANTED);
    return wanted.map((path) => ownPath(path, base)).find((path) => path !== null) ?? HOME;
  }

  /**
   * Runs what ends the session on purpose: what is heard of its end meanwhile is no news.
   * @template T
   * @param {() => Promise<T>} act
   */
  async leaving(act) {
    const before = this.#isLeaving;
    this.#isLeaving = true;
    try {
      return await act();
    } finally {
      this.#isLeaving = before;
      if (this.#isUntold) this.#tellChange();
    }
  }

  /**
   * Ends the session, here and in every tab. Nobody is signed out before the server has said so.
   * @throws {SessionError} UNAVAILABLE
   */
  signOut() {
    return this.leaving(() => this.#signOut());
  }

  async #signOut() {
    const held = this.#token;
    // Has the browser's session changed hands? Then the cookie is not ours to end.
    if (held !== null && held.mark !== this.#mark()) await this.#renew(held).catch(unless("SESSION_REPLACED"));
    const isOurs = this.#state !== "replaced";
    await this.#tabs.alone(async () => {
      const token = isOurs ? this.#token : held;
      const answer = await this.#server.logout(token?.access ?? null, isOurs ? { mark: this.#mark() } : null);
      if (!answer?.ok && answer?.status !== 401) {
        throw new SessionError("UNAVAILABLE", "The server could not end the session.", waitOf(answer));
      }
    });
    const session = held?.session ?? this.#session;
    this.#drop("out");
    if (session !== null) this.#tabs.tell({ type: "out", session });
  }

  /**
   * Ends this tab's own session where another account has taken the browser's cookies (`foreign`): nobody could carry it
   * on, so it shall not lie about until it runs out.
   */
  abandon() {
    return this.leaving(async () => {
      await this.#server.logout(this.#token?.access ?? null, null);
      this.#drop("replaced");
    });
  }

  /** Lets go of timers, locks and the other tabs. */
  close() {
    this.#callOff();
    this.#tabs.close();
  }

  /** Whether nobody is signed in, nor has signed in in another tab since that was learned. */
  #isOut() {
    return this.#state === "out" && this.#mark() === this.#lastMark;
  }

  /** Milliseconds that the token is still good for. */
  #left() {
    return this.#token === null ? 0 : this.#token.endsAt - this.#around.now();
  }

  /** The CSRF cookie as it is now: what tells one renewal of the browser's session from the next. */
  #mark() {
    return csrfCookie(this.#around.cookies());
  }

  /**
   * Gets a token in place of `stale`, from another tab or from the server; once, however many ask in this tab.
   * @param {Token | null} stale
   */
  #renew(stale) {
    this.#renewal ??= this.#tabs.alone(() => this.#renewIfStale(stale)).finally(() => {
      this.#renewal = null;
    });
    return this.#renewal;
  }

  /** @param {Token | null} stale */
  async #renewIfStale(stale) {
    const wait = this.#notBefore - this.#around.now();
    if (wait > 0) throw new SessionError("UNAVAILABLE", "The server cannot be asked yet.", wait);
    const isNew = () => this.#token !== stale && this.#left() > MARGIN_MS;
    if (this.#isOut() || isNew()) return;
    const mark = this.#mark();
    if (mark === null) return this.#drop("out");
    if (stale?.mark !== mark) await this.#tabs.ask(mark, isNew);
    if (!isNew()) await this.#renewAtServer(isNew);
  }

  /** @param {() => boolean} isNew whether another tab was faster */
  async #renewAtServer(isNew, tries = MOST_TRIES) {
    const mark = this.#mark();
    const sentAt = this.#around.now();
    const answer = await this.#server.refresh(mark);
    const body = answer?.ok ? await answer.json().catch(() => null) : null;
    const token = body === null ? null : readToken(body.access_token, this.#mark(), sentAt, body.expires_in);
    if (token !== null) return this.#take(token, { tell: true });
    if (answer?.status === 401 || answer?.status === 403) {
      // Somebody renewed or signed in while the question was on its way: it was about what was before.
      if (isNew()) return;
      if (tries > 1 && this.#mark() !== mark) return this.#renewAtServer(isNew, tries - 1);
      if (answer.status === 401) return this.#drop("out", { ended: this.#session !== null });
    }
    throw this.#backOff(waitOf(answer));
  }

  /** @param {number} wished */
  #backOff(wished) {
    const doubled = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#failures);
    this.#failures += 1;
    const wait = Math.max(wished, doubled * (0.5 + Math.random() / 2));
    this.#waitFor(wait);
    this.#tabs.tell({ type: "wait", ms: wait });
    return new SessionError("UNAVAILABLE", "The server does not answer.", wait);
  }

  /** @param {number} ms */
  #waitFor(ms) {
    this.#notBefore = Math.max(this.#notBefore, this.#around.now() + ms);
    if (this.#state === "in") this.#wakeIn(Math.max(ms, this.#left() - LEAD_MS));
  }

  /** @param {number} ms */
  #wakeIn(ms) {
    this.#callOff();
    this.#callOff = this.#around.later(() => {
      this.#renew(this.#token).catch((error) => {
        if (this.#state === "in") this.#wakeIn(error.retryAfterMs || FIRST_WAIT_MS);
      });
    }, ms);
  }

  /**
   * Takes a token as that of this tab, unless it is another account's.
   * @param {Token} token
   * @param {{tell: boolean}} how
   */
  async #take(token, { tell }) {
    if (this.#account !== null && token.account !== this.#account) {
      if (tell) this.#tabs.tell(handOver(token, this.#around.now()));
      this.#giveUp();
    }
    this.#account = token.account;
    this.#session = token.session;
    this.#token = token;
    this.#failures = 0;
    this.#notBefore = -Infinity;
    const left = this.#left();
    this.#wakeIn(left - Math.min(LEAD_MS, left / 3));
    this.#become("in");
    if (tell) this.#tabs.tell(handOver(token, this.#around.now()));
    await this.#tabs.hold(token.mark);
  }

  /** Somebody else is signed in in this browser. @returns {never} */
  #giveUp() {
    this.#drop("replaced");
    throw replaced();
  }

  /** @param {"out" | "replaced"} state @param {{ended?: boolean}} [how] */
  #drop(state, { ended = false } = {}) {
    this.#callOff();
    this.#tabs.letGo();
    this.#token = null;
    this.#session = null;
    this.#wasEnded = ended;
    this.#lastMark = this.#mark();
    if (state === "out") this.#account = null;
    this.#become(state);
  }

  /** @param {"in" | "out" | "replaced"} state */
  #become(state) {
    if (this.#state === state) return;
    this.#state = state;
    this.#tellChange();
  }

  /** Not while somebody leaves on purpose: a page that goes away at the first sign of it would cut them off. */
  #tellChange() {
    this.#isUntold = this.#isLeaving;
    if (!this.#isUntold) this.dispatchEvent(new Event("change"));
  }

  /** @param {import("./tabs.js").Message} message what another tab tells */
  #hear(message) {
    if (message.type === "ask" && this.#token?.mark === message.mark && this.#left() > MARGIN_MS) {
      this.#tabs.tell(handOver(/** @type {Token} */ (this.#token), this.#around.now()));
    } else if (message.type === "out" && this.#session === message.session && !this.#isLeaving) {
      this.#drop("out", { ended: message.ended ?? false });
    } else if (message.type === "wait") {
      this.#waitFor(message.ms);
    } else if (message.type === "token" && message.token.mark !== null && message.token.mark === this.#mark()) {
      const { token, leftMs } = message;
      const isForeign = this.#state === "replaced" || (this.#account ?? token.account) !== token.account;
      const isKnown = this.#token?.access === token.access;
      if (isForeign && this.#state === "in") this.dispatchEvent(new Event("foreign"));
      if (!isForeign && !isKnown) void this.#take({ ...token, endsAt: this.#around.now() + leftMs }, { tell: false });
    }
  }
}

/** @param {Token} token @param {number} now @returns {import("./tabs.js").Message} */
function handOver(token, now) {
  return { type: "token", token, leftMs: token.endsAt - now };
}

function replaced() {
  return new SessionError("SESSION_REPLACED", "Somebody else signed in in this browser. Load the page anew.");
}

/** @param {SessionError["code"]} code @returns {(error: unknown) => void} */
function unless(code) {
  return (error) => {
    if (!(error instanceof SessionError) || error.code !== code) throw error;
  };
}
