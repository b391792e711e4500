import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { faultsOf } from "./accessibility.mjs";
import { newcomer, PASSWORD, signIn, totp } from "./people.mjs";

const PHONE = { width: 390, height: 844 };
const DESKTOP = { width: 1280, height: 900 };
const FIRST_PAGE_JS_BYTES = 60 * 1024;

/** Every page as somebody meets it: where it is, and what is done there before it is looked at. */
const SIGNED_OUT = [
  ["home", "/"],
  ["login", "/login"],
  ["login-wrong", "/login", async page => {
    await page.getByLabel("E-mail address").fill("nobody@example.org");
    await page.getByLabel("Password", { exact: true }).fill("wrong mule battery");
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await page.getByRole("alert").waitFor();
  }],
  ["facematch", "/facematch"],
  ["facematch-newcomer", "/realtime?return_to=%2Fprofile", page => page.getByText("Are you new here?").click()],
  ["signup", "/signup"],
  ["signup-faults", "/signup", async page => {
    await page.getByRole("button", { name: "Sign up", exact: true }).click();
    await page.getByText("Choose a password.").waitFor();
  }],
  ["signup-campus", "/signup", page => page.getByRole("button", { name: "At a campus" }).click()],
  ["check-mail", "/check-mail"],
  ["verify-link", "/verify-email#token=abc"],
  ["verify-code", "/verify-email"],
  ["forgot", "/forgot"],
  ["reset", "/reset#token=abc"],
  ["reset-no-link", "/reset"],
  ["not-me", "/not-me#token=abc"],
  ["handoff-over", "/handoff#token=abc", page => page.getByText("This link does not work any more").waitFor()],
  ["arrival", "/auth/callback#error=CONFLICT&reason=LINK_NEEDED"],
  ["people", "/people?q=lovelace", page => page.getByText(/found\./).waitFor()],
  ["people-nobody", "/people?q=xyzzy", page => page.getByText(/Nobody was found/).waitFor()],
  ["person", "/people/ada", page => page.getByRole("heading", { name: "Ada Lovelace" }).waitFor()],
  ["person-nobody", "/people/nobody-here", page => page.getByText("Nobody to be seen").waitFor()],
];
const SIGNED_IN = [
  ["profile", "/profile"],
  ["verify", "/verify", page => page.locator("bonafide-liveness").waitFor()],
  ["verify-on-phone", "/verify", async page => {
    await page.getByRole("button", { name: "Continue on your phone" }).click();
    await page.getByText("I cannot scan it").click();
    await page.getByAltText(/QR code/).waitFor();
  }],
  ["onboarding-1", "/onboarding", async page => {
    await page.getByRole("radio", { name: /Builder/ }).check();
    await page.waitForTimeout(1700); // the constellation takes a second and a half
  }],
  ["onboarding-2", "/onboarding?step=2"],
  ["onboarding-3", "/onboarding?step=3"],
  ["onboarding-4", "/onboarding?step=4"],
  ["settings-profile", "/settings"],
  ["settings-photo", "/settings/photo", async (page, told) => {
    await page.getByLabel("Choose a picture").setInputFiles(told.photo);
    await page.locator("canvas").waitFor();
  }],
  ["settings-privacy", "/settings/privacy"],
  ["settings-security", "/settings/security", page => page.getByRole("button", { name: "Sign in with my face from now on" }).waitFor()],
  ["settings-proof", "/settings/security", async page => {
    await page.getByLabel("New password", { exact: true }).fill("a brand new wheelbarrow");
    await page.getByRole("button", { name: "Change password" }).click();
    await page.getByRole("dialog").waitFor();
  }],
  ["settings-second-factor", "/settings/security", async page => {
    await page.getByRole("button", { name: "Set up" }).click();
    await page.getByAltText(/QR code/).waitFor();
  }],
  ["settings-face", "/settings/security", async page => {
    await page.getByRole("button", { name: "Sign in with my face from now on" }).click();
    await page.getByRole("dialog").getByLabel("Password", { exact: true }).fill(PASSWORD);
    await page.getByRole("dialog").getByRole("button", { name: "Continue" }).click();
    await page.locator("bonafide-liveness").waitFor();
    await page.locator("bonafide-liveness").scrollIntoViewIfNeeded();
  }],
  ["settings-profile-links", "/settings", page => page.getByRole("button", { name: "Add a link" }).click()],
  ["settings-accounts", "/settings/accounts"],
  ["settings-sessions", "/settings/sessions", page => page.getByText("this device").waitFor()],
  ["settings-activity", "/settings/activity", page => page.getByText("The account was made").waitFor()],
  ["settings-data", "/settings/data"],
];

