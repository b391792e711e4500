/**
 * What the session finds around it in a browser.
 *
 * @module
 */

/**
 * @typedef {object} Surroundings what a page of ours finds in its browser, and a test brings along
 * @property {URL} base where the server's paths begin
 * @property {typeof globalThis.fetch} fetch sends requests, with the cookies
 * @property {() => string} cookies the cookies that a script may read
 * @property {LockManager | undefined} locks shared by all tabs; without them each tab renews for itself
 * @property {{getItem(key: string): string | null, setItem(key: string, value: string): void,
 *   removeItem(key: string): void} | undefined} storage of this tab; for a path, never for a token
 * @property {() => number} now milliseconds that have passed since some moment
 * @property {(act: () => void, ms: number) => () => void} later acts after a while; gives what calls it off
 */

/**
 * Those of this browser, but for what is given.
 * @param {Partial<Surroundings>} given
 * @returns {Surroundings}
 */
export function surroundings(given) {
  return {
    base: new URL(/* @vite-ignore */ "..", import.meta.url),
    fetch: (...request) => globalThis.fetch(...request),
    cookies: () => globalThis.document?.cookie ?? "",
    locks: globalThis.navigator?.locks,
    storage: globalThis.sessionStorage,
    now: () => performance.now(),
    later: (act, ms) => {
      const timer = setTimeout(act, ms);
      return () => clearTimeout(timer);
    },
    ...given,
  };
}
