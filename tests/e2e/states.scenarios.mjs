import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { faultsOf } from "./accessibility.mjs";
import { beforeTheCamera, ownServer, reaches, READY, result, startStream } from "./checking.mjs";

// <bonafide-liveness> as it looks in each of its states.

const PHONE = { width: 390, height: 844 };

/** Looks at the component in each of its states, with `look`. */
async function everyState(browser, options, look) {
  const { page, check, camera } = await beforeTheCamera(browser, { plays: "rests" }, { options, handle: browser.told.handle ?? "edith" });
  let say = () => undefined;
  let first = READY;
  await ownServer(page, (message, tell) => {
    say = tell;
    if (typeof message === "string") say(first);
  });
  const begin = async (told = READY) => {
    first = told;
    await page.reload();
    await startStream(check);
  };
  await look(page, "idle");
  const steps = ["LOOK_LEFT", "LOOK_RIGHT", "LOOK_UP", "LOOK_DOWN", "BLINK", "OPEN_MOUTH", "SMILE"];
  await begin({ ...READY, of: steps.length });
  await reaches(page, "checking");
  for (const [at, step] of steps.entries()) {
    if (at) say({ type: "step", index: at - 1, passed: true, next: step });
    say({ type: "feedback", seq: 0, hint: "OK", progress: 0.6, credit: 0 });
    await page.waitForFunction(step => document.querySelector("bonafide-liveness").dataset.step === step, step);
    await look(page, `step-${step.toLowerCase()}`);
  }
  say({ type: "feedback", seq: 0, hint: "TOO_DARK", progress: 0, credit: 0 });
  await check.getByText("It is too dark").first().waitFor();
  await look(page, "hint");
  say({ type: "comparing" });
  await reaches(page, "comparing");
  await look(page, "comparing");
  say(result("CHALLENGE_FAILED"));
  await reaches(page, "failed");
  await look(page, "failed");
  await begin(result("NO_PROFILE_PHOTO"));
  await reaches(page, "failed");
  await look(page, "no-photo");
  await begin(result("TOO_MANY_ATTEMPTS", 8));
  await reaches(page, "failed");
  await look(page, "wait");
  await check.evaluate(element => (element.api = {
    challenge: () => Promise.resolve({ token: "t", steps: [], expiresAt: "", streamUrl: `${location.origin.replace("http", "ws")}/liveness/stream` }),
    accessToken: () => Promise.resolve(null),
  }));
  first = result(null);
  // The page itself is not to hear of it: it would show something else in this place.
  await page.evaluate(() => addEventListener("bonafide-result", event => event.stopPropagation(), { capture: true }));
  await check.getByRole("button", { name: "Try again" }).click();
  await reaches(page, "passed");
  await look(page, "passed");
  await begin(result("CHALLENGE_FAILED"));
  for (let tries = 1; tries < 3; tries += 1) {
    await check.getByRole("button", { name: "Try again" }).click();
    await reaches(page, tries < 2 ? "failed" : "paused");
  }
  await look(page, "paused");
  await page.reload();
  camera.refuses = "NotAllowedError";
  await startStream(check);
  await reaches(page, "failed");
  await look(page, "denied");
}

/** No serious fault that axe finds in any state, in light and dark; nothing wider than the narrowest screen. */
export async function accessible(browser) {
  const found = [];
  await everyState(browser, { viewport: PHONE, reducedMotion: "reduce" }, async (page, name) => {
    if (/^step-.*_(right|up|down)$|smile$/.test(name)) return; // as the others of their kind
    found.push(...(await faultsOf(page, name, "bonafide-liveness")));
    const moving = await page.evaluate(() => document.getAnimations().length);
    if (moving) found.push(`${name}: ${moving} things move for somebody who wants nothing to move`);
  });
  assert.deepEqual(found, []);
}

/** A picture of every state, at the width that is asked for. */
export async function pictures(browser) {
  const { folder, width, colorScheme } = browser.told;
  mkdirSync(folder, { recursive: true });
  await everyState(browser, { viewport: { width, height: width < 500 ? 844 : 900 }, colorScheme }, (page, name) =>
    page.screenshot({ path: `${folder}/check-${name}-${width}.png`, fullPage: true }));
}
