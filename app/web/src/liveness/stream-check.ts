/** The stream to the server (contract, section 4): the newest picture is sent while credit lasts, never queued. */

import { type Challenge, type Check, CheckFault, type Hint, type Outcome, type Step, type Watcher } from "./check.js";
import { faultOf } from "./faults.js";
import { FrameSource } from "./frame-source.js";

const SUBPROTOCOL = "bonafide.liveness.v1";
const CONNECT_WITHIN_MS = 10_000;
/** The server answers each frame, and keeps its own, shorter time limits. */
const SILENCE_MS = 30_000;
/** An answer that takes longer than this is felt: the connection is called slow. */
const SLOW_MS = 1200;
const HEADER_BYTES = 8;
const FIRST_FAULT_CODE = 4400; // a close code is 4000 + the HTTP status of its error
const CODE_OF_STATUS: Readonly<Record<number, string>> = {
  400: "BAD_USER_INPUT", 401: "UNAUTHENTICATED", 403: "FORBIDDEN", 408: "TIMED_OUT", 410: "GONE",
  413: "PAYLOAD_TOO_LARGE", 429: "RATE_LIMITED", 500: "INTERNAL", 503: "BUSY",
};

/** What the server says, as far as it is read here. */
type Message =
  | { type: "ready"; step: Step; index: number; of: number; maxFrameBytes: number; targetFps: number; credit: number }
  | { type: "feedback"; seq: number; hint: Hint; progress: number; credit: number }
  | { type: "step"; index: number; passed: boolean; next: Step | null }
  | { type: "comparing" }
  | { type: "result"; success: boolean; error: string | null; retryAfterS: number | null; verifiedAt: string | null; ticket?: string }
  | { type: "error"; code: string; detail?: string; retryAfterS?: number };

export class StreamCheck implements Check {
  constructor(private readonly accessToken: () => Promise<string | null>) {}

  async run(video: HTMLVideoElement, challenge: Challenge, watcher: Watcher, signal: AbortSignal): Promise<Outcome> {
    const accessToken = await this.accessToken();
    signal.throwIfAborted();
    const start = { type: "start", challengeToken: challenge.token, accessToken, mirrored: false };
    const source = new FrameSource(video);
    try {
      return await new Promise<Outcome>((resolve, reject) => {
        const conversation = new Conversation(socketUrl(challenge.streamUrl), JSON.stringify(start), source, watcher, resolve, reject);
        signal.addEventListener("abort", () => conversation.fail(signal.reason), { once: true });
      });
    } finally {
      source.close();
    }
  }

  close(): void {
    // Everything that a run holds ends with it.
  }
}

const LOOPBACK = new Set(["127.0.0.1", "localhost", "[::1]"]);

/** Where the stream is. On one machine by the name that the page has, whose cookies a browser that signs in is known by. */
function socketUrl(told: string): string {
  const url = new URL(told, document.baseURI);
  if (LOOPBACK.has(url.hostname) && LOOPBACK.has(location.hostname) && url.port === location.port) url.hostname = location.hostname;
  if (location.protocol === "https:") url.protocol = "wss:"; // a secure page may open no other
  return url.href;
}

class Conversation {
  private readonly socket: WebSocket | undefined;
  private readonly began = performance.now();
  private readonly sentAt = new Map<number, number>();
  private deadline = 0;
  private slowness = 0;
  private pace = 0;
  private credit = 0;
  private sequence = 0;
  private of = 0;
  private maxBytes = 0;
  private busy = false;
  private over = false;
  private opened = false;

  constructor(
    url: string,
    private readonly start: string,
    private readonly source: FrameSource,
    private readonly watcher: Watcher,
    private readonly resolve: (outcome: Outcome) => void,
    private readonly reject: (reason: unknown) => void,
  ) {
    watcher.connected("connecting");
    this.await(CONNECT_WITHIN_MS);
    try {
      this.socket = this.listening(new WebSocket(url, SUBPROTOCOL));
    } catch {
      this.lose(); // the page's own policy forbids the address
    }
  }

  private listening(socket: WebSocket): WebSocket {
    socket.onopen = () => {
      this.opened = true;
      socket.send(this.start);
      this.await(SILENCE_MS);
    };
    socket.onmessage = ({ data }) => this.hear(data);
    socket.onclose = event => this.closed(event);
    return socket;
  }

  /** Ends the conversation with a fault. */
  fail(reason: unknown): void {
    if (this.end()) this.reject(reason);
  }

