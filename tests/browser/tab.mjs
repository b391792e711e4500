// One tab: app/web/session.js as it is shipped, with what a browser would give it: cookies, time, and a network whose
// cable can be pulled.
import { parentPort, workerData } from "node:worker_threads";

import { CookieJar } from "./cookie_jar.mjs";
import { TabLocks } from "./locks.mjs";

const { base: address, module, clockOffByMs, withLocks } = workerData;
const base = new URL(address);
const jar = new CookieJar(workerData.jar);
const locks = new TabLocks((message) => parentPort.postMessage(message));
const realNow = Date.now;
Date.now = () => realNow() + clockOffByMs;

let passedMs = 0;
let faults = [];
const requests = [];
const timers = new Set();
const kept = new Map();

/** What a browser does with a request of a page of ours: cookies and the headers that no script can set. */
async function network(request) {
  const { pathname } = new URL(request.url);
  requests.push({ path: pathname, authorization: request.headers.get("authorization") });
  const fault = faults.find((each) => pathname.endsWith(each.path));
  if (fault?.status === 0) throw new TypeError("fetch failed");
  if (fault) {
    const { status, headers, body } = fault;
    return new Response(JSON.stringify(body ?? {}), { status, headers });
  }
  if (new URL(request.url).origin !== base.origin) return new Response("{}");
  const headers = new Headers(request.headers);
  headers.set("sec-fetch-site", "same-origin");
  if (request.method !== "GET") headers.set("origin", base.origin);
  if (request.credentials !== "omit" && jar.header) headers.set("cookie", jar.header);
  const body = request.body === null ? undefined : await request.arrayBuffer();
  const answer = await fetch(request.url, { method: request.method, headers, body, signal: request.signal });
  jar.keep(answer.headers.getSetCookie());
  return answer;
}

const { Session } = await import(module);
const session = new Session({
  base,
  fetch: network,
  cookies: () => jar.shown,
  locks: withLocks ? locks : undefined,
  storage: {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => kept.set(key, value),
    removeItem: (key) => kept.delete(key),
  },
  now: () => passedMs,
  later: (act, ms) => {
    const timer = { act, at: passedMs + ms };
    timers.add(timer);
    return () => timers.delete(timer);
  },
});
const states = [];
session.addEventListener("change", () => states.push(session.state));
session.addEventListener("foreign", () => states.push("foreign"));

const calls = {
  state: () => ({ state: session.state, wasEnded: session.wasEnded, account: session.account, states, requests: [...requests] }),
  token: async () => (await session.token()) !== null,
  fetch: async ({ path, init }) => {
    const answer = await session.fetch(path, init);
    return { status: answer.status, body: await answer.json() };
  },
  login: async ({ email, password }) => {
    const init = {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ email, password }),
    };
    const answer = await network(new Request(new URL("auth/login", base), init));
    const body = await answer.json();
    await session.adopt(body.access_token, body.expires_in);
  },
  guard: ({ path }) => session.guard(path),
  destination: ({ search }) => session.destination(search),
  signOut: () => session.signOut(),
  ended: () => session.ended(session.session),
  abandon: () => session.abandon(),
  /** The network as it is from now on: status 0 is a pulled cable. */
  faults: (order) => {
    faults = order.faults;
  },
  /** Time passes; with `asleep` the tab does not notice, as on a device that slept. */
  pass: ({ ms, asleep }) => {
    if (!asleep) passedMs += ms;
  },
  /** What has become due is done: a tab must not hear of a token that was made at a time which it has not reached. */
  ring: () => {
    for (const timer of [...timers].filter((each) => each.at <= passedMs)) {
      timers.delete(timer);
      timer.act();
    }
  },
  forgetRequests: () => {
    requests.length = 0;
  },
};

parentPort.on("message", async ({ number, call, ...order }) => {
  if (number === undefined) return locks.hear(order);
  let result;
  try {
    result = (await calls[call](order)) ?? null;
  } catch (error) {
    result = { error: error.code ?? `${error.name}: ${error.message}`, retryAfterMs: error.retryAfterMs ?? null };
  }
  parentPort.postMessage({ number, result });
});
