import assert from "node:assert/strict";
import { beforeTheCamera, camerasOn, heard } from "./checking.mjs";

// <bonafide-liveness> by the browser's own way: FaceMesh as WebAssembly on this device.

const PATIENCE_MS = 90_000; // without a graphics card, beside whatever else this machine does
const FACE_MESH = /face.?mesh/i;

/** Somebody on the page, with the way chosen and everything counted that a check loads and takes. */
async function ready(browser, camera, { path = "browser", ...more } = {}) {
  const { page, check } = await beforeTheCamera(browser, camera, more);
  const noise = [];
  page.on("console", message => {
    const ofTheBrowser = message.text().includes("GL Driver Message"); // that drawing in software is slow
    if (["warning", "error"].includes(message.type()) && !ofTheBrowser) noise.push(message.text());
  });
  await check.evaluate((element, path) => {
    element.path = path;
    performance.clearResourceTimings();
    document.addEventListener("bonafide-step", () => performance.mark("asked"));
    document.addEventListener("bonafide-result", () => performance.mark("judged"));
    const callbacks = HTMLVideoElement.prototype;
    const { requestVideoFrameCallback } = callbacks;
    callbacks.requestVideoFrameCallback = function (then) {
      return requestVideoFrameCallback.call(this, (...told) => {
        performance.mark("frame");
        then(...told);
      });
    };
  }, path);
  return { page, check, noise };
}

async function start({ page, check }) {
  await page.evaluate(() => performance.mark("pressed"));
  await check.getByRole("button", { name: "Start the check" }).click();
}

const ended = page => page.waitForFunction(() => window.heard.some(({ name }) => name === "result" || name === "fault"), null, { timeout: PATIENCE_MS });

/** What a check loaded, how long it took to the first prompt, and how many frames a second it judged from there. */
const figures = page => page.evaluate(() => {
  const at = name => performance.getEntriesByName(name).map(({ startTime }) => startTime);
  const files = performance.getEntriesByType("resource").filter(({ name }) => name.includes("/assets/"));
  const [asked] = at("asked"), [judged] = at("judged");
  const frames = at("frame").filter(time => time >= asked && time <= judged).length;
  return {
    bytes: files.reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0),
    firstPromptMs: Math.round(asked - at("pressed")[0]),
    framesPerSecond: Math.round((10_000 * frames) / (judged - asked)) / 10,
  };
});

/** The server's real, random challenge is answered and earns the badge. */
export async function passes(browser) {
  const there = await ready(browser, {});
  const { page, noise } = there;
  const before = await page.evaluate(() => performance.getEntriesByType("navigation").concat(performance.getEntriesByType("resource")).map(({ name }) => name));
  assert.ok(!before.some(name => FACE_MESH.test(name)), "FaceMesh is loaded before a check begins");
  const claims = [];
  await page.route("**/graphql", route => { // Chromium shows the body of a request that can be sent again only to who stops it
    const request = route.request();
    if ((request.postData() ?? "").includes("confirmLiveness")) claims.push(request.postDataJSON().variables);
    return route.continue();
  });
  await start(there);
  await ended(page);
  const told = await page.evaluate(() => window.heard);
  assert.equal((await heard(page, "result"))[0]?.success, true, JSON.stringify(told));
  await page.getByText("You are verified").first().waitFor();
  assert.equal(await camerasOn(page), 0);
  assert.deepEqual(noise, []);
  const steps = (await heard(page, "step")).map(({ step }) => step);
  assert.deepEqual(claims.map(({ evidence }) => evidence.map(({ step }) => step)), [steps]);
  return { ...(await figures(page)), steps, claims };
}

/** A photo that is held before the camera never gets as far as a claim. */
export async function heldPhoto(browser) {
  const there = await ready(browser, { plays: "held" });
  await start(there);
  await ended(there.page);
  const told = await there.page.evaluate(() => window.heard.filter(({ name }) => name === "result" || name === "fault"));
  assert.deepEqual(told.map(({ name, code }) => [name, code]), [["fault", "TIMED_OUT"]]);
  await there.check.getByRole("heading", { name: "That took too long" }).waitFor();
}

