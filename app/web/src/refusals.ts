/** Why the server, or the way to it, refused; and what that is in words, with what to do next. */

export type Code =
  | "BAD_USER_INPUT" | "UNAUTHENTICATED" | "FORBIDDEN" | "NOT_FOUND" | "METHOD_NOT_ALLOWED" | "TIMED_OUT" | "CONFLICT"
  | "GONE" | "PAYLOAD_TOO_LARGE" | "UNSUPPORTED_MEDIA_TYPE" | "RATE_LIMITED" | "INTERNAL" | "BUSY"
  /** Nobody answered. */
  | "OFFLINE"
  /** The person closed a question that we asked. */
  | "CANCELLED";

export interface Fault {
  readonly code: Code;
  readonly message?: string;
  readonly field?: string | undefined;
  readonly reason?: string | undefined;
  readonly retryAfterS?: number | undefined;
  readonly suggestions?: readonly string[] | undefined;
  readonly requestId?: string | undefined;
}

export class Refusal extends Error {
  readonly code: Code;
  readonly field: string | undefined;
  readonly reason: string | undefined;
  readonly retryAfterS: number | undefined;
  readonly suggestions: readonly string[];
  readonly requestId: string | undefined;

  constructor(fault: Fault) {
    super(fault.message ?? fault.code);
    this.code = fault.code;
    this.field = fault.field;
    this.reason = fault.reason;
    this.retryAfterS = fault.retryAfterS;
    this.suggestions = fault.suggestions ?? [];
    this.requestId = fault.requestId;
  }

  /** The refusal that an error is; what nobody expected becomes INTERNAL. */
  static of(error: unknown): Refusal {
    if (error instanceof Refusal) return error;
    console.error(error);
    return new Refusal({ code: "INTERNAL", message: "Something broke in this page." });
  }
}

/** A refusal as a person reads it: the server's own sentence where it says what is wrong, and the way on. */
export function words(refusal: Refusal): string {
  switch (refusal.code) {
    case "BAD_USER_INPUT":
    case "CONFLICT":
      return refusal.message;
    case "UNAUTHENTICATED":
      return "You are not signed in any more. Sign in again to go on.";
    case "FORBIDDEN":
      return `${refusal.message} If that surprises you, sign in again and try once more.`;
    case "NOT_FOUND":
      return "There is nothing here any more. Go back and reload the page.";
    case "GONE":
      return `${refusal.message} Begin again from the page before.`;
    case "RATE_LIMITED":
      return `Too many tries. ${inWords(refusal.retryAfterS)}`;
    case "BUSY":
      return `The server is busy or cannot reach something it needs. ${inWords(refusal.retryAfterS)}`;
    case "PAYLOAD_TOO_LARGE":
      return "This is too large. Choose something smaller.";
    case "UNSUPPORTED_MEDIA_TYPE":
      return "This kind of file is not taken. Choose a JPEG, PNG or WebP picture.";
    case "TIMED_OUT":
      return "It took too long to arrive. Check your connection, then try again.";
    case "OFFLINE":
      return "The server did not answer. Check your connection, then try again.";
    case "CANCELLED":
      return "Nothing was changed.";
    case "METHOD_NOT_ALLOWED":
    case "INTERNAL":
      return `Something broke on our side. Try again in a minute${
        refusal.requestId ? `; if it stays, tell the operator this number: ${refusal.requestId}` : ""}.`;
  }
}

/** A span of seconds, as a person waits for it. */
export function span(seconds: number): string {
  if (seconds < 120) return `${seconds} second${seconds === 1 ? "" : "s"}`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} minutes`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} hours`;
  return `${Math.round(seconds / 86_400)} days`;
}

function inWords(seconds: number | undefined): string {
  return seconds ? `Wait ${span(seconds)}, then try again.` : "Wait a moment, then try again.";
}
