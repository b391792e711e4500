import assert from "node:assert/strict";
import { beforeTheCamera, camerasOn, getsThrough, heard, ownServer, reaches, READY, startStream } from "./checking.mjs";
import { fakeCamera } from "./fake_camera.mjs";
import { newcomer, PASSWORD, signIn, totp } from "./people.mjs";

// What people do with their face on our own pages; the check itself goes by way of the server.

const heading = (page, name) => page.getByRole("heading", { name, exact: true }).waitFor();
const path = page => new URL(page.url()).pathname;
const check = page => page.locator("bonafide-liveness");
/** A check is carried out, and then the page says so. */
const checked = (page, words) => getsThrough(page, page.getByText(words));
const checkedTo = (page, name) => getsThrough(page, page.getByRole("heading", { name, exact: true }));

/** A browser with nobody signed in, before the fake camera. */
async function atTheDoor(browser, camera = {}) {
  const page = await browser.fresh();
  await fakeCamera(page.context(), { person: browser.told.person, other: browser.told.other, ...camera });
  return page;
}

/** Somebody with a photo whose face opens their account. */
async function enrolled(browser) {
  const { page, camera } = await beforeTheCamera(browser);
  await page.goto("/settings/security");
  await page.getByRole("button", { name: "Sign in with my face from now on" }).click();
  await heading(page, "Is it you?");
  await page.getByRole("dialog").getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("dialog").getByRole("button", { name: "Continue" }).click();
  await checked(page, "Your face opens your account from now on.");
  await page.getByText("one view of it is kept").waitFor();
  return { page, camera };
}

/** The badge is on the page at once, in the tab beside, and on another device. */
export async function badgeArrives(browser) {
  const { page } = await beforeTheCamera(browser);
  const beside = await browser.tab(page.context());
  const elsewhere = await browser.fresh();
  await signIn(elsewhere, "ada");
  await heading(elsewhere, "Ada Lovelace");
  await beside.goto("/profile");
  await beside.getByRole("complementary", { name: "Get verified" }).waitFor();
  for (const tab of [beside, elsewhere]) await tab.evaluate(() => { window.loadedOnce = true; });
  await page.bringToFront();
  await checkedTo(page, "You are verified");
  assert.equal(await page.evaluate(() => document.activeElement?.tagName), "H1", "the focus is lost with the check");
  for (const tab of [beside, elsewhere]) {
    await tab.getByText("Verified", { exact: true }).waitFor();
    assert.equal(await tab.getByRole("complementary").count(), 0, "who is verified is invited again");
    assert.ok(await tab.evaluate(() => window.loadedOnce), "the page was loaded anew");
  }
  await page.goto("/profile");
  await page.getByText("Verified", { exact: true }).waitFor();
}

/** Without a photo, or with one that shows no face, there is nothing to compare: said before the camera starts. */
export async function photoFirst(browser) {
  const page = await browser.fresh();
  await newcomer(page, "ada");
  await page.goto("/verify");
  await heading(page, "Get verified");
  assert.equal(await check(page).count(), 0);
  await page.getByRole("link", { name: "Add a photo" }).click();
  await page.getByLabel("Choose a picture").waitFor();
  assert.equal(path(page), "/settings/photo");
}

/** A face opens the account, leads back to where somebody was going, and does so no more once it is forgotten. */
export async function signInAndForget(browser) {
  const { page } = await enrolled(browser);
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await heading(page, "Prove that it is really you");
  await page.goto("/settings/security");
  await heading(page, "Sign in with your face");
  await checked(page, "Your face was recognised.");
  await heading(page, "Settings");
  assert.equal(path(page), "/settings/security", "where somebody wanted to go is forgotten");
  await page.getByRole("button", { name: "Forget my face" }).click();
  await heading(page, "Is it you?");
  const dialog = page.getByRole("dialog");
  assert.equal(await dialog.getByRole("button", { name: "Use my face" }).count(), 0, "a face vouches for itself");
  await page.keyboard.press("Escape");
  await page.getByText("Nothing was changed.").waitFor();
  await page.getByRole("button", { name: "Forget my face" }).click();
  await dialog.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await dialog.getByRole("button", { name: "Continue" }).click();
  await page.getByText("Your face is forgotten.").waitFor();
  await page.getByText("Your face opens nothing here").waitFor();
  assert.equal(await page.getByRole("button", { name: "Forget my face" }).count(), 0);
}

