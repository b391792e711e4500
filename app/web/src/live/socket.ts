/** One socket of the protocol graphql-transport-ws (that of the graphql-ws library), for subscriptions alone. */

import { href } from "../router.js";

export const SUBPROTOCOL = "graphql-transport-ws";
const PING_MS = 25_000;
/** A connection that is silent for longer than this after a ping is gone, whatever the network believes. */
const SILENCE_MS = 10_000;
const SILENT = 4000;

/** How a socket ended: its close code and reason, and for how long it was of use. */
export interface End {
  readonly code: number;
  readonly reason: string;
  readonly servedMs: number;
}

interface Message {
  readonly type: string;
  readonly id?: string;
  readonly payload?: { readonly data?: unknown };
}

export interface Heard {
  /** The server knows who listens, and everything is asked for. */
  ready(): void;
  /** What one of the subscriptions says. */
  next(name: string, data: unknown): void;
}

/** Where the subscriptions are. */
export const socketUrl = (): URL => {
  const url = new URL(href("/graphql"), location.origin);
  url.protocol = url.protocol.replace("http", "ws");
  return url;
};

/**
 * Listens until the socket ends, which `signal` brings about too. The token goes into the first message, not into the
 * address, which lands in logs.
 */
export function listen(
  socket: WebSocket, token: string, asked: readonly { readonly name: string; readonly text: string }[], heard: Heard, signal: AbortSignal,
): Promise<End> {
  return new Promise(resolve => {
    const send = (message: object): void => {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
    };
    let readyAt: number | null = null;
    let silence = 0;
    const pings = setInterval(() => {
      send({ type: "ping" });
      clearTimeout(silence);
      silence = window.setTimeout(() => socket.close(SILENT, "silent"), SILENCE_MS);
    }, PING_MS);
    const stop = (): void => socket.close();
    signal.addEventListener("abort", stop);

    socket.onopen = () => send({ type: "connection_init", payload: { accessToken: token } });
    socket.onmessage = ({ data }) => {
      clearTimeout(silence);
      const message = JSON.parse(String(data)) as Message;
      if (message.type === "ping") send({ type: "pong" });
      if (message.type === "connection_ack") {
        for (const { name, text } of asked) send({ id: name, type: "subscribe", payload: { query: text, operationName: name } });
        readyAt = performance.now();
        heard.ready();
      }
      if (message.type === "next" && message.id) heard.next(message.id, message.payload?.data);
      // A subscription that the server cannot keep up is worth a new connection, not half of one.
      if (message.type === "error") socket.close(SILENT, "refused");
    };
    socket.onclose = ({ code, reason }) => {
      clearInterval(pings);
      clearTimeout(silence);
      signal.removeEventListener("abort", stop);
      resolve({ code, reason, servedMs: readyAt === null ? 0 : performance.now() - readyAt });
    };
    if (signal.aborted) stop();
  });
}
