import assert from "node:assert/strict";
import { becomesStudent, newcomer, PASSWORD, signIn, signUp, totp } from "./people.mjs";

const heading = (page, name) => page.getByRole("heading", { name, exact: true }).waitFor();
const path = page => new URL(page.url()).pathname;

/** The front page, a way from it and back, and where the focus is. */
export async function frontPage(browser) {
  const page = await browser.fresh();
  await page.goto("/");
  await heading(page, "Prove that it is really you");
  await page.getByRole("main").getByRole("link", { name: "Sign in" }).click();
  await heading(page, "Sign in");
  assert.equal(path(page), "/login");
  assert.equal(await page.evaluate(() => document.activeElement?.tagName), "H1", "the focus does not follow the page");
  await page.goBack();
  await heading(page, "Prove that it is really you");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  assert.ok(await page.evaluate(() => document.activeElement?.matches("a, button")), "nothing can be reached by keyboard");
}

/** From nobody to a profile: sign-up, the mailed link, four screens. */
export async function newcomerArrives(browser) {
  const page = await browser.fresh();
  await signUp(page, "ada");
  const { link } = await browser.letter("ada@example.org"); // it is written beside the answer to the sign-up
  const [letters] = await Promise.all([page.waitForEvent("popup"), page.getByRole("link", { name: "read it there" }).click()]);
  await letters.getByText("To ada@example.org").waitFor();
  await letters.close();
  await page.goto(link.replace(browser.told.url, ""));
  await page.getByRole("button", { name: "Yes, this is my address" }).click();
  await heading(page, "Your address is confirmed");
  assert.equal(await page.evaluate(() => location.hash), "", "the token stays in the address bar");
  await page.getByRole("link", { name: "Continue" }).click();

  await heading(page, "What brings you here?");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByText("Choose what fits best").waitFor();
  await page.getByRole("radio", { name: /Builder/ }).check();
  await page.getByRole("radio", { name: "Code" }).check();
  await page.getByRole("button", { name: "Continue" }).click();
  await heading(page, "What counts");
  await page.goBack();
  await heading(page, "What brings you here?");
  assert.ok(await page.getByRole("radio", { name: /Builder/ }).isChecked(), "what was chosen is gone after going back");
  await page.goForward();
  await heading(page, "What counts");
  await page.getByRole("button", { name: "Continue" }).click();
  await heading(page, "About you");
  await page.getByLabel("What you do, in a line").fill("I build small tools that last");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByText("Choose at least one skill.").waitFor();
  await page.getByLabel("Skills", { exact: true }).fill("pyth");
  await page.getByRole("button", { name: "Python", exact: true }).click();
  await page.getByRole("button", { name: "Continue" }).click();
  await heading(page, "You are in, Ada Lovelace");
  await page.getByRole("link", { name: "See your profile" }).click();
  await heading(page, "Ada Lovelace");
  await page.getByText("I build small tools that last").waitFor();
  await page.getByText("Europe/Lisbon").waitFor();
  assert.equal(await page.getByText("is not confirmed yet").count(), 0);
  await page.reload();
  await heading(page, "Ada Lovelace");
}

/** The code from the mail, a link that was used, and a new mail. */
export async function mailCode(browser) {
  const page = await browser.fresh();
  await signUp(page, "grace");
  const { code, link } = await browser.letter("grace@example.org");
  const wrong = code === "000000" ? "000001" : "000000";
  await page.getByLabel("Code from the mail").fill(wrong);
  await page.getByRole("button", { name: "Confirm with the code" }).click();
  await page.getByText("This code is wrong, was used already").waitFor();
  await page.getByRole("button", { name: "have a new mail sent" }).click();
  await page.getByText("a new mail is on its way").waitFor();
  const other = await browser.fresh();
  await other.goto(link.replace(browser.told.url, ""));
  await other.getByRole("button", { name: "Yes, this is my address" }).click();
  await other.getByText("This link does not work any more").waitFor();
  const newer = await browser.letter("grace@example.org", "", letter => letter.code && letter.code !== code);
  await other.getByLabel("E-mail address").fill("grace@example.org");
  await other.getByLabel("Code from the mail").fill(newer.code);
  await other.getByRole("button", { name: "Confirm with the code" }).click();
  await heading(other, "Your address is confirmed");
}