/** Somebody else before the camera does as asked, and is no match for the photo. */
export async function somebodyElse(browser) {
  const there = await ready(browser, { person: browser.told.other });
  await start(there);
  await ended(there.page);
  const [result] = await heard(there.page, "result");
  assert.equal(result?.error, "FACE_MISMATCH", JSON.stringify(await there.page.evaluate(() => window.heard)));
}

/** What the person is told of a bad picture, by the device itself. */
export async function hints(browser) {
  const there = await ready(browser, { plays: browser.told.plays });
  await start(there);
  await there.check.getByText(new RegExp(browser.told.words)).first().waitFor({ timeout: PATIENCE_MS });
  await there.check.getByRole("button", { name: "Stop" }).click();
  await there.page.locator("bonafide-liveness[data-state=idle]").waitFor();
}

/** A device on which FaceMesh cannot be loaded lets the server look, without being asked. */
export async function withoutFaceMesh(browser) {
  const there = await ready(browser, {}, { path: "auto" });
  browser.provokes(/wasm|Aborted|FaceMesh/i); // the package's own words about it
  await there.page.route(/face_mesh_solution.*\.wasm/, route => route.abort());
  await start(there);
  await there.page.locator("bonafide-liveness[data-path=stream][data-state=checking]").waitFor({ timeout: PATIENCE_MS });
}

/** A page that was tampered with sends the still for every step: the server looks for itself. */
export async function forged(browser) {
  const there = await ready(browser, {});
  await there.page.route("**/graphql", route => {
    const asked = route.request().postDataJSON();
    if (!asked.query.includes("confirmLiveness")) return route.continue();
    const { frame, evidence } = asked.variables;
    return route.continue({ postData: { ...asked, variables: { ...asked.variables, evidence: evidence.map(shown => ({ ...shown, frame })) } } });
  });
  await start(there);
  await ended(there.page);
  const [result] = await heard(there.page, "result");
  assert.deepEqual([result?.success, result?.error], [false, "CHALLENGE_FAILED"], JSON.stringify(await there.page.evaluate(() => window.heard)));
}

/** A device without SIMD takes the other build of FaceMesh. */
export async function withoutSimd(browser) {
  const there = await ready(browser, {});
  const loaded = [];
  there.page.on("request", request => loaded.push(request.url()));
  await there.page.evaluate(() => {
    const { instantiate } = WebAssembly;
    // What the package probes with: a module of 35 bytes that has nothing but SIMD in it.
    WebAssembly.instantiate = (bytes, ...more) => (bytes.byteLength < 100 ? Promise.reject(new WebAssembly.CompileError("no SIMD")) : instantiate.call(WebAssembly, bytes, ...more));
  });
  await start(there);
  await there.page.locator("bonafide-liveness[data-path=browser][data-state=checking][data-step]").waitFor({ timeout: PATIENCE_MS });
  const engines = loaded.filter(url => url.endsWith(".wasm")).map(url => url.includes("simd"));
  assert.deepEqual(engines, [false]);
  await there.check.getByRole("button", { name: "Stop" }).click();
  await there.page.locator("bonafide-liveness[data-state=idle]").waitFor();
}

/** A device that is too slow lets the server look; where the person insists, it is not asked for a blink, which it would miss. */
export async function slowDevice(browser) {
  const there = await ready(browser, {}, { path: "auto" });
  const { page, check } = there;
  const excluded = [];
  await page.route("**/graphql", route => {
    const { query, variables } = route.request().postDataJSON();
    if (query.includes("createLivenessChallenge")) excluded.push(variables.exclude);
    return route.continue();
  });
  await page.evaluate(() => {
    const { requestVideoFrameCallback } = HTMLVideoElement.prototype;
    HTMLVideoElement.prototype.requestVideoFrameCallback = function (then) {
      return requestVideoFrameCallback.call(this, (...told) => setTimeout(then, 200, ...told));
    };
  });
  const takes = async path => {
    await check.getByRole("button", { name: "Start the check" }).click();
    await page.locator(`bonafide-liveness[data-path=${path}][data-state=checking]`).waitFor({ timeout: PATIENCE_MS });
    await check.getByRole("button", { name: "Stop" }).click();
    await page.locator("bonafide-liveness[data-state=idle]").waitFor();
  };
  await takes("stream");
  await check.evaluate(element => (element.path = "browser"));
  await takes("browser");
  assert.deepEqual(excluded, [[], ["BLINK"]]);
}
