/**
 * What the session asks of the server, each question with the headers and the cookies that it needs.
 *
 * @module
 */

/**
 * @typedef {import("./surroundings.js").Surroundings} Surroundings
 *
 * @typedef {object} Standing what GET /auth/session tells
 * @property {boolean} signed_in whether anybody is
 * @property {string} path the page, in the form in which it was compared
 * @property {"public" | "protected"} access who may see it
 * @property {string | null} redirect_to where to go instead
 * @property {{id: string, handle: string, display_name: string} | null} user who is signed in
 * @property {string | null} expires_at when the session ends unless it is carried on
 */

/** How long an answer about the session may take; all other tabs wait for a renewal. */
const ANSWER_MS = 10_000;

/** The server as one tab reaches it. */
export class Server {
  /** @type {Surroundings} */ #around;

  /** @param {Surroundings} around */
  constructor(around) {
    this.#around = around;
  }

  /**
   * Sends a request with the access token; throws what `fetch` throws.
   * @param {Request} request
   * @param {string | null} token
   */
  send(request, token) {
    for (const [name, value] of Object.entries(bearer(token))) request.headers.set(name, value);
    return this.#around.fetch(request);
  }

  /**
   * Whether a page may be opened; null when no answer came.
   * @param {string} path
   * @param {string | null} token
   */
  async standing(path, token) {
    const url = new URL(`auth/session?path=${encodeURIComponent(path)}`, this.#around.base);
    return this.send(new Request(url), token).catch(() => null);
  }

  /**
   * Renews the session of the browser's cookies; null when no answer came.
   * @param {string | null} mark the CSRF cookie
   */
  refresh(mark) {
    return this.#post("auth/refresh", csrfHeader(mark), "same-origin");
  }

  /**
   * Ends the session of the browser's cookies, or, without them, that of the access token; null when no answer came.
   * @param {string | null} token
   * @param {{mark: string | null} | null} cookies with the CSRF cookie; null to send none
   */
  logout(token, cookies) {
    const headers = { ...csrfHeader(cookies?.mark ?? null), ...bearer(token) };
    return this.#post("auth/logout", headers, cookies === null ? "omit" : "same-origin");
  }

  /**
   * @param {string} path
   * @param {Record<string, string>} headers
   * @param {RequestCredentials} credentials
   */
  async #post(path, headers, credentials) {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const init = { method: "POST", headers, credentials, signal, cache: /** @type {const} */ ("no-store") };
    return this.#around.fetch(new Request(new URL(path, this.#around.base), init)).catch(() => null);
  }
}

/** @param {string | null} token @returns {Record<string, string>} */
function bearer(token) {
  return token === null ? {} : { authorization: `Bearer ${token}` };
}

/** @param {string | null} mark @returns {Record<string, string>} */
function csrfHeader(mark) {
  return mark === null ? {} : { "x-csrf-token": mark };
}
