import assert from "node:assert/strict";
import { camerasOn, beforeTheCamera, heard, ownServer, reaches, READY, startStream } from "./checking.mjs";

// <bonafide-liveness> on a device that refuses its camera, loses it, or cannot look by itself.

const FACEMESH = /face_mesh|face-mesh|\.wasm|\.binarypb/;

/** Whatever the camera does, there are words and a way on; and once it is mended, the check goes on. */
export async function cameraFaults(browser) {
  const { page, check, camera } = await beforeTheCamera(browser, { refuses: "NotAllowedError" });
  await ownServer(page, (message, say) => typeof message === "string" && say(READY));
  const faults = [
    ["NotAllowedError", "The camera is not allowed here", /Privacy and security › Site settings › Camera/],
    ["NotFoundError", "No camera was found", /Plug one in/],
    ["NotReadableError", "Another program uses the camera", /Close video calls/],
  ];
  await check.getByRole("button", { name: "Let the server look instead" }).click();
  for (const [name, title, words] of faults) {
    camera.refuses = name;
    const start = check.getByRole("button", { name: name === "NotAllowedError" ? "Start the check" : "Try again" });
    await start.click();
    await check.getByRole("heading", { name: title }).waitFor();
    await check.getByText(words).waitFor();
  }
  camera.refuses = undefined;
  await check.getByRole("button", { name: "Try again" }).click();
  await reaches(page, "checking");
  await page.evaluate(() => window.tracks.at(-1).dispatchEvent(new Event("ended")));
  await check.getByRole("heading", { name: "The camera went away" }).waitFor();
  assert.equal(await camerasOn(page), 0);

  await page.context().addInitScript(() => Object.defineProperty(window, "isSecureContext", { value: false }));
  await page.reload();
  await check.getByRole("button", { name: "Start the check" }).click();
  await check.getByRole("heading", { name: "The camera needs a secure address" }).waitFor();
  const codes = await heard(page, "fault");
  assert.deepEqual(codes.map(({ code }) => code), ["INSECURE_ORIGIN"]);
}

/** The camera is on for the check alone. */
export async function cameraOff(browser) {
  const { page, check } = await beforeTheCamera(browser);
  await ownServer(page, (message, say) => typeof message === "string" && say(READY));
  const live = async () => {
    await startStream(check);
    await reaches(page, "checking");
    assert.equal(await camerasOn(page), 1);
  };
  await live();
  await check.getByRole("button", { name: "Stop" }).click();
  await reaches(page, "idle");
  assert.equal(await camerasOn(page), 0);

  await page.clock.install();
  await live();
  await page.clock.pauseAt(await page.evaluate(() => Date.now() + 10_000)); // from here on it goes as told, however slow this machine is
  await page.evaluate(() => {
    Object.defineProperty(document, "hidden", { value: true, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await page.clock.fastForward(9000);
  assert.equal(await camerasOn(page), 1, "a glance at something else ends nothing");
  await page.clock.fastForward(2000);
  await check.getByRole("heading", { name: "The check stopped in the background" }).waitFor();
  assert.equal(await camerasOn(page), 0);

  await page.clock.resume();
  await page.evaluate(() => Reflect.deleteProperty(document, "hidden"));
  await check.getByRole("button", { name: "Try again" }).click();
  await reaches(page, "checking");
  await check.evaluate(element => element.remove());
  await page.waitForFunction(() => window.tracks.every(track => track.readyState === "ended"));
}

/** Nothing of FaceMesh is loaded before somebody starts; where it cannot run, the server looks, and nobody need know. */
export async function blockedWasm(browser) {
  const page = await browser.fresh();
  const asked = [];
  page.on("request", request => asked.push(request.url()));
  const { check } = await beforeTheCamera(browser, {}, { page });
  browser.provokes(/wasm|Aborted|FaceMesh/i); // the package's own words about it
  await ownServer(page, (message, say) => typeof message === "string" && say(READY));
  assert.deepEqual(asked.filter(url => FACEMESH.test(url)), []);
  await page.route(/\.wasm$/, route => route.abort());
  await check.getByRole("button", { name: "Start the check" }).click();
  await page.locator("bonafide-liveness[data-path=stream][data-state=checking]").waitFor();
  assert.ok(asked.some(url => FACEMESH.test(url)));
  await check.getByRole("button", { name: "Stop" }).click();

  await page.reload();
  await check.evaluate(element => element.setAttribute("path", "browser"));
  await check.getByRole("button", { name: "Start the check" }).click();
  await check.getByRole("heading", { name: "This browser cannot check by itself" }).waitFor();
  assert.equal(await check.getByText(/tr(y|ies) (is|are) left/).count(), 0);
  await check.getByRole("button", { name: "Let the server look" }).click();
  await page.locator("bonafide-liveness[data-path=stream][data-state=checking]").waitFor();
}

/** Whoever waits for ten megabytes is told so, and need not wait. */
export async function slowLoading(browser) {
  const { page, check } = await beforeTheCamera(browser);
  await ownServer(page, (message, say) => typeof message === "string" && say(READY));
  await page.route(/\.data$/, () => undefined); // never comes
  await check.getByRole("button", { name: "Start the check" }).click();
  await check.locator("p.line", { hasText: "loads what it needs" }).waitFor();
  await check.getByRole("button", { name: "Let the server look instead" }).click();
  await page.locator("bonafide-liveness[data-path=stream][data-state=checking]").waitFor();
}
