// The cookies of one browser, in memory that all tabs share; one at a time changes them.

const LOCK = 0;
const LENGTH = 1;
const HEAD_BYTES = 8;

export class CookieJar {
  #head;
  #text;

  /** @param {SharedArrayBuffer} memory */
  constructor(memory) {
    this.#head = new Int32Array(memory, 0, 2);
    this.#text = new Uint8Array(memory, HEAD_BYTES);
  }

  /** What goes to the server. */
  get header() {
    return this.#pairs(() => true);
  }

  /** What a script reads in document.cookie. */
  get shown() {
    return this.#pairs((cookie) => !cookie.httpOnly);
  }

  /** @param {string[]} lines of Set-Cookie */
  keep(lines) {
    this.#alone(() => {
      const cookies = this.#read();
      for (const line of lines) {
        const [pair, ...attributes] = line.split("; ");
        const name = pair.slice(0, pair.indexOf("="));
        if (attributes.includes("Max-Age=0")) delete cookies[name];
        else cookies[name] = { value: pair.slice(name.length + 1), httpOnly: attributes.includes("HttpOnly") };
      }
      this.#write(cookies);
    });
  }

  #pairs(isWanted) {
    const cookies = this.#alone(() => Object.entries(this.#read()));
    return cookies.filter(([, cookie]) => isWanted(cookie)).map(([name, { value }]) => `${name}=${value}`).join("; ");
  }

  #alone(act) {
    while (Atomics.compareExchange(this.#head, LOCK, 0, 1) !== 0) Atomics.wait(this.#head, LOCK, 1);
    try {
      return act();
    } finally {
      Atomics.store(this.#head, LOCK, 0);
      Atomics.notify(this.#head, LOCK);
    }
  }

  #read() {
    const text = new TextDecoder().decode(this.#text.slice(0, this.#head[LENGTH]));
    return text ? JSON.parse(text) : {};
  }

  #write(cookies) {
    const bytes = new TextEncoder().encode(JSON.stringify(cookies));
    this.#text.set(bytes);
    this.#head[LENGTH] = bytes.length;
  }
}
