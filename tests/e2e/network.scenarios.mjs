import assert from "node:assert/strict";
import { camerasOn, beforeTheCamera, ended, heard, ownServer, reaches, READY, result, startStream } from "./checking.mjs";
import { breakable, breakOff } from "./sockets.mjs";

// <bonafide-liveness> where the server has no room, or the line to it is slow, blocked or breaks off.

/** A server at its limit costs no try, and says when to come back. */
export async function busyServer(browser) {
  const { page, check } = await beforeTheCamera(browser);
  await page.clock.install(); // before the camera: its own clock would go back
  let busy = true;
  await ownServer(page, (message, say, close) => {
    if (typeof message !== "string") return;
    if (!busy) return say(READY);
    say({ type: "error", code: "BUSY", detail: "All streams are taken.", retryAfterS: 60 });
    return close(4503, "BUSY");
  });
  await startStream(check);
  await check.getByRole("heading", { name: "Many people are being checked right now" }).waitFor();
  const wait = check.getByRole("button", { name: /^Wait \d+ s$/ });
  assert.equal(await wait.getAttribute("aria-disabled"), "true");
  await wait.click({ force: true });
  assert.equal(await check.getAttribute("data-state"), "failed");
  assert.equal(await check.getByText(/tr(y|ies) (is|are) left/).count(), 0);
  busy = false;
  await page.clock.runFor(60_000);
  await check.getByRole("button", { name: "Try again" }).click();
  await reaches(page, "checking");
}

/** A socket that drops in the middle ends in words each time, never in waiting; one that then holds, in the badge. */
export async function droppingSocket(browser) {
  const page = await browser.fresh();
  await breakable(page.context());
  const { check, camera } = await beforeTheCamera(browser, { plays: "rests" }, { page });
  await startStream(check);
  for (const left of ["2 tries are left.", "One try is left."]) {
    await breakOff(page, "/liveness/stream", { heard: 3 }); // it is under way
    await check.getByRole("heading", { name: "The connection broke off" }).waitFor();
    await check.getByText(left).waitFor();
    assert.equal(await camerasOn(page), 0);
    if (left.startsWith("One")) camera.plays = "answers";
    await check.getByRole("button", { name: "Try again" }).click();
  }
  assert.equal((await ended(page, ["result"])).success, true);
  const faults = await heard(page, "fault");
  assert.deepEqual(faults.map(({ code }) => code), ["CONNECTION_LOST", "CONNECTION_LOST"]);
}

/** A socket that cannot be opened at all is a way that is blocked: the other one is offered, at no cost. */
export async function blockedSocket(browser) {
  const { page, check } = await beforeTheCamera(browser);
  await page.routeWebSocket(/\/liveness\/stream/, socket => socket.close({ code: 1006 })).catch(() => undefined);
  await page.evaluate(() => {
    window.WebSocket = class extends EventTarget {
      constructor() {
        super();
        setTimeout(() => this.onclose?.({ code: 1006 }));
      }
      close() {}
    };
  });
  await startStream(check);
  await check.getByRole("heading", { name: "The live connection is blocked" }).waitFor();
  await check.getByRole("button", { name: "Let this device look" }).waitFor();
  assert.equal(await check.getByText(/tr(y|ies) (is|are) left/).count(), 0);
}

/** Every way in which the server can end a stream has its own words and a next action. */
export async function everyEnd(browser) {
  const { page, check } = await beforeTheCamera(browser);
  let says = null;
  await ownServer(page, (message, say, close) => {
    if (typeof message !== "string") return;
    say(says);
    if (says.type === "error") close(4400, says.code);
  });
  const ends = [
    ...browser.told.outcomes.map(code => [code, result(code, 3)]),
    ...browser.told.codes.map(code => [code, { type: "error", code, detail: "The server's own words." }]),
  ];
  const seen = {};
  for (const [code, told] of ends) {
    says = told;
    await page.reload();
    await startStream(check);
    await reaches(page, "failed");
    const title = await check.getByRole("heading").textContent();
    const words = await check.locator("h2 + p").textContent();
    const actions = await check.locator(".actions > *").count();
    assert.ok(title && words.length > 20 && actions > 0, code);
    seen[code] = await check.locator("[data-code]").getAttribute("data-code");
    if (told.type === "result") {
      assert.equal(seen[code], code);
      assert.notEqual(title, "Something broke", code);
    }
    if (seen[code] === "REFUSED") assert.equal(words, "The server's own words.");
  }
  return seen;
}

/** On the slowest network that is still one, the end is a result or words. */
export async function slowNetwork(browser) {
  const { page, check } = await beforeTheCamera(browser);
  const network = await page.context().newCDPSession(page);
  await network.send("Network.enable");
  await network.send("Network.emulateNetworkConditions", { offline: false, latency: 400, downloadThroughput: 50_000, uploadThroughput: 50_000, connectionType: "cellular3g" });
  await startStream(check);
  const end = await ended(page, ["result", "fault"], 90_000);
  if (!end.success) await check.getByRole("heading").waitFor();
  return end;
}
