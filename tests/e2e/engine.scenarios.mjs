import assert from "node:assert/strict";
import { beforeTheCamera, heard } from "./checking.mjs";

// <bonafide-liveness> by the browser's own way: FaceMesh as WebAssembly on this device.

const PATIENCE_MS = 90_000; // FaceMesh draws in software here

/** The attempt's end, by the way that is forced, and what was loaded for it. */
async function attempt(browser, camera, more) {
  const { page, check } = await beforeTheCamera(browser, camera, more);
  const loaded = [];
  page.on("response", response => loaded.push(response));
  const before = await page.evaluate(() => performance.getEntriesByType("resource").map(({ name }) => name));
  assert.deepEqual(before.filter(name => /face.?mesh/i.test(name)), [], "FaceMesh is loaded before the check begins");
  await check.evaluate(element => (element.path = "browser"));
  await page.evaluate(() => {
    performance.clearResourceTimings();
    performance.mark("pressed");
    document.addEventListener("bonafide-step", () => performance.mark("asked"), { once: true });
  });
  await check.getByRole("button", { name: "Start the check" }).click();
  await page.waitForFunction(() => window.heard.some(({ name }) => name === "result" || name === "fault"), null, { timeout: PATIENCE_MS });
  return { page, check };
}

/** What a check loaded and how long it took to the first prompt. */
const figures = page => page.evaluate(() => {
  const files = performance.getEntriesByType("resource").filter(({ name }) => /assets/.test(name));
  const [pressed, asked] = ["pressed", "asked"].map(name => performance.getEntriesByName(name)[0]?.startTime);
  return {
    files: files.length,
    bytes: files.reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0),
    firstPromptMs: Math.round(asked - pressed),
  };
});

/** The server's real, random challenge is answered and earns the badge. */
export async function passes(browser) {
  const { page } = await attempt(browser, {});
  const told = await page.evaluate(() => window.heard);
  const [result] = await heard(page, "result");
  assert.equal(result?.success, true, JSON.stringify(told));
  await page.getByText("You are verified").first().waitFor();
  const steps = await heard(page, "step");
  return { ...(await figures(page)), steps: steps.map(({ step }) => step), told };
}
