/** Asks the server, typed from end to end. */

import type { Operation } from "./generated/schema.js";
import { Refusal } from "./refusals.js";
import { accessToken, answerOf, post, renew, signedIn } from "./session.js";

/** The result of an operation, as whoever is signed in; throws a Refusal. */
export async function ask<Result, Variables>(operation: Operation<Result, Variables>, variables: Variables): Promise<Result> {
  try {
    return await send(operation, variables, await accessToken());
  } catch (error) {
    // A token that died early (a clock that jumped, a server that restarted): once more with a new one.
    if (!(error instanceof Refusal) || error.code !== "UNAUTHENTICATED" || !signedIn() || !(await renew())) throw error;
    return send(operation, variables, await accessToken());
  }
}

/** The same as nobody: for whatever opens a session, or must not depend on one. */
export function askAsNobody<Result, Variables>(operation: Operation<Result, Variables>, variables: Variables): Promise<Result> {
  return send(operation, variables, null);
}

function send<Result, Variables>(operation: Operation<Result, Variables>, variables: Variables, token: string | null): Promise<Result> {
  return answerOf<Result>(post(operation, variables, token ? { authorization: `Bearer ${token}` } : {}));
}