  private succeed(outcome: Outcome): void {
    if (this.end()) this.resolve(outcome);
  }

  private end(): boolean {
    if (this.over) return false;
    this.over = true;
    clearTimeout(this.deadline);
    clearInterval(this.pace);
    this.socket?.close();
    return true;
  }

  /** Gives the server so much time for its next word. */
  private await(ms: number): void {
    clearTimeout(this.deadline);
    this.deadline = window.setTimeout(() => this.lose(), ms);
  }

  private lose(): void {
    this.watcher.connected("lost");
    this.fail(new CheckFault(this.opened ? "CONNECTION_LOST" : navigator.onLine ? "SOCKET_BLOCKED" : "OFFLINE"));
  }

  private closed({ code }: CloseEvent): void {
    if (this.over) return;
    if (code >= FIRST_FAULT_CODE) this.fail(faultOf({ code: CODE_OF_STATUS[code - 4000] ?? "INTERNAL" }));
    else this.lose();
  }

  private hear(data: unknown): void {
    if (this.over) return;
    this.await(SILENCE_MS);
    let message: Message;
    try {
      message = JSON.parse(String(data)) as Message;
    } catch {
      this.fail(new CheckFault("BROKEN"));
      return;
    }
    switch (message.type) {
      case "ready":
        this.of = message.of;
        this.maxBytes = message.maxFrameBytes;
        this.credit = message.credit;
        this.watcher.connected("open");
        this.watcher.prompted({ step: message.step, index: message.index, of: message.of });
        this.pace = window.setInterval(() => void this.send().catch((reason: unknown) => this.fail(reason)), 1000 / message.targetFps);
        return;
      case "feedback":
        this.credit += message.credit;
        this.answered(message.seq);
        this.watcher.judged({ hint: message.hint, progress: message.progress });
        return;
      case "step":
        this.watcher.passed(message.index);
        if (message.next) this.watcher.prompted({ step: message.next, index: message.index + 1, of: this.of });
        return;
      case "comparing":
        clearInterval(this.pace); // judged: further frames are of no use
        this.watcher.comparing();
        return;
      case "result":
        this.succeed(outcome(message));
        return;
      case "error":
        this.fail(faultOf({ ...message, message: message.detail }));
    }
  }

  /** Sends the picture of now, unless what was sent before is still on its way: a late picture is worth nothing. */
  private async send(): Promise<void> {
    const { socket } = this;
    this.look();
    if (!socket || this.busy || this.credit <= 0 || socket.bufferedAmount > 0) return;
    this.busy = true;
    try {
      const capturedMs = Math.round(performance.now() - this.began);
      const jpeg = await this.source.jpeg(this.maxBytes);
      if (!jpeg) return;
      const frame = new Uint8Array(HEADER_BYTES + jpeg.size);
      const header = new DataView(frame.buffer);
      header.setUint32(0, this.sequence);
      header.setUint32(4, capturedMs);
      frame.set(new Uint8Array(await jpeg.arrayBuffer()), HEADER_BYTES);
      if (this.over || socket.readyState !== WebSocket.OPEN) return;
      this.credit -= 1;
      this.sentAt.set(this.sequence, performance.now());
      socket.send(frame);
      this.sequence += 1;
    } finally {
      this.busy = false;
    }
  }

  private answered(seq: number): void {
    // The server judges the newest frame only: those before it are not answered any more.
    for (const sent of this.sentAt.keys()) if (sent <= seq) this.sentAt.delete(sent);
    this.look();
  }

  /** Says when the connection turns slow, and when it recovers; not for a single late answer. */
  private look(): void {
    const [oldest] = this.sentAt.values();
    const late = oldest !== undefined && performance.now() - oldest > SLOW_MS;
    const before = this.slowness;
    this.slowness = late ? Math.min(this.slowness + 1, 20) : Math.max(this.slowness - 1, 0);
    if (before < 10 && this.slowness === 10) this.watcher.connected("slow");
    if (before > 0 && this.slowness === 0) this.watcher.connected("open");
  }
}

function outcome({ success, error, retryAfterS, verifiedAt, ticket }: Message & { type: "result" }): Outcome {
  return {
    success,
    answer: ticket === undefined ? { verifiedAt } : { ticket },
    ...(error !== null && { error }),
    ...(retryAfterS !== null && { retryAfterS }),
  };
}
