import assert from "node:assert/strict";
import { fakeCamera } from "./fake_camera.mjs";

// What the fake camera itself shows, before anything is built on it.

const FRAME_MS = 65; // a little less often than the camera draws

/**
 * Films for a while, asked for a step half a second after the start; gives back what was seen and when.
 *
 * By the page's clock, frame by frame: whatever stands still meanwhile, no moment of the film is missing.
 */
export async function films(browser) {
  const { person, other, plays, step, filmMs } = browser.told;
  const page = await browser.fresh();
  await fakeCamera(page.context(), { person, other, plays });
  await page.clock.install();
  await page.goto("/");
  await page.clock.pauseAt(Date.now() + 60_000);
  await page.evaluate(async () => {
    const element = document.body.appendChild(document.createElement("bonafide-liveness"));
    const video = document.createElement("video");
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: true });
    await video.play();
    const canvas = Object.assign(document.createElement("canvas"), { width: video.videoWidth, height: video.videoHeight });
    const began = performance.now();
    let shown = null;
    window.filming = {
      ask: step => { element.dataset.step = step; },
      expose: () => { shown = new Promise(go => video.requestVideoFrameCallback(go)); },
      frame: async () => {
        await shown;
        canvas.getContext("2d").drawImage(video, 0, 0);
        return { tMs: performance.now() - began, jpeg: canvas.toDataURL("image/jpeg", 0.8).split(",")[1] };
      },
    };
  });
  const frames = [];
  let askedMs = null;
  for (let tMs = 0; tMs < filmMs; tMs += FRAME_MS) {
    if (askedMs === null && tMs > 500) {
      await page.evaluate(step => window.filming.ask(step), step);
      askedMs = tMs;
    }
    await page.evaluate(() => window.filming.expose());
    await page.clock.runFor(FRAME_MS);
    frames.push(await page.evaluate(() => window.filming.frame()));
  }
  return { askedMs, frames };
}

/** The camera refuses, and takes it back. */
export async function refuses(browser) {
  const page = await browser.fresh();
  const camera = await fakeCamera(page.context(), { person: browser.told.person, refuses: "NotAllowedError" });
  await page.goto("/");
  const asked = () => page.evaluate(() => navigator.mediaDevices.getUserMedia({ video: true }).then(stream => stream.getVideoTracks().length, error => error.name));
  for (const name of ["NotAllowedError", "NotFoundError", "NotReadableError"]) {
    camera.refuses = name;
    assert.equal(await asked(), name);
  }
  delete camera.refuses;
  assert.equal(await asked(), 1);
}
