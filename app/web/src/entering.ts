/** What happens once somebody has shown who they are, whichever way: a second step, or into the house. */

import { loadAccount, setAccount } from "./account.js";
import type { Entered } from "./generated/entry.js";
import { Refusal } from "./refusals.js";
import { go } from "./router.js";
import { adopt } from "./session.js";

/** A sign-in that waits for its code; it lives in this page only, and dies with it. */
let pending: { readonly tempToken: string; readonly next: string | null } | null = null;

export const secondStep = (): { readonly tempToken: string; readonly next: string | null } | null => pending;

/** Asks for the second factor. */
export function needSecondStep(tempToken: string, next: string | null): void {
  pending = { tempToken, next };
  go("/login/code");
}

/** Goes on with what a sign-in answered. `next` is where the person wanted to go. */
export async function enter(entered: Entered, next: string | null): Promise<void> {
  if (entered.requiresTwoFactor && entered.tempToken) {
    needSecondStep(entered.tempToken, next);
    return;
  }
  if (!entered.accessToken) throw new Refusal({ code: "INTERNAL", message: "The sign-in brought no token." });
  pending = null;
  setAccount(null); // whoever was shown here before
  await adopt(entered.accessToken);
  await arrive(next);
}

/** Shows the house to whoever is signed in now; newcomers are welcomed first. */
export async function arrive(next: string | null): Promise<void> {
  const someone = await loadAccount();
  if (!someone) throw new Refusal({ code: "UNAUTHENTICATED" });
  go(next ?? (someone.onboardedAt ? "/profile" : "/onboarding"), { replace: true });
}
