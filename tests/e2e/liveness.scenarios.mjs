import assert from "node:assert/strict";
import { camerasOn, beforeTheCamera, ended, heard, ownServer, reaches, READY, result, startStream } from "./checking.mjs";
import { breakable, breakOff } from "./sockets.mjs";

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
