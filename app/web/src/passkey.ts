/** Passkeys, as far as a page has to do with them: options in, an answer of the device out, both as JSON. */

import { Refusal } from "./refusals.js";

/** Whether this browser can; older ones are left with the password. */
export const canUsePasskeys = (): boolean =>
  typeof PublicKeyCredential !== "undefined" && "parseRequestOptionsFromJSON" in PublicKeyCredential;

/** A passkey that its owner showed; throws CANCELLED when they would rather not. */
export const shownPasskey = (options: string): Promise<string> =>
  answered(() => navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(JSON.parse(options)) }));

/** A passkey that the device made; throws CANCELLED when its owner would rather not. */
export const madePasskey = (options: string): Promise<string> =>
  answered(() => navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(JSON.parse(options)) }));

async function answered(ask: () => Promise<Credential | null>): Promise<string> {
  try {
    return JSON.stringify(await ask());
  } catch (error) {
    const { name } = error as DOMException;
    if (name === "InvalidStateError") throw new Refusal({ code: "CONFLICT", message: "This device has a passkey for your account already." });
    if (name === "NotAllowedError" || name === "AbortError") throw new Refusal({ code: "CANCELLED" });
    throw error;
  }
}