/** A wrong password, a double click, and the way back to where somebody wanted to go. */
export async function wrongPassword(browser) {
  const page = await browser.fresh();
  await newcomer(page, "ada");
  await page.context().clearCookies();
  await page.goto("/settings/sessions");
  await heading(page, "Sign in with your face");
  assert.equal(path(page), "/realtime", "client and server send people to two pages");
  await page.getByRole("link", { name: "Sign in another way" }).click();
  await heading(page, "Sign in");
  assert.equal(new URL(page.url()).searchParams.get("return_to"), "/settings/sessions");
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByText("Type your e-mail address.").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.id), "email", "the focus is not at the first fault");
  await page.getByLabel("E-mail address").fill("ada@example.org");
  await page.getByLabel("Password", { exact: true }).fill("wrong mule battery");
  let asked = 0;
  let isClicked = () => undefined;
  const clicked = new Promise(resolve => { isClicked = resolve; });
  await page.route("**/graphql", async route => { // the answer between the two clicks would make the second a new try
    asked += route.request().postData()?.includes("mutation Login") ? 1 : 0;
    await clicked;
    return route.continue();
  });
  await page.getByRole("button", { name: "Sign in", exact: true }).dblclick();
  isClicked();
  await page.getByRole("alert").getByText("E-mail address or password is wrong").waitFor();
  assert.equal(asked, 1, "a double click signs in twice");
  await page.getByRole("button", { name: "Show the password" }).click();
  assert.equal(await page.getByLabel("Password", { exact: true }).getAttribute("type"), "text");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await heading(page, "Devices");
  await page.getByText("this device").waitFor();
  assert.equal(path(page), "/settings/sessions");
  await page.goto("/login?return_to=//evil.example/");
  await heading(page, "Ada Lovelace");
}

/** Two-factor sign-in: set up, asked for, taken back to the beginning. */
export async function secondFactor(browser) {
  const page = await browser.fresh();
  await newcomer(page, "ada");
  await page.goto("/settings/security");
  await page.getByRole("button", { name: "Set up" }).click();
  const address = await page.getByRole("link", { name: "open it on this phone" }).getAttribute("href");
  assert.ok(await page.getByAltText(/QR code/).evaluate(image => image.decode().then(() => image.naturalWidth > 0)), "the QR code is not shown");
  const codes = await page.locator(".codes li").allInnerTexts();
  assert.equal(codes.length, 10);
  await page.getByLabel("Code that the app shows now").fill("000000");
  await page.getByRole("button", { name: "Switch on" }).click();
  await page.getByText("This code was not right.").waitFor();
  await page.getByLabel("Code that the app shows now").fill(totp(address));
  await page.getByRole("button", { name: "Switch on" }).click();
  await page.getByText("10 backup codes are left").waitFor();
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await heading(page, "Prove that it is really you");

  await signIn(page, "ada");
  await heading(page, "Second step");
  await page.goBack();
  await heading(page, "Sign in");
  await signIn(page, "ada");
  await heading(page, "Second step");
  await page.getByLabel("Code", { exact: true }).fill("000000");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByText("This code was not right.").waitFor();
  await page.getByLabel("Code", { exact: true }).fill(codes[0]);
  await page.getByRole("button", { name: "Continue" }).click();
  await heading(page, "Ada Lovelace");
  await page.goto("/login/code");
  await heading(page, "Ada Lovelace");
  await page.goto("/settings/security");
  await page.getByText("9 backup codes are left").waitFor();
  await page.getByRole("button", { name: "New backup codes" }).click();
  await page.getByLabel("Code", { exact: true }).fill(codes[1]);
  await page.getByRole("button", { name: "Make new codes" }).click();
  await page.getByText("10 backup codes are left").waitFor();
  const fresh = await page.locator(".codes li").allInnerTexts();
  await page.getByRole("button", { name: "Switch off" }).click();
  await page.getByLabel("Code", { exact: true }).fill(fresh[0]);
  await page.getByRole("button", { name: "Switch off" }).click();
  await page.getByRole("button", { name: "Set up" }).waitFor();
}

/** A link of a letter that was sent before the address of its page changed, and one to the page that source B names. */
export async function earlierLetter(browser) {
  const page = await browser.fresh();
  await newcomer(page, "ada");
  const { link } = await browser.letter("ada@example.org");
  const token = new URL(link).hash.slice("#token=".length);
  for (const earlier of [`/verify#token=${token}`, `/verify?token=${token}`, `/onboarding?token=${token}`]) {
    const reader = await browser.fresh();
    await reader.goto(earlier);
    await heading(reader, "Confirm your address");
    assert.equal(path(reader), "/verify-email");
    assert.equal(await reader.evaluate(() => location.hash + location.search), "", "the token stays in the address bar");
    await reader.getByRole("button", { name: "Yes, this is my address" }).waitFor();
  }
  await page.goto(`/verify#token=${token}`);
  await page.getByRole("button", { name: "Yes, this is my address" }).click();
  await heading(page, "Your address is confirmed");
}

