/** What the two paths of a check have in common: the browser's own (WebAssembly) and the stream to the server. */

export const STEPS = ["LOOK_LEFT", "LOOK_RIGHT", "LOOK_UP", "LOOK_DOWN", "BLINK", "OPEN_MOUTH", "SMILE"] as const;

/** A gesture, always the person's own: left is their left. */
export type Step = (typeof STEPS)[number];

/** The one thing that the person should change first. */
export type Hint =
  | "OK" | "NO_FACE" | "MULTIPLE_FACES" | "MOVE_CLOSER" | "MOVE_BACK" | "CENTER_FACE"
  | "TOO_DARK" | "TOO_BRIGHT" | "BLURRED" | "LOOK_STRAIGHT" | "HOLD_STILL";

export type Purpose = "VERIFY" | "LOGIN" | "ENROLL" | "STEP_UP";

/** A challenge as the server issued it; its token is good for one attempt. */
export interface Challenge {
  readonly token: string;
  readonly steps: readonly Step[];
  readonly expiresAt: string;
  readonly streamUrl: string;
}

/** A frame of the browser's own path for one step: base64 JPEG, not mirrored. */
export interface StepFrame {
  readonly step: Step;
  readonly frame: string;
  readonly capturedAtMs: number;
}

/** What the browser's own path hands to the server. */
export interface Claim {
  readonly token: string;
  readonly frame: string;
  readonly evidence: readonly StepFrame[];
}

/** How an attempt ended: passed, or one word of VerificationError; `answer` is what the purpose's own call said. */
export interface Outcome {
  readonly success: boolean;
  readonly error?: string;
  readonly retryAfterS?: number;
  readonly answer?: unknown;
}

/** What a running check tells whoever shows it. */
export interface Watcher {
  /** The face is looked for and measured (`step` null), or a step is asked. */
  prompted(prompt: { readonly step: Step | null; readonly index: number; readonly of: number }): void;
  /** One more frame was judged; progress of this step, 0 to 1. */
  judged(frame: { readonly hint: Hint; readonly progress: number }): void;
  /** The step is done. */
  passed(index: number): void;
  /** The gestures are done and the faces are compared. */
  comparing(): void;
  /** The stream's connection. */
  connected(state: "connecting" | "open" | "slow" | "lost"): void;
}

/** One way of carrying out a challenge. */
export interface Check {
  /** Carries the challenge out on a playing camera picture; ends by `signal`, throws a CheckFault. */
  run(video: HTMLVideoElement, challenge: Challenge, watcher: Watcher, signal: AbortSignal): Promise<Outcome>;
  /** Frees what the check holds. */
  close(): void;
}

/** Why a check could not be carried out, or ended without a verdict. */
export class CheckFault extends Error {
  /** `detail` is the server's own sentence, where it said one that a person can read. */
  constructor(readonly code: FaultCode, readonly retryAfterS?: number, readonly detail = "") {
    super(code);
  }
}

export type FaultCode =
  | "CAMERA_DENIED" | "NO_CAMERA" | "CAMERA_IN_USE" | "CAMERA_LOST" | "INSECURE_ORIGIN" | "WASM_BLOCKED"
  | "SOCKET_BLOCKED" | "CONNECTION_LOST" | "OFFLINE" | "EXPIRED" | "TIMED_OUT" | "BUSY" | "TOO_SLOW" | "SIGNED_OUT"
  | "FACE_LOST" | "TOO_DARK" | "REFUSED" | "TOO_MANY_ATTEMPTS" | "CANNOT_EXCLUDE" | "PAGE_HIDDEN" | "BROKEN";

/** What a page gives the component: how to ask the server, as whoever is signed in.

What it throws is read by its `code` (and `retryAfterS`, `reason`, `message`): those of the server's errors, or OFFLINE. */
export interface LivenessApi {
  challenge(exclude: readonly Step[]): Promise<Challenge>;
  /** Ends the browser's own path: confirmLiveness, faceLogin, enrollFace or what the purpose wants. */
  claim(claim: Claim): Promise<Outcome>;
  /** Ends a stream for LOGIN: trades its ticket for a session. Without it the result's `answer` is `{ ticket }`. */
  trade?(ticket: string): Promise<Outcome>;
  /** The access token for the stream's first message; null for LOGIN. */
  accessToken(): Promise<string | null>;
  /** The gesture rules' thresholds, as GET /client/liveness-policy tells them. */
  policy(): Promise<Readonly<Record<string, number>>>;
}
