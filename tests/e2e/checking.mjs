import assert from "node:assert/strict";
import { fakeCamera } from "./fake_camera.mjs";
import { newcomer } from "./people.mjs";

// What the scenarios of <bonafide-liveness> have in common.
export const CHECK = "/verify";
/** Somebody signed in before the fake camera, on the page with the check. */
export async function beforeTheCamera(browser, camera, { options, page: given, photo = browser.told.photo, handle = "ada" } = {}) {
  const page = given ?? (await browser.fresh(options));
  await page.context().addInitScript(watched);
  const fake = await fakeCamera(page.context(), { person: browser.told.person, other: browser.told.other, ...camera });
  await newcomer(page, handle);
  if (photo) {
    await page.goto("/settings/photo");
    await page.getByLabel("Choose a picture").setInputFiles(photo);
    await page.getByRole("button", { name: "Use this photo" }).click();
    await page.getByText("This is your photo now.").waitFor();
  }
  await page.goto(CHECK);
  const check = page.locator("bonafide-liveness");
  await check.getByRole("button", { name: "Start the check" }).waitFor();
  return { page, check, camera: fake };
}

/** Keeps what the component tells and which camera tracks there are. Runs in the page, before its own scripts. */
function watched() {
  window.heard = [];
  window.tracks = [];
  for (const name of ["started", "step", "result", "fault"]) {
    document.addEventListener(`bonafide-${name}`, ({ detail }) => window.heard.push({ name, ...detail }));
  }
  const { captureStream } = HTMLCanvasElement.prototype;
  HTMLCanvasElement.prototype.captureStream = function (...given) {
    const stream = captureStream.apply(this, given);
    window.tracks.push(...stream.getTracks());
    return stream;
  };
}

/** What the component told of the kind `name`, in order. */
export const heard = (page, name) => page.evaluate(name => window.heard.filter(told => told.name === name), name);

/** How many cameras are on. */
export const camerasOn = page => page.evaluate(() => window.tracks.filter(track => track.readyState === "live").length);

/** Begins by the way of the server, whatever this machine can do. */
export async function startStream(check) {
  const start = check.getByRole("button", { name: "Start the check" });
  await start.waitFor();
  const other = check.getByRole("button", { name: "Let the server look instead" });
  if (await other.isVisible()) await other.click(); // after a stop it is chosen already
  await start.click();
}

/** Waits for the state of the component. */
export const reaches = (page, state, timeout = 60_000) => page.locator(`bonafide-liveness[data-state="${state}"]`).waitFor({ timeout });

/** How the check ended: what the component told. The page may hear of the badge first, by its own socket, and put that in its place. */
export async function ended(page, names, timeout = 80_000) {
  const isOver = names => window.heard.some(({ name }) => names.includes(name)) || document.body.innerText.includes("You are verified");
  await page.waitForFunction(isOver, names, { timeout });
  const [told] = await page.evaluate(names => window.heard.filter(({ name }) => names.includes(name)), names);
  return told ?? { name: "result", success: true };
}

/** What becomes of a gesture of which too few pictures were taken. */
const OF_A_SLOW_MACHINE = ["CHALLENGE_FAILED", "TIMED_OUT", "TOO_SLOW"];

/**
 * Goes through a check that is only the way to something else, which `sign` shows. Where the machine was too slow for
 * the gestures, the person tries again, as people do; the scenarios of the check itself have one try.
 */
export async function getsThrough(page, sign) {
  const check = page.locator("bonafide-liveness");
  const failed = page.locator("bonafide-liveness:is([data-state=failed], [data-state=paused])");
  await startStream(check);
  for (let tries = 1; ; tries += 1) {
    await sign.or(failed).first().waitFor({ timeout: 80_000 }); // three prompts, each answered and come back from
    if (!(await failed.isVisible())) return;
    const why = await check.locator("[data-code]").getAttribute("data-code");
    assert.ok(OF_A_SLOW_MACHINE.includes(why) && tries < 3, `the check failed: ${why}`);
    await check.getByRole("button", { name: "Try again" }).click();
  }
}

/** Puts a server of the test's own behind the socket: `answer(message, say, close)` hears each message. */
export async function ownServer(page, answer) {
  await page.routeWebSocket(/\/liveness\/stream/, socket => {
    const say = told => socket.send(JSON.stringify(told));
    socket.onMessage(message => answer(message, say, (code, reason) => socket.close({ code, reason })));
  });
}

export const READY = { type: "ready", step: "LOOK_LEFT", index: 0, of: 3, maxFrameBytes: 262144, targetFps: 15, credit: 2, expiresAt: "2100-01-01T00:00:00Z" };

/** What the server says at the end; a success without an error. */
export const result = (error, retryAfterS = null) => ({ type: "result", success: error === null, verifiedAt: null, error, retryAfterS });