/** A forgotten password. */
export async function forgottenPassword(browser) {
  const page = await browser.fresh();
  await newcomer(page, "ada");
  await page.context().clearCookies();
  await page.goto("/login");
  await page.getByRole("link", { name: "Forgotten password?" }).click();
  await heading(page, "Forgotten password"); // the page before it has a field of the same name
  await page.getByLabel("E-mail address").fill("ada@example.org");
  await page.getByRole("button", { name: "Send me a link" }).click();
  await page.getByText("a link is on its way").waitFor();
  const { link } = await browser.letter("ada@example.org", "assword");
  await page.goto(link.replace(browser.told.url, ""));
  await page.getByLabel("New password", { exact: true }).fill("short");
  await page.getByRole("button", { name: "Save the new password" }).click();
  await page.getByText("At least 8 characters, please.").waitFor();
  await page.getByLabel("New password", { exact: true }).fill("password");
  await page.getByRole("button", { name: "Save the new password" }).click();
  await page.locator("#password-fault").waitFor();
  await page.getByLabel("New password", { exact: true }).fill("a brand new wheelbarrow");
  await page.getByRole("button", { name: "Save the new password" }).click();
  await page.getByText("Your password is changed").waitFor();
  await signIn(page, "ada", "a brand new wheelbarrow");
  await heading(page, "Ada Lovelace");
  const other = await browser.fresh();
  await other.goto(link.replace(browser.told.url, ""));
  await other.getByLabel("New password", { exact: true }).fill("yet another wheelbarrow");
  await other.getByRole("button", { name: "Save the new password" }).click();
  await other.getByText("This link does not work any more").waitFor();
}

/** A handle that somebody has, and one that breaks the rule, said while typing. */
export async function takenHandle(browser) {
  const page = await browser.fresh();
  await newcomer(page, "ada");
  await page.context().clearCookies();
  await page.goto("/signup");
  await page.getByLabel("Handle").fill("a!");
  await page.getByText("This handle breaks the rule above.").waitFor();
  await page.getByRole("button", { name: "Sign up", exact: true }).click();
  await page.getByText("Choose a password.").waitFor();
  assert.equal(await page.getByText("breaks the rule").count(), 1, "one fault is told twice");
  assert.equal(await page.getByText("3 to 50 of the letters").count(), 1, "the rule is told once more below it");
  await page.getByLabel("Handle").fill("ADA");
  await page.getByText("Somebody has this handle already.").waitFor();
  await page.locator(".suggestions button").first().click();
  await page.getByText(/@ada.+ is free\./).waitFor();
}

/** A member of a campus registers, and signs in once the address is proved. */
export async function campus(browser) {
  const page = await browser.fresh();
  await page.goto("/signup");
  await page.getByRole("button", { name: "At a campus" }).click();
  await page.getByLabel("Campus").selectOption({ label: "University of Toronto" });
  await page.getByText("Your address at utoronto.ca").waitFor();
  await page.getByLabel("E-mail address").fill("lin@example.org");
  await page.getByLabel("Name", { exact: true }).fill("Lin");
  await page.getByLabel("Handle").fill("lin");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Register" }).click();
  await page.locator("#email-fault").waitFor();
  await page.getByLabel("E-mail address").fill("lin@utoronto.ca");
  await page.getByRole("button", { name: "Register" }).click();
  await heading(page, "Check your mail");
  const { code } = await browser.letter("lin@utoronto.ca");
  await page.getByLabel("Code from the mail").fill(code);
  await page.getByRole("button", { name: "Confirm with the code" }).click();
  await heading(page, "Sign in");
  await page.getByLabel("E-mail address").fill("lin@utoronto.ca");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await becomesStudent(page);
  await heading(page, "You are in, Lin");
}

/** Every code of the server in words, with something to do next. */
export async function everyRefusal(browser) {
  const page = await browser.fresh();
  await page.clock.install();
  await page.goto("/login");
  await page.getByLabel("E-mail address").fill("ada@example.org");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.clock.pauseAt(Date.now() + 60_000); // what one has to wait for lasts until it was seen
  const heard = {};
  for (const code of browser.told.codes) {
    const extensions = { code, ...(code === "RATE_LIMITED" || code === "BUSY" ? { retryAfter: 5 } : {}), ...(code === "INTERNAL" ? { requestId: "r-42" } : {}) };
    await page.route("**/graphql", route => route.fulfill({ json: { errors: [{ message: "The server's own sentence.", extensions }] } }));
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    heard[code] = await page.getByRole("alert").innerText();
    assert.ok(heard[code].length > 15 && !heard[code].includes(code), `${code}: ${heard[code]}`);
    if (extensions.retryAfter) {
      assert.match(heard[code], /5 seconds/);
      await page.getByRole("button", { name: /Wait \d s/ }).waitFor();
      await page.clock.runFor(5000);
      await page.getByRole("button", { name: "Sign in", exact: true }).waitFor();
    }
    await page.unroute("**/graphql");
  }
  assert.match(heard.INTERNAL, /r-42/);
  await page.route("**/graphql", route => route.abort());
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByText("The server did not answer.").waitFor();
  return heard;
}
