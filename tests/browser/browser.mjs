// A browser for tests: tabs are threads with one jar of cookies, one desk of locks and one channel in common.
// Told line by line on stdin what to do ({id, tab?, call, ...}), it answers with {id, result}.
import { createInterface } from "node:readline";
import { Worker } from "node:worker_threads";

import { LockDesk } from "./locks.mjs";

const desk = new LockDesk();
const jar = new SharedArrayBuffer(64 * 1024);
const tabs = [];

function answer(id, result) {
  process.stdout.write(`${JSON.stringify({ id, result })}\n`);
}

function ask(tab, order) {
  return new Promise((resolve, reject) => {
    const number = tab.next++;
    tab.waiting.set(number, resolve);
    tab.worker.once("error", reject);
    tab.worker.postMessage({ ...order, number });
  });
}

function atTheDesk(tab, lock, wish) {
  if (wish.isReleased) {
    desk.release(tab.locks.get(lock));
    tab.locks.delete(lock);
  } else {
    const request = { ...wish, grant: (isGranted) => tab.worker.postMessage({ lock, isGranted }) };
    tab.locks.set(lock, request);
    desk.ask(request);
  }
}

function open(order) {
  const worker = new Worker(new URL("./tab.mjs", import.meta.url), { workerData: { ...order, jar } });
  worker.setMaxListeners(0);
  const tab = { worker, next: 0, waiting: new Map(), locks: new Map() };
  worker.on("message", ({ number, result, lock, ...wish }) => {
    if (lock !== undefined) return atTheDesk(tab, lock, wish);
    tab.waiting.get(number)(result);
    tab.waiting.delete(number);
  });
  tabs.push(tab);
  return ask(tab, { call: "state" });
}

for await (const line of createInterface({ input: process.stdin })) {
  const { id, ...order } = JSON.parse(line);
  const asked =
    order.call === "open"
      ? Promise.all(Array.from({ length: order.count }, () => open(order)))
      : order.tab === null
        ? Promise.all(tabs.map((tab) => ask(tab, order)))
        : ask(tabs[order.tab], order);
  void asked.then((result) => answer(id, result));
}
process.exit();
