// Web Locks for the tabs of a test: Node's own (24.19) wake each other without end when twenty threads wait for one.

/** Grants the locks, in the order in which they were asked for; lives in the main thread. */
export class LockDesk {
  #held = [];
  #queue = [];

  /** @param {{name: string, mode: string, ifAvailable: boolean, grant: (isGranted: boolean) => void}} request */
  ask(request) {
    const isFree = !this.#queue.some((each) => each.name === request.name) && this.#isFree(request);
    if (isFree) this.#give(request);
    else if (request.ifAvailable) request.grant(false);
    else this.#queue.push(request);
  }

  /** @param {object} request one that was granted */
  release(request) {
    this.#held = this.#held.filter((each) => each !== request);
    for (const next of [...this.#queue]) {
      const isFirst = this.#queue.find((each) => each.name === next.name) === next;
      if (isFirst && this.#isFree(next)) {
        this.#queue = this.#queue.filter((each) => each !== next);
        this.#give(next);
      }
    }
  }

  #isFree({ name, mode }) {
    const held = this.#held.filter((each) => each.name === name);
    return held.length === 0 || (mode === "shared" && held.every((each) => each.mode === "shared"));
  }

  #give(request) {
    this.#held.push(request);
    request.grant(true);
  }
}

/** navigator.locks of one tab, which asks the desk by messages. */
export class TabLocks {
  #send;
  #next = 0;
  #asked = new Map();

  /** @param {(message: object) => void} send */
  constructor(send) {
    this.#send = send;
  }

  async request(name, ...given) {
    const act = given.pop();
    const { mode = "exclusive", ifAvailable = false } = given[0] ?? {};
    const lock = this.#next++;
    const isGranted = await new Promise((resolve) => {
      this.#asked.set(lock, resolve);
      this.#send({ lock, name, mode, ifAvailable });
    });
    try {
      return await act(isGranted ? { name, mode } : null);
    } finally {
      if (isGranted) this.#send({ lock, isReleased: true });
    }
  }

  /** @param {{lock: number, isGranted: boolean}} told by the desk */
  hear({ lock, isGranted }) {
    this.#asked.get(lock)(isGranted);
    this.#asked.delete(lock);
  }
}
