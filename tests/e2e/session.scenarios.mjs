import assert from "node:assert/strict";
import { newcomer, signIn } from "./people.mjs";
import { breakable, breakOff } from "./sockets.mjs";

const heading = (page, name) => page.getByRole("heading", { name, exact: true }).waitFor();

function counting(pages, path) {
  const seen = { count: 0 };
  for (const page of pages) page.on("request", request => { seen.count += new URL(request.url()).pathname === path ? 1 : 0; });
  return seen;
}

/** No token lies where another visit, or another script, could find it. */
export async function tokenInMemory(browser) {
  const page = await browser.fresh();
  await newcomer(page, "ada");
  await page.goto("/profile");
  await heading(page, "Ada Lovelace");
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
  assert.ok(!kept.includes("eyJ"), kept);
  assert.ok(!kept.includes("bonafide_refresh"), "a script can read the refresh token");
}

/** Three tabs whose tokens ran out renew them once together, and signing out in one signs out all. */
export async function manyTabs(browser) {
  const page = await browser.fresh();
  await newcomer(page, "ada");
  const tabs = [page, await browser.tab(page.context()), await browser.tab(page.context())];
  await page.clock.install();
  for (const tab of tabs) {
    await tab.goto("/settings/sessions");
    await tab.getByText("this device").waitFor();
  }
  const renewals = counting(tabs, "/auth/refresh");
  // They do not jump in the same moment: a token that is there before the last one jumps would be old in it at once.
  let haveJumped = () => undefined;
  const jumped = new Promise(resolve => { haveJumped = resolve; });
  await page.context().route("**/auth/refresh", route => jumped.then(() => route.continue()));
  await page.clock.pauseAt(await page.evaluate(() => Date.now() + 850_000)); // 14 min 10 s, in all tabs of this browser
  haveJumped();
  await Promise.all(tabs.map(tab => tab.getByRole("link", { name: "What happened" }).click()));
  for (const tab of tabs) await tab.getByText("The account was made").waitFor();
  assert.equal(renewals.count, 1, "each tab renews by itself");
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  for (const tab of tabs.slice(1)) {
    await heading(tab, "Sign in");
    await tab.getByText("You are signed out.").waitFor();
  }
}

/** A second account in another tab: the first one notices at once, says so, and shows nothing of the other before. */
export async function otherAccount(browser) {
  const page = await browser.fresh();
  const elsewhere = await browser.fresh();
  await newcomer(elsewhere, "grace");
  const { ask } = await newcomer(page, "ada");
  await page.goto("/profile");
  await heading(page, "Ada Lovelace");
  const sessions = "{ sessions { id } }";
  assert.equal((await ask(sessions)).sessions.length, 1);
  const other = await browser.tab(page.context());
  await other.goto("/");
  await other.context().clearCookies(); // the first tab still holds its token
  await signIn(other, "grace");
  await heading(other, "Grace Lovelace");
  await Promise.all([heading(page, "Grace Lovelace"), page.getByText("now signed in as Grace Lovelace").waitFor()]);
  assert.equal(await page.getByText("@ada").count(), 0, "things of two accounts on one page");
  await page.getByRole("link", { name: "Settings" }).click();
  await heading(page, "Settings");
  assert.equal(await page.getByLabel("Handle").inputValue(), "grace", "a tab acts for another account than it shows");
  await assert.rejects(ask(sessions), /SESSION_ENDED/, "the session that no tab can carry on lies about");
  await other.reload();
  await heading(other, "Grace Lovelace");
}

/** A session that was ended elsewhere: every tab says so, though nobody asked, and the way back is kept. */
export async function endedElsewhere(browser) {
  const page = await browser.fresh();
  await newcomer(page, "ada");
  const listens = page.waitForEvent("websocket"); // who comes second shall find somebody who listens already
  await page.goto("/settings/sessions");
  await page.getByText("this device").waitFor();
  await listens;
  const second = await browser.tab(page.context());
  const sockets = [];
  for (const tab of [page, second]) tab.on("websocket", socket => sockets.push(socket.url()));
  await second.goto("/profile");
  await heading(second, "Ada Lovelace");
  const other = await browser.fresh();
  await signIn(other, "ada");
  await heading(other, "Ada Lovelace");
  await other.goto("/settings/sessions");
  await other.getByRole("button", { name: "Sign out all other devices" }).click();
  // What is said goes away after some seconds: all of it is looked for at once.
  await Promise.all([
    other.getByText("1 other device is signed out.").waitFor(),
    ...[page, second].flatMap(tab => [heading(tab, "Sign in"), tab.getByText("this session was ended").waitFor()]),
  ]);
  assert.deepEqual(sockets, [], "the second tab has a socket of its own, or an address holds a token");
  assert.equal(new URL(second.url()).searchParams.get("return_to"), "/profile");
  await signIn(page, "ada");
  await heading(page, "Ada Lovelace");
}

