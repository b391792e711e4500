/** What anything that was thrown means, as a fault that has a screen. */

import { CheckFault, type FaultCode, type Outcome } from "./check.js";

/** The server's error codes (app/errors.py), OFFLINE of our pages among them, as what they are to a check. */
export const FAULT_OF_CODE: Readonly<Record<string, FaultCode>> = {
  BAD_USER_INPUT: "REFUSED",
  UNAUTHENTICATED: "SIGNED_OUT",
  FORBIDDEN: "REFUSED",
  NOT_FOUND: "REFUSED",
  METHOD_NOT_ALLOWED: "REFUSED",
  TIMED_OUT: "TIMED_OUT",
  CONFLICT: "REFUSED",
  GONE: "EXPIRED",
  PAYLOAD_TOO_LARGE: "REFUSED",
  UNSUPPORTED_MEDIA_TYPE: "REFUSED",
  RATE_LIMITED: "TOO_MANY_ATTEMPTS",
  INTERNAL: "BROKEN",
  BUSY: "BUSY",
  OFFLINE: "OFFLINE",
};

/** The outcomes that enrollFace tells as a refusal's `reason` (schema.graphql, enrollFace). */
const OUTCOMES = new Set(["FACE_MISMATCH", "NO_PROFILE_PHOTO", "FACE_AMBIGUOUS", "CHALLENGE_FAILED", "NO_FACE", "MULTIPLE_FACES", "LOW_QUALITY"]);

interface Told {
  readonly code?: unknown;
  readonly reason?: unknown;
  readonly field?: unknown;
  readonly message?: unknown;
  readonly retryAfterS?: unknown;
}

/** A fault by the server's word for it. */
export function faultOf(told: Told): CheckFault {
  const seconds = typeof told.retryAfterS === "number" ? Math.ceil(told.retryAfterS) : undefined;
  if (told.field === "exclude") return new CheckFault("CANNOT_EXCLUDE");
  const code = FAULT_OF_CODE[String(told.code)] ?? "BROKEN";
  return new CheckFault(code, seconds, code === "REFUSED" && typeof told.message === "string" ? told.message : "");
}

/** A failed check that was thrown as a refusal, as the outcome that it is; null for everything else. */
export function outcomeOf(thrown: unknown): Outcome | null {
  const { reason } = (thrown ?? {}) as Told;
  return typeof reason === "string" && OUTCOMES.has(reason) ? { success: false, error: reason } : null;
}

/** The fault that something thrown is; whatever nobody expected is told to the console and becomes BROKEN. */
export function faultThrown(thrown: unknown): CheckFault {
  if (thrown instanceof CheckFault) return thrown;
  if (thrown && typeof thrown === "object" && String((thrown as Told).code) in FAULT_OF_CODE) return faultOf(thrown as Told);
  console.error(thrown);
  return new CheckFault("BROKEN");
}
