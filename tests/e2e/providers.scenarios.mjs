import assert from "node:assert/strict";
import { newcomer, PASSWORD, signIn } from "./people.mjs";

const heading = (page, name) => page.getByRole("heading", { name, exact: true }).waitFor();

/** Google by ID token, GitHub by our own server: each makes an account, and is linked to one. */
export async function throughProviders(browser) {
  const google = await browser.fresh();
  await google.goto("/login");
  await google.getByRole("button", { name: "Sign in with Google" }).click();
  await heading(google, "What brings you here?");
  assert.equal(new URL(google.url()).hash, "");
  await google.goto("/profile");
  await heading(google, "Ada Lovelace");

  const github = await browser.fresh();
  await github.goto("/people");
  await github.goto("/settings/accounts");
  await heading(github, "Sign in with your face");
  await github.getByRole("link", { name: "Sign in another way" }).click();
  await heading(github, "Sign in");
  await github.getByRole("button", { name: "Sign in with GitHub" }).click();
  await heading(github, "Settings");
  assert.equal(new URL(github.url()).pathname, "/settings/accounts", "where somebody wanted to go is forgotten");
  await github.getByRole("button", { name: "Unlink GitHub" }).click();
  await github.getByText("Nothing else opens your account.").waitFor();

  const page = await browser.fresh();
  await newcomer(page, "grace");
  const { code } = await browser.letter("grace@example.org");
  await page.goto("/check-mail");
  await page.getByLabel("Code from the mail").fill(code);
  await page.getByRole("button", { name: "Confirm with the code" }).click();
  await heading(page, "Grace Lovelace");
  await page.goto("/settings/accounts");
  await page.getByRole("button", { name: "Link Google" }).click();
  await page.getByText("This account of yours opens another account here already.").waitFor();
}

/** LinkedIn by our own server: refused and linked from the settings, it opens the account from then on. */
export async function throughLinkedIn(browser) {
  const page = await browser.fresh();
  await newcomer(page, "grace");
  const { code } = await browser.letter("grace@example.org");
  await page.goto("/check-mail");
  await page.getByLabel("Code from the mail").fill(code);
  await page.getByRole("button", { name: "Confirm with the code" }).click();
  await heading(page, "Grace Lovelace");
  await page.goto("/settings/accounts");
  const leaving = /\/auth\/linkedin\/login/; // a browser's way can be bent at its first step only
  const cancel = async route => {
    const answer = await route.fetch({ maxRedirects: 0 });
    const asked = new URL(answer.headers().location).searchParams;
    const told = new URLSearchParams({ error: "user_cancelled_authorize", state: asked.get("state") });
    const location = `${asked.get("redirect_uri")}?${told}`;
    await route.fulfill({ response: answer, headers: { ...answer.headers(), location } });
  };
  await page.route(leaving, cancel);
  await page.getByRole("button", { name: "Link LinkedIn" }).click();
  await page.getByText("Nothing was linked").waitFor();
  assert.equal(new URL(page.url()).search, "", "a state stays in the address");
  await page.unroute(leaving);
  await page.getByRole("link", { name: "Back to the settings" }).click();
  await page.getByRole("button", { name: "Link LinkedIn" }).click();
  await page.getByRole("button", { name: "Unlink LinkedIn" }).waitFor();
  assert.equal(new URL(page.url()).pathname, "/settings/accounts");

  const again = await browser.fresh();
  await again.goto("/login");
  await again.route(leaving, cancel);
  await again.getByRole("button", { name: "Sign in with LinkedIn" }).click();
  await again.getByText("You did not allow it to sign you in").waitFor();
  await again.unroute(leaving);
  await again.getByRole("link", { name: "Back to signing in" }).click();
  await again.getByRole("button", { name: "Sign in with LinkedIn" }).click();
  await heading(again, "Grace Lovelace");
  assert.equal(new URL(again.url()).hash, "", "a token stays in the address");
}

/** What a link that somebody else made can do: nothing. */
export async function forgedArrival(browser) {
  const page = await browser.fresh();
  await page.goto("/auth/callback#id_token=eyJ.e30.x&state=made-up");
  await page.getByText("Signing in did not work.").waitFor();
  await page.goto("about:blank");
  await page.goto("/auth/callback#access_token=eyJ.e30.x&token_type=Bearer");
  await page.getByText("Signing in did not work.").waitFor();
  await page.goto("about:blank");
  await page.goto("/auth/callback#error=X&reason=__proto__&error_description=Call+0900");
  await page.getByText("Signing in did not work.").waitFor();
  assert.equal(await page.getByText("0900").count(), 0, "a link makes the page say what it likes");
}

/** A passkey is added, opens the account, and proves who is there. */
export async function passkeys(browser) {
  // A passkey belongs to a name, not to a number.
  const page = await browser.fresh({ baseURL: browser.told.url.replace("127.0.0.1", "localhost") });
  const device = await page.context().newCDPSession(page);
  await device.send("WebAuthn.enable");
  await device.send("WebAuthn.addVirtualAuthenticator", {
    options: { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
  });
  await newcomer(page, "ada");
  await page.goto("/settings/security");
  await page.getByLabel("Name of the new passkey").fill("This laptop");
  await page.getByRole("button", { name: "Add a passkey" }).click();
  await page.getByText("Added. It opens your account").waitFor();
  await page.getByText("This laptop").waitFor();
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await heading(page, "Prove that it is really you");
  await page.goto("/login?return_to=/settings/security");
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await heading(page, "Passkeys");
  await page.getByLabel("New password", { exact: true }).fill("a brand new wheelbarrow");
  await page.getByRole("button", { name: "Change password" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Use a passkey" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Use a passkey" }).click();
  await page.getByText("Your password is changed.").waitFor();
  await page.getByRole("button", { name: "Remove This laptop" }).click();
  await page.getByText("Removed.").waitFor();
  const number = await browser.fresh();
  await number.goto("/login");
  await number.getByRole("button", { name: "Sign in with a passkey" }).click();
  await number.getByRole("alert").waitFor();
}

/** The link of a letter of alarm closes everything, and the old password says why it opens nothing. */
export async function notMe(browser) {
  const page = await browser.fresh();
  await newcomer(page, "ada");
  const thief = await browser.fresh();
  await signIn(thief, "ada");
  await heading(thief, "Ada Lovelace");
  const letter = await browser.letter("ada@example.org", "", ({ link }) => link?.includes("/not-me"));
  const owner = await browser.fresh();
  await owner.goto(letter.link.replace(browser.told.url, ""));
  await owner.getByRole("button", { name: "This was not me" }).click();
  await Promise.all([
    owner.getByText("Every device is signed out").waitFor(),
    heading(thief, "Sign in"),
    thief.getByText("this session was ended").waitFor(), // for some seconds
  ]);
  assert.equal(new URL(owner.url()).hash, "");
  await signIn(owner, "ada", PASSWORD);
  await owner.getByText("This password was blocked").waitFor();
}
