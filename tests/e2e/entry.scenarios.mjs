import assert from "node:assert/strict";

/** The front page, and a way from it. */
export async function frontPage(browser) {
  const page = await browser.fresh();
  await page.goto("/");
  await page.getByRole("heading", { name: "Prove that it is really you" }).waitFor();
  await page.getByRole("main").getByRole("link", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  assert.equal(new URL(page.url()).pathname, "/login");
  assert.equal(await page.evaluate(() => document.activeElement?.tagName), "H1", "focus does not follow the page");
  await page.goBack();
  await page.getByRole("heading", { name: "Prove that it is really you" }).waitFor();
}
