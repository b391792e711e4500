import assert from "node:assert/strict";
import { fakeCamera } from "./fake_camera.mjs";

// What the fake camera itself shows, before anything is built on it.

/** Films for a while, asked for a step half a second after the start; gives back what was seen and when. */
export async function films(browser) {
  const { person, other, plays, step, filmMs } = browser.told;
  const page = await browser.fresh();
  await fakeCamera(page.context(), { person, other, plays });
  await page.goto("/");
  return page.evaluate(async ({ step, filmMs }) => {
    const element = document.body.appendChild(document.createElement("bonafide-liveness"));
    const video = document.createElement("video");
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: true });
    await video.play();
    const canvas = Object.assign(document.createElement("canvas"), { width: video.videoWidth, height: video.videoHeight });
    const began = performance.now();
    const frames = [];
    let askedMs = null;
    while (performance.now() - began < filmMs) {
      await new Promise(go => video.requestVideoFrameCallback(go));
      const tMs = performance.now() - began;
      if (askedMs === null && tMs > 500) {
        element.dataset.step = step;
        askedMs = tMs;
      }
      canvas.getContext("2d").drawImage(video, 0, 0);
      frames.push({ tMs, jpeg: canvas.toDataURL("image/jpeg", 0.8).split(",")[1] });
    }
    for (const track of video.srcObject.getTracks()) track.stop();
    return { askedMs, frames };
  }, { step, filmMs });
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
