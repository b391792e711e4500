import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { newcomer, PASSWORD, signIn } from "./people.mjs";

const heading = (page, name) => page.getByRole("heading", { name, exact: true }).waitFor();
/** Presses a button that saves, until it can be pressed again: "Saved." may still be there from the time before. */
async function save(page, name) {
  const button = page.getByRole("button", { name });
  await button.click();
  await button.waitFor();
  await page.getByText("Saved.", { exact: false }).first().waitFor();
}

/** A profile is changed, seen, and found. */
export async function profile(browser) {
  const page = await browser.fresh();
  const other = await browser.fresh();
  await newcomer(other, "grace");
  await newcomer(page, "ada");
  await page.goto("/settings");
  await page.getByLabel("What you do, in a line").fill("Analyst of engines");
  await page.getByLabel("Handle").fill("grace");
  await page.getByText("Somebody has this handle already.").waitFor();
  await page.getByRole("button", { name: "Save" }).click();
  await page.locator("#handle-fault").waitFor();
  await page.getByLabel("Handle").fill("ada-l");
  await page.getByText("@ada-l is free.").waitFor();
  assert.equal(await page.getByLabel("What you do, in a line").inputValue(), "Analyst of engines", "what was typed is lost");
  await page.getByRole("button", { name: "Add a link" }).click();
  await page.getByLabel("Kind of link 1").fill("github");
  await page.getByLabel("Address of link 1").fill("javascript:alert(1)");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("alert").waitFor();
  await page.getByLabel("Address of link 1").fill("https://github.com/ada");
  await save(page, "Save");

  await page.getByRole("link", { name: "Privacy" }).click();
  await heading(page, "Privacy");
  await page.getByLabel("What you are doing").fill("Reading");
  await save(page, "Save status");

  await other.goto("/people");
  await other.getByRole("searchbox").fill("analyst");
  await other.getByRole("button", { name: "Search" }).click();
  await other.getByText("1 person found.").waitFor();
  await other.getByRole("link", { name: /Ada Lovelace/ }).click();
  await heading(other, "Ada Lovelace");
  await other.getByText("Reading").waitFor();
  assert.equal(await other.getByRole("link", { name: "github" }).getAttribute("href"), "https://github.com/ada");
  await other.goBack();
  await other.getByText("1 person found.").waitFor();

  await page.getByLabel(/Ghost mode/).check();
  await page.getByRole("radio", { name: /Nobody but you/ }).check();
  await save(page, "Save privacy");
  await other.goto("/people/ada-l");
  await heading(other, "Nobody to be seen");
}

/** A photo is cut, sent and shown. */
export async function photo(browser) {
  const page = await browser.fresh();
  await newcomer(page, "ada");
  await page.goto("/settings/photo");
  await page.getByLabel("Choose a picture").setInputFiles({ name: "x.png", mimeType: "image/png", buffer: Buffer.from("no picture") });
  await page.getByText("not a picture that can be read").waitFor();
  await page.getByLabel("Choose a picture").setInputFiles(browser.told.photo);
  await page.getByRole("img", { name: /part of the picture/ }).press("ArrowRight");
  await page.getByRole("img", { name: /part of the picture/ }).press("+");
  await page.getByRole("button", { name: "Use this photo" }).click();
  await page.getByText("This is your photo now.").waitFor();
  const shown = page.locator("img.avatar");
  await shown.waitFor();
  await page.waitForFunction(() => document.querySelector("img.avatar")?.naturalWidth > 0);
}

/** A password needs a proof: asked for, wrong, right; and thought better of. */
export async function askedAgain(browser) {
  const page = await browser.fresh();
  await newcomer(page, "ada");
  await page.goto("/settings/security");
  await page.getByLabel("New password", { exact: true }).fill("a brand new wheelbarrow");
  await page.getByRole("button", { name: "Change password" }).click();
  await heading(page, "Is it you?");
  await page.keyboard.press("Escape");
  await page.getByText("Nothing was changed.").waitFor();
  await page.getByRole("button", { name: "Change password" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Password", { exact: true }).fill("wrong one");
  await dialog.getByRole("button", { name: "Continue" }).click();
  await dialog.getByText("This password was not right.").waitFor();
  await dialog.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await dialog.getByRole("button", { name: "Continue" }).click();
  await page.getByText("Your password is changed.").waitFor();
  assert.equal(await page.getByRole("dialog").count(), 0);
  const other = await browser.fresh();
  await signIn(other, "ada", "a brand new wheelbarrow");
  await heading(other, "Ada Lovelace");
}

/** Everything is taken along, then everything is gone. */
export async function leaving(browser) {
  const page = await browser.fresh();
  await newcomer(page, "ada");
  await page.goto("/settings/data");
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Export my data" }).click()]);
  const held = JSON.parse(readFileSync(await file.path(), "utf8"));
  assert.equal(held.account.email, "ada@example.org");
  await page.getByLabel("Type your handle to go on").fill("adda");
  await page.getByRole("button", { name: "Delete my account" }).click();
  await page.getByText("Type ada to show that you mean it.").waitFor();
  await page.getByLabel("Type your handle to go on").fill("ada");
  await page.getByRole("button", { name: "Delete my account" }).click();
  await page.getByRole("dialog").getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("dialog").getByRole("button", { name: "Continue" }).click();
  await page.getByText("Your account is deleted.").waitFor();
  await signIn(page, "ada");
  await page.getByText("E-mail address or password is wrong").waitFor();
}

/** The invitation to the badge goes away for seven days, not for good. */
export async function banner(browser) {
  const page = await browser.fresh();
  await newcomer(page, "ada");
  await page.goto("/profile");
  await page.getByRole("complementary", { name: "Get verified" }).waitFor();
  await page.getByRole("button", { name: "Not now" }).click();
  await page.getByRole("complementary", { name: "Get verified" }).waitFor({ state: "detached" });
  await page.reload();
  await heading(page, "Ada Lovelace");
  assert.equal(await page.getByRole("complementary").count(), 0);
  const day = 24 * 3600 * 1000;
  for (const [days, shown] of [[6.9, 0], [7.1, 1]]) {
    const later = await browser.tab(page.context());
    await later.clock.setFixedTime(Date.now() + days * day);
    await later.goto("/profile");
    await heading(later, "Ada Lovelace");
    assert.equal(await later.getByRole("complementary").count(), shown, `after ${days} days`);
  }
}
