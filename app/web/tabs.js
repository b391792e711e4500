/**
 * The tabs of one browser: one at a time where it must be (Web Locks), and what they tell each other (BroadcastChannel).
 *
 * Both reach the tabs of this very origin and nobody else. A browser without locks loses no session: the server gives
 * tabs that race the same successor.
 *
 * @module
 */

/** @typedef {import("./answers.js").Token} Token */

/**
 * @typedef {{type: "token", token: Token, leftMs: number} | {type: "ask", mark: string} |
 *   {type: "out", session: string, ended?: boolean} | {type: "wait", ms: number}} Message
 */

const NAME = "bonafide-session";
/** How long a tab that shows that it has the token may take to hand it over. */
const HAND_OVER_MS = 1_000;
/** The same where no tab can show that it has it. */
const GUESS_MS = 200;

/** This tab among the others. */
export class Tabs {
  /** @type {LockManager | undefined} */ #locks;
  /** @type {BroadcastChannel | undefined} */ #channel;
  /** @type {Set<() => void>} */ #waiting = new Set();
  #letGo = () => {};

  /**
   * @param {LockManager | undefined} locks
   * @param {(message: Message) => void} hear
   */
  constructor(locks, hear) {
    this.#locks = locks;
    if (globalThis.BroadcastChannel) {
      this.#channel = new BroadcastChannel(NAME);
      this.#channel.onmessage = (event) => hear(event.data);
    }
  }

  /** @param {Message} message */
  tell(message) {
    this.#channel?.postMessage(message);
  }

  /**
   * Runs while no other tab does.
   * @param {() => Promise<void>} act
   */
  async alone(act) {
    await (this.#locks ? this.#locks.request(NAME, act) : act());
  }

  /**
   * Shows the others that this tab has the token of a mark, until the next is held or none.
   * @param {string | null} mark
   */
  async hold(mark) {
    this.#letGo();
    for (const go of this.#waiting) go();
    const locks = this.#locks;
    if (!locks || mark === null) return;
    /** @type {Promise<void>} */
    const end = new Promise((resolve) => {
      this.#letGo = resolve;
    });
    await new Promise((isHeld) => {
      void locks.request(`${NAME}-${mark}`, { mode: "shared" }, () => {
        isHeld(undefined);
        return end;
      });
    });
  }

  /** Shows that it has none. */
  letGo() {
    this.#letGo();
  }

  /**
   * Asks for the token of a mark where a tab may have it; returns once this tab holds one, or nobody has answered in
   * time.
   * @param {string} mark
   * @param {() => boolean} isThere whether it came meanwhile
   */
  async ask(mark, isThere) {
    const isFree = await this.#locks?.request(`${NAME}-${mark}`, { ifAvailable: true }, (lock) => lock !== null);
    if (isFree || isThere()) return;
    await new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve(undefined);
      };
      const timer = setTimeout(done, this.#locks ? HAND_OVER_MS : GUESS_MS);
      this.#waiting.add(done);
      this.tell({ type: "ask", mark });
    });
  }

  /** Leaves the others. */
  close() {
    this.#letGo();
    this.#channel?.close();
  }
}
