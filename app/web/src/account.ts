/** Who is signed in, for every page; they are told when it changes. */

import type { ReactiveController, ReactiveControllerHost } from "lit";
import { Me, type Account } from "./generated/account.js";
import { ask } from "./graphql.js";
import { Refusal } from "./refusals.js";
import { onChange, resume } from "./session.js";

export type { Account };

let current: Account | null = null;
const hosts = new Set<ReactiveControllerHost>();

onChange(change => {
  if (change !== "in") setAccount(null);
});

/** The account; null while nobody is signed in. */
export const account = (): Account | null => current;

/** What a mutation said the account is now. */
export function setAccount(next: Account | null): void {
  current = next;
  for (const host of hosts) host.requestUpdate();
}

/** Finds out who is signed in; throws a Refusal when nobody answered. */
export async function loadAccount(): Promise<Account | null> {
  if (!(await resume())) return null;
  const { me } = await ask(Me, {});
  setAccount(me);
  return me;
}

/**
 * The same where the page can do without: when nobody answers it goes on with what it knows, and whatever is asked of
 * the server next says in words what is wrong.
 */
export async function refreshAccount(): Promise<Account | null> {
  try {
    return await loadAccount();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return current;
  }
}

/** Draws its host anew whenever the account changes. */
export class FollowsAccount implements ReactiveController {
  constructor(private readonly host: ReactiveControllerHost) {
    host.addController(this);
  }
  hostConnected(): void {
    hosts.add(this.host);
  }
  hostDisconnected(): void {
    hosts.delete(this.host);
  }
}
