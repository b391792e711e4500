import { createHmac } from "node:crypto";

// What people do in many scenarios.
export const PASSWORD = "correct mule battery paperclip";

/** Signs somebody up as a person would; ends on "Check your mail". */
export async function signUp(page, handle) {
  await page.goto("/signup");
  await page.getByLabel("E-mail address").fill(`${handle}@example.org`);
  await page.getByLabel("Name", { exact: true }).fill(`${handle[0].toUpperCase()}${handle.slice(1)} Lovelace`);
  await page.getByLabel("Handle").fill(handle);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByText(`@${handle} is free.`).waitFor();
  await page.getByRole("button", { name: "Sign up", exact: true }).click();
  await page.getByRole("heading", { name: "Check your mail" }).waitFor();
}

/** Types e-mail address and password, and sends them. */
export async function signIn(page, handle, password = PASSWORD) {
  await page.goto("/login");
  await page.getByLabel("E-mail address").fill(`${handle}@example.org`);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
}

/** Signs somebody up over the API, at once and without a page; gives back nothing that a page would need. */
export async function newcomer(page, handle, { onboarded = true } = {}) {
  const ask = async (query, variables, token) => {
    const headers = token ? { authorization: `Bearer ${token}` } : {};
    const answer = await page.request.post("/graphql", { data: { query, variables }, headers });
    const { data, errors } = await answer.json();
    if (errors) throw new Error(JSON.stringify(errors));
    return data;
  };
  const input = { email: `${handle}@example.org`, password: PASSWORD, username: handle, displayName: `${handle[0].toUpperCase()}${handle.slice(1)} Lovelace` };
  const { signup } = await ask("mutation ($input: SignupInput!) { signup(input: $input) { accessToken } }", { input });
  if (onboarded) await ask('mutation { completeOnboarding(primaryRole: "code") { id } }', {}, signup.accessToken);
  return { ask: (query, variables) => ask(query, variables, signup.accessToken) };
}

/** The code of an authenticator app for the secret of an otpauth:// address (RFC 6238). */
export function totp(address, atMs = Date.now()) {
  const secret = new URL(address).searchParams.get("secret");
  const bits = [...secret].map(letter => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map(byte => parseInt(byte, 2)));
  const moment = Buffer.alloc(8);
  moment.writeBigUInt64BE(BigInt(Math.floor(atMs / 30_000)));
  const mac = createHmac("sha1", key).update(moment).digest();
  const at = mac.at(-1) & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

/** From the choice of a persona to the last screen, as a student of Toronto. */
export async function becomesStudent(page) {
  await page.getByRole("radio", { name: /Student/ }).check();
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("heading", { name: "What counts" }).waitFor();
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByText("You belong to University of Toronto.").waitFor();
  await page.getByRole("button", { name: "Continue" }).click();
}
