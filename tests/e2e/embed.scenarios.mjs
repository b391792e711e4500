import assert from "node:assert/strict";
import { fakeCamera } from "./fake_camera.mjs";
import { newcomer, PASSWORD } from "./people.mjs";

// <bonafide-liveness> in somebody else's page: another origin, plain HTML, a strict policy.

/** The example page at another origin, somebody signed in there. */
async function elsewhere(browser, at = browser.told.elsewhere) {
  const page = await browser.fresh();
  await fakeCamera(page.context(), { person: browser.told.person });
  await newcomer(page, "ada");
  await page.goto("/settings/photo");
  await page.getByLabel("Choose a picture").setInputFiles(browser.told.photo);
  await page.getByRole("button", { name: "Use this photo" }).click();
  await page.getByText("This is your photo now.").waitFor();
  await page.context().clearCookies(); // what the other page does, it does without our cookies
  await page.goto("about:blank"); // our own page goes on loading, the new photo say
  const loaded = [];
  page.on("request", request => loaded.push(request.url()));
  await page.goto(at);
  await page.locator("bonafide-liveness[data-state=idle]").waitFor({ state: "attached" });
  return { page, loaded, check: page.locator("bonafide-liveness") };
}

async function signIn(page) {
  await page.getByLabel("E-mail address of your account").fill("ada@example.org");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("Signed in.").waitFor();
}

/** The badge is earned from another site, by way of the server. */
export async function streams(browser) {
  const { page, loaded, check } = await elsewhere(browser);
  const bundle = `${browser.told.url}/embed/bonafide-liveness.js`;
  assert.deepEqual(loaded.filter(url => url.startsWith(browser.told.url)), [bundle], "nothing more is loaded before somebody starts");
  await signIn(page);
  await check.getByRole("button", { name: "Let the server look instead" }).click();
  await check.getByRole("button", { name: "Start the check" }).click();
  await page.getByText(/^(Verified at 20|Not verified|The check could not)/).waitFor({ timeout: 80_000 });
  assert.match(await page.locator("#told").textContent(), /^Verified at 20/);
  await check.getByRole("heading", { name: "You are verified" }).waitFor();
  const origins = new Set(loaded.map(url => new URL(url).origin));
  assert.deepEqual(origins, new Set([browser.told.url, browser.told.elsewhere]));
}

/** All of FaceMesh comes over to the other site, runs under its policy, and earns the badge there. */
export async function looksByItself(browser) {
  const { page, check } = await elsewhere(browser);
  await signIn(page);
  await check.evaluate(element => element.setAttribute("path", "browser"));
  await check.getByRole("button", { name: "Start the check" }).click();
  await page.locator("bonafide-liveness[data-path=browser][data-state=checking]").waitFor({ timeout: 80_000 });
  await page.getByText(/^(Verified at 20|Not verified|The check could not)/).waitFor({ timeout: 80_000 });
  assert.match(await page.locator("#told").textContent(), /^Verified at 20/);
}

/** A site that the operator does not list gets the files, and no answer; the person is told that it does not work here. */
export async function unlisted(browser) {
  const itsOrigin = /blocked by CORS policy/;
  browser.provokes(itsOrigin);
  const { page, check } = await elsewhere(browser, browser.told.unlisted);
  await check.evaluate(element => {
    element.hidden = false;
    element.path = "stream";
  });
  const stopped = page.waitForEvent("console", message => itsOrigin.test(message.text()));
  await check.getByRole("button", { name: "Start the check" }).click();
  await check.getByRole("heading", { name: "The server cannot be reached" }).waitFor();
  await stopped;
}
