/** Asks the server, typed from end to end. */

import type { Operation } from "./generated/schema.js";
import { type Code, Refusal } from "./refusals.js";
import { href } from "./router.js";
import { fetch as authorized } from "./session.js";

interface Answer {
  readonly data?: unknown;
  readonly errors?: readonly { readonly message: string; readonly extensions?: Record<string, unknown> }[];
}

/** The result of an operation, as whoever is signed in; throws a Refusal. */
export function ask<Result, Variables>(operation: Operation<Result, Variables>, variables: Variables): Promise<Result> {
  return answered(authorized("graphql", request(operation, variables)));
}

/** The same as nobody: for whatever opens a session, or must not depend on one. */
export function askAsNobody<Result, Variables>(operation: Operation<Result, Variables>, variables: Variables): Promise<Result> {
  return answered(fetch(href("/graphql"), request(operation, variables)));
}

function request<Result, Variables>({ name, text }: Operation<Result, Variables>, variables: Variables): RequestInit {
  return {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify({ query: text, operationName: name, variables }),
  };
}

async function answered<Result>(sent: Promise<Response>): Promise<Result> {
  let answer: Answer;
  try {
    answer = (await (await sent).json()) as Answer;
  } catch (error) {
    throw error instanceof Refusal ? error : new Refusal({ code: "OFFLINE" });
  }
  const fault = answer.errors?.[0];
  if (fault) throw refusalOf({ ...fault.extensions, message: fault.message });
  if (answer.data !== undefined) return answer.data as Result;
  // A problem document: refused before GraphQL was reached.
  const problem = answer as Record<string, unknown>;
  throw refusalOf({ ...problem, message: problem.detail });
}

function refusalOf(told: Record<string, unknown>): Refusal {
  const text = (name: string): string | undefined => (typeof told[name] === "string" ? told[name] : undefined);
  return new Refusal({
    code: (text("code") ?? "INTERNAL") as Code,
    message: text("message") ?? "",
    field: text("field"),
    reason: text("reason"),
    requestId: text("requestId"),
    retryAfterS: typeof told.retryAfter === "number" ? told.retryAfter : undefined,
    suggestions: Array.isArray(told.suggestions) ? told.suggestions.map(String) : [],
  });
}
