import assert from "node:assert/strict";
import { becomesStudent, newcomer, PASSWORD, signIn } from "./people.mjs";

const heading = (page, name) => page.getByRole("heading", { name, exact: true }).waitFor();

/** Somebody who signed up like everybody, with an address of a campus, becomes a student of it. */
export async function student(browser) {
  const page = await browser.fresh();
  const { ask } = await newcomer(page, "lin", { onboarded: false });
  await page.goto("/onboarding");
  await page.getByRole("radio", { name: /Student/ }).check();
  await page.getByRole("button", { name: "Continue" }).click();
  await heading(page, "What counts");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("link", { name: "Confirm your address" }).waitFor();
  await ask("mutation ($password: String!) { confirmIdentity(password: $password) }", { password: PASSWORD });
  await ask('mutation { changeEmail(email: "lin@utoronto.ca") }');
  const { link } = await browser.letter("lin@utoronto.ca");
  await page.goto(link.replace(browser.told.url, ""));
  await page.getByRole("button", { name: "Yes, this is my address" }).click();
  await page.getByRole("link", { name: "Continue" }).click();
  await becomesStudent(page);
  await heading(page, "You are in, Lin Lovelace");
  await page.getByRole("link", { name: "See your profile" }).click();
  await page.getByText("University of Toronto").waitFor();
}

/** What was said goes along to the next pages, for eight seconds in all, and a word of signing out ends with the next sign-in. */
export async function saidInPassing(browser) {
  const page = await browser.fresh();
  const said = page.getByText("You are signed out.");
  await page.clock.install();
  await newcomer(page, "ada");
  await page.goto("/profile");
  await page.getByRole("button", { name: "Sign out" }).click();
  await said.waitFor();
  await page.clock.fastForward(5000);
  await page.goto("/people");
  await heading(page, "People");
  await said.waitFor();
  await page.clock.fastForward(5000);
  assert.equal(await said.count(), 0, "each page that is loaded says it for eight seconds more");
  await signIn(page, "ada");
  await heading(page, "Ada Lovelace");
  await page.getByRole("button", { name: "Sign out" }).click();
  await said.waitFor();
  await signIn(page, "ada");
  await heading(page, "Ada Lovelace");
  assert.equal(await said.count(), 0, "somebody who is signed in reads that they are not");
}

/** What happened is told in words, not in the server's own. */
export async function activityInWords(browser) {
  const page = await browser.fresh();
  const other = await browser.fresh();
  const { ask } = await newcomer(page, "ada");
  await signIn(other, "ada");
  await heading(other, "Ada Lovelace");
  await ask("mutation ($password: String!) { confirmIdentity(password: $password) }", { password: PASSWORD });
  await ask('mutation { changePassword(password: "a brand new wheelbarrow") }');
  await ask('mutation { updateProfile(input: { handle: "ada-l" }) { id } }');
  await page.goto("/settings/activity");
  await page.getByText("(from ada, to ada-l)").waitFor();
  await page.getByText("(1 session ended)").waitFor();
  await page.getByText("Signed in (by password)").waitFor();
  await page.getByText("You showed once more that it is you (by password)").waitFor();
  await page.getByText(/^The account was made\s*127/).waitFor();
}
