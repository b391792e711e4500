import assert from "node:assert/strict";
import { camerasOn, beforeTheCamera, ended, heard, ownServer, reaches, READY, result, startStream } from "./checking.mjs";

// <bonafide-liveness> on a page of ours, by the way of the server.

const FACEMESH = /face_mesh|face-mesh|\.wasm|\.binarypb/;

/** The server's real, random challenge is answered and earns the badge. */
export async function streamPasses(browser) {
  const { page, check } = await beforeTheCamera(browser);
  const asked = [];
  page.on("request", request => asked.push(request.url()));
  const frames = [];
  page.on("websocket", socket => socket.on("framesent", ({ payload }) => typeof payload !== "string" && frames.push(payload)));
  assert.equal(await camerasOn(page), 0);
  const began = Date.now();
  await startStream(check);
  await reaches(page, "checking");
  const firstPromptMs = Date.now() - began;
  assert.equal(await check.getAttribute("data-path"), "stream");
  const told = await ended(page, ["result", "fault"]);
  assert.equal(told.success, true, JSON.stringify(await page.evaluate(() => window.heard)));
  const steps = await heard(page, "step");
  assert.deepEqual(steps.map(({ index, of }) => [index, of]), [[0, 3], [1, 3], [2, 3]]);
  await page.getByText("You are verified").first().waitFor();
  assert.equal(await camerasOn(page), 0);
  const tokens = asked.filter(url => /token=|eyJ/.test(url));
  assert.deepEqual(tokens, [], "tokens never travel in an address");
  assert.deepEqual(asked.filter(url => FACEMESH.test(url)), [], "who streams need not load FaceMesh");
  const bytes = frames.reduce((sum, frame) => sum + frame.length, 0);
  const [firstMs, lastMs] = [frames[0], frames.at(-1)].map(frame => frame.readUInt32BE(4)); // when it was captured
  const framesPerS = (1000 * (frames.length - 1)) / (lastMs - firstMs);
  return { firstPromptMs, framesPerS, bytesPerFrame: bytes / frames.length, steps: steps.map(({ step }) => step) };
}

/** A photo that is held still before the camera earns nothing, in words. */
export async function heldPhoto(browser) {
  const { page, check } = await beforeTheCamera(browser, { plays: "held" });
  await startStream(check);
  await reaches(page, "failed", 80_000);
  const [told] = await heard(page, "result");
  assert.equal(told.success, false);
  await check.getByRole("heading", { name: "That was not seen as asked" }).waitFor();
  await check.getByRole("button", { name: "Try again" }).waitFor();
  await check.getByText("2 tries are left.").waitFor();
  assert.equal(await camerasOn(page), 0);
}

/** All of it by keyboard; the focus is never lost, and what is asked is said. */
export async function keyboardOnly(browser) {
  const { page, check } = await beforeTheCamera(browser);
  const tokens = [];
  await ownServer(page, (message, say) => {
    if (typeof message !== "string") return;
    tokens.push(JSON.parse(message).challengeToken);
    say({ ...READY, step: tokens.length === 1 ? "BLINK" : "LOOK_LEFT" });
  });
  // The browser's own tools do not tell the body of a request that the page made as a Request.
  await page.evaluate(() => {
    const { fetch } = window;
    window.asked = [];
    window.fetch = async (...given) => {
      const request = new Request(...given);
      window.asked.push(await request.clone().text());
      return fetch(request);
    };
  });
  const focused = () => page.evaluate(() => {
    let at = document.activeElement;
    while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
    return at?.getAttribute("aria-label") ?? at?.textContent?.trim();
  });
  const tabTo = async name => {
    for (let presses = 0; presses < 30; presses += 1) {
      if ((await focused()) === name) return;
      await page.keyboard.press("Tab");
    }
    assert.fail(`the keyboard does not reach "${name}"`);
  };
  await tabTo("Let the server look instead");
  await page.keyboard.press("Enter");
  await tabTo("Start the check");
  await page.keyboard.press("Enter");
  await reaches(page, "checking");
  assert.equal(await focused(), "Camera");
  const status = check.getByRole("status");
  await page.waitForFunction(() => /Step 1 of 3\. Close both eyes/.test(document.querySelector("bonafide-liveness").shadowRoot.querySelector("[role=status]").textContent));
  await tabTo("I cannot do this one");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector("bonafide-liveness").dataset.step === "LOOK_LEFT");
  assert.match(await status.textContent(), /Turn your head to your left/);
  const asked = await page.evaluate(() => window.asked.filter(text => text.includes("createLivenessChallenge")).map(text => JSON.parse(text).variables.exclude));
  assert.deepEqual(asked, [[], ["BLINK"]]);
  assert.equal(new Set(tokens).size, 2);
  await tabTo("Stop");
  await page.keyboard.press("Space");
  await reaches(page, "idle");
  assert.equal(await focused(), "Start the check");
}