async function ada(browser, page) {
  const { ask } = await newcomer(page, "ada", { onboarded: false });
  const { skills } = await ask('{ skills(search: "python") { id } }');
  const input = {
    persona: "BUILDER", headline: "I build small tools that last", primaryRole: "engineer", timezone: "Europe/Lisbon",
    availabilityStatus: "open_to_tribe", skillIds: skills.slice(0, 2).map(({ id }) => id), location: "Lisbon",
  };
  await ask("mutation ($input: OnboardingInput!) { completeOnboarding(input: $input) { id } }", { input });
  await ask('mutation { updateProfile(input: { bio: "Notes on engines, and on what they could do: https://example.org/an/address/that/is/longer/than/any/screen/of/a/phone/is/wide", status: { text: "Reading", emoji: "📚" }, contactLinks: [{ kind: "github", url: "https://github.com/ada" }] }) { id } }');
  if (browser.told.photo) await photo(page, browser.told.photo);
}

async function photo(page, file) {
  await page.goto("/settings/photo");
  await page.getByLabel("Choose a picture").setInputFiles(file);
  await page.getByRole("button", { name: "Use this photo" }).click();
  await page.getByText("This is your photo now.").waitFor();
}

/** Looks at every page in turn, with `look`; or at those for whoever is signed out, or in, where the test asks so. */
async function everyPage(browser, options, look) {
  const { half } = browser.told;
  const inside = await browser.fresh(options);
  const outside = await browser.fresh(options);
  await ada(browser, inside);
  for (const [page, pages] of [[outside, SIGNED_OUT], [inside, SIGNED_IN]]) {
    if (half && half !== (page === inside ? "in" : "out")) continue;
    for (const [name, path, act] of pages) {
      await page.goto("about:blank");
      await page.goto(path);
      await page.locator(path.startsWith("/settings") ? "main h2" : "main h1").first().waitFor();
      await act?.(page, browser.told);
      await look(page, name);
    }
  }
  if (half === "out") return;
  const phone = await browser.fresh(options);
  await inside.goto("/verify");
  await inside.getByRole("button", { name: "Continue on your phone" }).click();
  await inside.getByText("I cannot scan it").click();
  await phone.goto(await inside.locator(".handoff .secret").innerText());
  await phone.locator("bonafide-liveness").waitFor();
  await look(phone, "handoff");
  const bare = await browser.fresh(options);
  await newcomer(bare, "lin");
  await bare.goto("/verify");
  await bare.getByRole("link", { name: "Add a photo" }).waitFor();
  await look(bare, "verify-no-photo");
  const step = await browser.fresh(options);
  await secondStep(step);
  await look(step, "login-code");
}

async function secondStep(page) {
  const { ask } = await newcomer(page, "grace");
  const { enable2FA } = await ask("mutation { enable2FA { otpauthUrl } }");
  await ask("mutation ($code: String!) { verify2FA(code: $code) }", { code: totp(enable2FA.otpauthUrl) });
  await page.context().clearCookies();
  await signIn(page, "grace");
  await page.getByRole("heading", { name: "Second step" }).waitFor();
}

/** No serious fault that axe finds, in light and dark; nothing wider than the narrowest screen. */
export async function accessible(browser) {
  const found = [];
  await everyPage(browser, { viewport: PHONE, reducedMotion: "reduce" }, async (page, name) => void found.push(...(await faultsOf(page, name))));
  assert.deepEqual(found, []);
}

/** What the first visit to a page loads. */
export async function budget(browser) {
  const sizes = {};
  for (const path of ["/", "/login", "/signup"]) {
    const page = await browser.fresh();
    const loaded = [];
    page.on("response", response => loaded.push(response));
    await page.goto(path);
    await page.locator("main h1").waitFor();
    await page.waitForLoadState("networkidle");
    const scripts = loaded.filter(response => response.url().endsWith(".js"));
    for (const response of scripts) assert.equal(response.headers()["content-encoding"], "br", response.url());
    sizes[path] = scripts.reduce((sum, response) => sum + Number(response.headers()["content-length"]), 0);
    assert.ok(sizes[path] > 0 && sizes[path] <= FIRST_PAGE_JS_BYTES, `${path} loads ${sizes[path]} bytes of JavaScript`);
    assert.deepEqual(loaded.filter(response => !response.url().startsWith(browser.told.url)).map(response => response.url()), []);
  }
  return sizes;
}

/** A picture of every page, at the width that is asked for. */
export async function pictures(browser) {
  const { folder, width, colorScheme } = browser.told;
  mkdirSync(folder, { recursive: true });
  await everyPage(browser, { viewport: width === PHONE.width ? PHONE : DESKTOP, colorScheme }, (page, name) =>
    page.screenshot({ path: `${folder}/${name}-${width}.png`, fullPage: true }));
}