/** What wants a proof takes the face, where it was not the face that opened the session. */
export async function proof(browser) {
  const { page } = await enrolled(browser);
  await page.context().clearCookies(); // the proof that enrolling took counts for the session that gave it
  await signIn(page, "ada");
  await heading(page, "Ada Lovelace");
  await page.goto("/settings/security");
  await page.getByLabel("New password", { exact: true }).fill("a brand new wheelbarrow");
  await page.getByRole("button", { name: "Change password" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Use my face" }).click();
  await checked(page, "Your password is changed.");
  assert.equal(await page.getByRole("dialog").count(), 0);
  assert.equal(await page.getByLabel("New password", { exact: true }).inputValue(), "", "the form is as it was");
}

/** Nobody alike: an account is made, with the name that was given, and the newcomer is welcomed. */
export async function newFace(browser) {
  const page = await atTheDoor(browser);
  await page.goto("/login");
  await page.getByRole("link", { name: "Sign in with your face" }).click();
  await heading(page, "Sign in with your face");
  assert.equal(path(page), "/facematch");
  await page.getByText("Are you new here?").click();
  await page.getByLabel("Your name").fill("Eileen Collins");
  await page.getByLabel(/Keep the camera's picture/).check();
  await checked(page, /an account was made for you.*add a photo in the settings/);
  await heading(page, "What brings you here?");
  await page.goto("/profile");
  await heading(page, "Eileen Collins");
}

/** A second factor is asked for beside the face, on the same page; going back begins anew. */
export async function secondStep(browser) {
  const { page } = await enrolled(browser);
  await page.getByRole("button", { name: "Set up" }).click();
  const address = await page.getByRole("link", { name: "open it on this phone" }).getAttribute("href");
  const codes = await page.locator(".codes li").allInnerTexts();
  await page.getByLabel("Code that the app shows now").fill(totp(address));
  await page.getByRole("button", { name: "Switch on" }).click();
  await page.getByText("10 backup codes are left").waitFor();
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await heading(page, "Prove that it is really you");
  await page.goto("/facematch?return_to=%2Fsettings%2Fsessions");
  await checkedTo(page, "Second step");
  await page.getByLabel("Code", { exact: true }).fill("000000");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByText("This code was not right.").waitFor();
  await page.getByLabel("Code", { exact: true }).fill(codes[0]);
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByText("this device").waitFor();
  assert.equal(path(page), "/settings/sessions");
  await page.getByText("signed in by face").waitFor();
}

/** FACE_LOGIN=second_factor: on a new device the mailed code is asked for beside the face. */
export async function mailedCode(browser) {
  const { page } = await enrolled(browser);
  const { code } = await browser.letter("ada@example.org", "onfirm");
  await page.goto("/check-mail");
  await page.getByLabel("Code from the mail").fill(code);
  await page.getByRole("button", { name: "Confirm with the code" }).click();
  await heading(page, "Ada Lovelace");
  const other = await atTheDoor(browser);
  await other.goto("/settings");
  await heading(other, "Sign in");
  await other.getByRole("link", { name: "Sign in with your face" }).click();
  await heading(other, "Sign in with your face");
  await checkedTo(other, "Second step");
  const letter = await browser.letter("ada@example.org", "code to sign in");
  await other.getByLabel("Code", { exact: true }).fill(/^\d{6} completes/m.exec(letter.text)[0].slice(0, 6));
  await other.getByRole("button", { name: "Continue" }).click();
  await heading(other, "Settings");
}

/** FACE_LOGIN=off: no button, no camera, and the page says why. */
export async function switchedOff(browser) {
  const page = await browser.fresh();
  await page.goto("/profile");
  await heading(page, "Sign in");
  assert.equal(await page.getByRole("link", { name: "Sign in with your face" }).count(), 0);
  await page.goto("/facematch");
  await page.getByText("Sign-in by face is switched off here.").waitFor();
  assert.equal(await check(page).count(), 0);
  await page.getByRole("link", { name: "Sign in another way" }).click();
  await heading(page, "Sign in");
  await newcomer(page, "ada");
  await page.goto("/settings/security");
  await heading(page, "Passkeys");
  assert.equal(await page.getByRole("heading", { name: "Sign in with your face" }).count(), 0);
}

/** Who cannot be let in hears why, and how else to come in. */
export async function refusedInWords(browser) {
  const page = await atTheDoor(browser);
  let error = "";
  await ownServer(page, (message, say) => {
    if (typeof message !== "string") return;
    assert.equal(JSON.parse(message).accessToken, null);
    say({ type: "result", success: false, verifiedAt: null, error, retryAfterS: error === "TOO_MANY_ATTEMPTS" ? 30 : null });
  });
  const ends = [
    ["FACE_AMBIGUOUS", "We cannot tell whose face this is"],
    ["FACE_MISMATCH", "The faces do not match"],
    ["TOO_MANY_ATTEMPTS", "Too many tries in a row"],
  ];
  for (const [code, title] of ends) {
    error = code;
    await page.goto("/realtime?return_to=%2Fsettings");
    await heading(page, "Sign in with your face");
    await startStream(check(page));
    await check(page).getByRole("heading", { name: title }).waitFor();
    await page.getByRole("link", { name: "Sign in another way" }).waitFor();
  }
  await page.getByRole("link", { name: "Sign in another way" }).click();
  await heading(page, "Sign in");
  assert.equal(new URL(page.url()).searchParams.get("return_to"), "/settings");
}

/** The check goes on on a phone: nobody is signed in there, and the computer shows the badge by itself. */
export async function handoff(browser) {
  const { page: desk } = await beforeTheCamera(browser, { refuses: "NotFoundError" });
  await desk.getByRole("button", { name: "Continue on your phone" }).click();
  const code = desk.getByAltText(/QR code/);
  assert.ok(await code.evaluate(image => image.decode().then(() => image.naturalWidth > 0)), "the QR code is not shown");
  await desk.getByText("I cannot scan it").click();
  const link = await desk.locator(".handoff .secret").innerText();

  const phone = await atTheDoor(browser, { plays: "held" });
  const asked = [];
  phone.on("request", request => asked.push(request.url()));
  await phone.goto(link);
  await phone.getByText("This check is for Ada Lovelace (@ada).").waitFor();
  assert.equal(await phone.evaluate(() => location.hash), "", "the token stays in the address bar");
  await phone.reload();
  await phone.getByText("This check is for Ada Lovelace (@ada).").waitFor();

  const thief = await atTheDoor(browser);
  await thief.goto(link);
  await thief.getByText("This link does not work any more").waitFor();

  await ownServer(thief, () => undefined);
  await startStream(check(phone));
  await reaches(phone, "failed");
  await desk.getByText("The check on your phone did not work out").waitFor();
  return { asked: asked.filter(url => url.includes("token")), link };
}

/** The same, answered: the badge is there, the phone has no session, and the code is worth nothing more. */
export async function handoffSucceeds(browser) {
  const { page: desk } = await beforeTheCamera(browser, { refuses: "NotFoundError" });
  await desk.evaluate(() => { window.loadedOnce = true; });
  await desk.getByRole("button", { name: "Continue on your phone" }).click();
  await desk.getByText("I cannot scan it").click();
  const link = await desk.locator(".handoff .secret").innerText();
  const phone = await atTheDoor(browser);
  await phone.goto(link);
  await phone.getByText("This check is for Ada Lovelace (@ada).").waitFor();
  await checkedTo(phone, "That was it");
  await heading(desk, "You are verified");
  assert.ok(await desk.evaluate(() => window.loadedOnce), "the page was loaded anew");
  await phone.goto("/profile");
  await heading(phone, "Sign in with your face");
  await phone.goto("/handoff");
  await phone.getByText("This link does not work any more").waitFor();
  await desk.goto("/settings/activity");
  await desk.getByText("A check was taken up on a phone").waitFor();
}

/** Back in the middle of a check: the camera is off, the page before is there, and forward begins anew. */
export async function backInTheMiddle(browser) {
  const { page } = await beforeTheCamera(browser);
  await ownServer(page, (message, say) => typeof message === "string" && say(READY));
  await page.goto("/profile");
  await heading(page, "Ada Lovelace");
  await page.goto("/verify");
  await startStream(check(page));
  await reaches(page, "checking");
  await page.goBack();
  await heading(page, "Ada Lovelace");
  assert.equal(await camerasOn(page), 0);
  await page.goForward();
  await check(page).getByRole("button", { name: "Start the check" }).waitFor();

  await page.goto("/settings/profile");
  await heading(page, "Settings");
  await page.getByRole("link", { name: "Security" }).click();
  await page.getByRole("button", { name: "Sign in with my face from now on" }).click();
  await page.getByRole("dialog").getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("dialog").getByRole("button", { name: "Continue" }).click();
  await startStream(check(page));
  await reaches(page, "checking");
  await page.goBack();
  await page.getByLabel("What you do, in a line").waitFor();
  await page.waitForFunction(() => window.tracks.every(track => track.readyState === "ended"));

  const door = await atTheDoor(browser);
  await ownServer(door, (message, say) => typeof message === "string" && say(READY));
  await door.goto("/login");
  await door.getByRole("link", { name: "Sign in with your face" }).click();
  await heading(door, "Sign in with your face");
  await startStream(check(door));
  await reaches(door, "checking");
  await door.goBack();
  await heading(door, "Sign in");
  await door.goForward();
  await check(door).getByRole("button", { name: "Start the check" }).waitFor();
  assert.deepEqual(await heard(page, "result"), []);
}

/** This device looks, not the server: then the picture is at hand, and kept where the newcomer wants it. */
export async function newFaceWithPhoto(browser) {
  const page = await atTheDoor(browser);
  await page.goto("/facematch");
  await page.getByText("Are you new here?").click();
  await page.getByLabel("Your name").fill("Eileen Collins");
  await page.getByLabel(/Keep the camera's picture/).check();
  await check(page).evaluate(element => { element.path = "browser"; });
  await check(page).getByRole("button", { name: "Start the check" }).click();
  await page.getByText("an account was made for you").waitFor({ timeout: 90_000 });
  assert.equal(await page.getByText("add a photo in the settings").count(), 0);
  await heading(page, "What brings you here?");
  await page.goto("/profile");
  await heading(page, "Eileen Collins");
  await page.waitForFunction(() => document.querySelector("img.avatar")?.naturalWidth > 0);
}