/** A token that the server stops believing is renewed once, without a word. */
export async function retriedOnce(browser) {
  const page = await browser.fresh();
  await newcomer(page, "ada");
  await page.goto("/profile");
  await heading(page, "Ada Lovelace");
  let refused = 0;
  await page.route("**/graphql", async route => {
    if (refused === 0 && route.request().postData()?.includes("AuditEvents")) {
      refused += 1;
      return route.fulfill({ json: { errors: [{ message: "x", extensions: { code: "UNAUTHENTICATED", reason: "TOKEN_EXPIRED" } }] } });
    }
    return route.continue();
  });
  await page.goto("/settings/activity");
  await page.getByText("The account was made").waitFor();
  assert.equal(refused, 1);
}

/** A server that is away at first: words, and a button that helps once it is back. */
export async function serverAway(browser) {
  const page = await browser.fresh();
  await newcomer(page, "ada");
  await page.route(/\/graphql$|\/auth\//, route => route.abort());
  await page.goto("/profile");
  await page.getByText("The server did not answer.").waitFor();
  await page.getByRole("button", { name: "Try again" }).waitFor();
  await page.unroute(/\/graphql$|\/auth\//);
  await heading(page, "Ada Lovelace");
}

/** All tabs of a session share one connection; a lost one comes back after a while, and what was missed with it. */
export async function oneConnection(browser) {
  const page = await browser.fresh();
  const { ask } = await newcomer(page, "ada");
  await breakable(page.context());
  const second = await browser.tab(page.context());
  const begun = [];
  for (const tab of [page, second]) tab.on("websocket", socket => begun.push(socket.url()));
  const until = async (is, what) => {
    for (const end = Date.now() + 30_000; !(await is()) && Date.now() < end;) await new Promise(go => setTimeout(go, 50));
    assert.ok(await is(), what);
  };
  const reaches = async (count, what) => {
    await until(() => begun.length >= count, what);
    assert.equal(begun.length, count, what);
  };
  /** How many tabs of this browser listen, and how many wait until they may. */
  const turns = tab => tab.evaluate(async () => {
    const { held, pending } = await navigator.locks.query();
    return [held, pending].map(locks => locks.filter(({ name }) => name.startsWith("bonafide-live-")).length).join();
  });
  await page.goto("/profile");
  await heading(page, "Ada Lovelace");
  await reaches(1, "nobody listens");
  await second.goto("/profile");
  await heading(second, "Ada Lovelace");
  await until(async () => (await turns(second)) === "1,1", "the second tab does not wait for its turn");
  await reaches(1, "each tab has a connection of its own");

  await ask('mutation { updateProfile(input: { displayName: "Ada King" }) { id } }');
  await breakOff(page, "/graphql");
  await reaches(2, "a lost connection stays lost");
  const pausedMs = await page.evaluate(() => window.connections[1].begunMs - window.connections[0].brokenMs);
  assert.ok(pausedMs > 300, "it comes back without a wait");
  for (const tab of [page, second]) await heading(tab, "Ada King");

  await page.close();
  await reaches(3, "nobody takes over from a tab that was closed");
  const hide = hidden => second.evaluate(hidden => {
    Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
  await hide(true);
  await breakOff(second, "/graphql");
  await until(async () => (await turns(second)) === "0,0", "a hidden tab keeps its turn");
  await reaches(3, "a hidden tab keeps asking");
  await hide(false);
  await reaches(4, "a tab that is looked at again does not listen");
  assert.deepEqual(begun.filter(url => /token|eyJ|\?/.test(url)), [], "a token in an address");
}