/** A person who can turn neither way is told that one turn must remain, and can begin again. */
export async function nothingLeft(browser) {
  const { page, check } = await beforeTheCamera(browser);
  let steps = ["LOOK_LEFT", "LOOK_RIGHT", "LOOK_UP", "LOOK_DOWN"];
  await ownServer(page, (message, say) => typeof message === "string" && say({ ...READY, step: steps[0] }));
  await startStream(check);
  while (steps.length) {
    await page.waitForFunction(step => document.querySelector("bonafide-liveness").dataset.step === step, steps[0]);
    steps = steps.slice(1);
    await check.getByRole("button", { name: "I cannot do this one" }).click();
  }
  await check.getByRole("heading", { name: "No other prompt is left" }).waitFor();
  steps = ["SMILE"];
  await check.getByRole("button", { name: "Begin again" }).click();
  await reaches(page, "checking");
}

/** Three tries, each with a challenge of its own; then a pause that says why. */
export async function threeTries(browser) {
  const { page, check } = await beforeTheCamera(browser);
  const tokens = [];
  let answers = Promise.resolve();
  await ownServer(page, async (message, say) => {
    tokens.push(JSON.parse(message).challengeToken);
    await answers;
    say(result("MULTIPLE_FACES"));
  });
  await startStream(check);
  await check.getByText("2 tries are left.").waitFor();
  // Told between the two clicks how it ended, the second would be the third try.
  answers = check.getByRole("button", { name: "Try again" }).dblclick();
  await answers;
  await check.getByText("One try is left.").waitFor();
  await check.getByRole("button", { name: "Try again" }).click();
  await reaches(page, "paused");
  await check.getByRole("heading", { name: "Time for a break" }).waitFor();
  await check.getByText(/More than one face was seen/).waitFor();
  assert.equal(new Set(tokens).size, 3);
  await check.evaluate(element => element.start());
  assert.equal(await check.getAttribute("data-state"), "paused");
  assert.equal(tokens.length, 3);
  await check.getByRole("button", { name: "Load the page anew" }).click();
  await check.getByRole("button", { name: "Start the check" }).waitFor();
}

/** Left is the person's own left: the way the sign points in the mirrored picture, and the picture that is sent is not mirrored. */
export async function ownLeft(browser) {
  const { page, check } = await beforeTheCamera(browser);
  let say = () => undefined;
  let hasCome = () => undefined;
  const picture = new Promise(resolve => { hasCome = resolve; });
  await ownServer(page, (message, tell) => {
    if (typeof message !== "string") return hasCome(message);
    assert.equal(JSON.parse(message).mirrored, false);
    say = tell;
    return say(READY);
  });
  await page.evaluate(() => {
    navigator.mediaDevices.getUserMedia = async () => {
      const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 480 });
      const pen = canvas.getContext("2d");
      const draw = () => {
        pen.fillStyle = "#f00"; // the camera's left half: where a person's right hand is
        pen.fillRect(0, 0, 320, 480);
        pen.fillStyle = "#00f";
        pen.fillRect(320, 0, 320, 480);
      };
      draw(); // no picture shows it empty
      setInterval(draw, 50);
      return canvas.captureStream(20);
    };
  });
  await startStream(check);
  await reaches(page, "checking");
  const signs = {};
  for (const [at, step] of ["LOOK_LEFT", "LOOK_RIGHT", "LOOK_UP", "LOOK_DOWN"].entries()) {
    if (at) say({ type: "step", index: at - 1, passed: true, next: step });
    await page.waitForFunction(step => document.querySelector("bonafide-liveness").dataset.step === step, step);
    signs[step] = await check.evaluate(element => {
      const root = element.shadowRoot;
      const path = root.querySelector(".sign path");
      const [tail, tip] = [0, 1].map(at => {
        const point = path.getPointAtLength(0).matrixTransform(path.getScreenCTM());
        const end = new DOMPoint(9, 24).matrixTransform(path.getScreenCTM()); // where the shaft ends, at the head
        return at ? end : point;
      });
      const box = root.querySelector(".sign").getBoundingClientRect();
      const stage = root.querySelector(".stage").getBoundingClientRect();
      const side = (value, tolerance) => Math.sign(Math.trunc(value / tolerance)) || 0; // and no -0
      return {
        points: [side(tip.x - tail.x, 1), side(tip.y - tail.y, 1)],
        stands: [side(box.x + box.width / 2 - stage.x - stage.width / 2, 8), side(box.y + box.height / 2 - stage.y - stage.height / 2, 8)],
        mirrored: new DOMMatrix(getComputedStyle(root.querySelector("video")).transform).a,
        sentence: root.querySelector(".sentence").textContent,
      };
    });
  }
  const is = (step, way, words) => {
    assert.deepEqual([signs[step].points, signs[step].stands], [way, way], step);
    assert.match(signs[step].sentence, words);
    assert.equal(signs[step].mirrored, -1);
  };
  is("LOOK_LEFT", [-1, 0], /your left$/);
  is("LOOK_RIGHT", [1, 0], /your right$/);
  is("LOOK_UP", [0, -1], /chin/);
  is("LOOK_DOWN", [0, 1], /chin/);

  const [width, height, red, blue] = await page.evaluate(async bytes => {
    const bitmap = await createImageBitmap(new Blob([new Uint8Array(bytes).subarray(8)], { type: "image/jpeg" }));
    const canvas = Object.assign(document.createElement("canvas"), { width: bitmap.width, height: bitmap.height });
    const pen = canvas.getContext("2d");
    pen.drawImage(bitmap, 0, 0);
    const [left, right] = [20, bitmap.width - 20].map(x => pen.getImageData(x, 100, 1, 1).data);
    return [bitmap.width, bitmap.height, left[0] - left[2], right[2] - right[0]];
  }, [...(await picture)]);
  assert.deepEqual([width, height], [320, 240]);
  assert.ok(red > 150 && blue > 150, `left ${red}, right ${blue}`);
}

/** Frames are skipped while there is no credit; hints that flicker are not read out. */
export async function patient(browser) {
  const { page, check } = await beforeTheCamera(browser);
  let frames = 0;
  let say = () => undefined;
  await ownServer(page, (message, tell) => {
    if (typeof message !== "string") return void (frames += 1);
    say = tell;
    return say(READY);
  });
  const sends = async count => {
    for (const until = Date.now() + 30_000; frames < count && Date.now() < until;) await page.waitForTimeout(50);
    await page.waitForTimeout(1000);
    assert.equal(frames, count, "no frame without credit");
  };
  await page.clock.install(); // before the camera: its own clock would go back
  await startStream(check);
  await reaches(page, "checking");
  await sends(2);
  say({ type: "feedback", seq: 1, hint: "OK", progress: 0.2, credit: 1 });
  await sends(3);
  const spoken = await page.evaluate(() => {
    const status = document.querySelector("bonafide-liveness").shadowRoot.querySelector("[role=status]");
    window.spoken = [];
    new MutationObserver(() => window.spoken.push(status.textContent)).observe(status, { characterData: true, childList: true, subtree: true });
    return status.textContent;
  });
  assert.match(spoken, /Step 1 of 3/);
  await page.clock.pauseAt(await page.evaluate(() => Date.now() + 10_000)); // a stall of this machine is no hint that lasts
  for (let at = 0; at < 40; at += 1) {
    say({ type: "feedback", seq: 2, hint: at % 2 ? "TOO_DARK" : "MOVE_CLOSER", progress: 0, credit: 0 });
    await page.clock.runFor(50);
  }
  assert.deepEqual(await page.evaluate(() => window.spoken), [], "flicker is not spoken");
  await page.clock.resume();
  await page.waitForFunction(() => window.spoken.length > 0);
  assert.deepEqual(await page.evaluate(() => window.spoken), ["It is too dark: find more light."]);
}
