/**
 * One attempt as a state machine without camera, clock or server: frames in, what to do out. The same rules as
 * liveness/session.py, frame by frame; a test plays one recording through both (tests/unit/web/test_gesture_rules.py).
 */

import type { Hint, Step } from "./check.js";
import { FrameRate } from "./frame-rate.js";
import { type Detector, detectorFor, EyesOpen, type Reading } from "./gestures.js";
import { obstacle } from "./hints.js";
import type { Light, Measures } from "./measures.js";
import { type Neutral, NeutralSeeker } from "./neutral.js";
import { blinkPossible, type Policy } from "./policy.js";
import { Presence } from "./presence.js";

export type State = "SEEKING_NEUTRAL" | "AWAITING_GESTURE" | "RETURNING" | "COMPLETE" | "FAILED";

/** Why an attempt ended without its steps, of those that a page can see. */
export type Reason =
  | "OPPOSITE_TURN" | "TOO_FAST" | "NEUTRAL_TIMED_OUT" | "STEP_TIMED_OUT" | "ATTEMPT_TIMED_OUT" | "NO_FACE"
  | "MULTIPLE_FACES" | "POOR_PICTURE" | "FACE_CHANGED" | "FRAME_RATE_TOO_LOW";

/** A frame's landmarks were read; `faces` is how many there are, `face` the one that is followed. */
export interface FrameRead {
  readonly tMs: number;
  readonly face: Measures | null;
  readonly faces: number;
  readonly light: Light;
}

/** What a frame came to. After the last step, or a fault, there is nothing to tell the person any more. */
export interface Judged {
  readonly told: { readonly hint: Hint; readonly progress: number } | null;
  /** This frame ends the search for the neutral face. */
  readonly neutralFound: boolean;
  /** The number of the step that this frame completes. */
  readonly passed: number | null;
  readonly fault: Reason | null;
}

const POOR: readonly Hint[] = ["TOO_DARK", "TOO_BRIGHT", "BLURRED"];

export class Session {
  state: State = "SEEKING_NEUTRAL";
  /** The person's neutral face, once found. */
  neutral: Neutral | null = null;
  /** The current step's number from 0; the number of steps once all have passed. */
  index = 0;
  readonly eyes: EyesOpen;
  private readonly seeker: NeutralSeeker;
  private readonly rate = new FrameRate();
  private readonly presence: Presence;
  private readonly seekingHints = new Map<Hint, number>();
  private detector: Detector | null = null;
  private stepBeganMs: number;
  private progress = 0;
  private lowRateSince: number | null = null;
  private proveAfterMs = 0;

  /** `proved` says whether a gesture that is held can be shown to the server too; if not, it has to go on. */
  constructor(
    private readonly steps: readonly Step[],
    private readonly policy: Policy,
    private readonly startedMs: number,
    private readonly proved: (step: Step) => boolean = () => true,
  ) {
    this.eyes = new EyesOpen(policy);
    this.seeker = new NeutralSeeker(policy);
    this.presence = new Presence(policy, startedMs);
    this.stepBeganMs = startedMs;
  }

  /** The step that is asked now, null once all have passed. */
  get step(): Step | null {
    return this.steps[this.index] ?? null;
  }

  /** The measured frame rate, null until half a second of frames has come. */
  get fps(): number | null {
    return this.rate.fps;
  }

  /** Takes the next frame; after the end, every one is answered with nothing. */
  receive(frame: FrameRead): Judged {
    if (this.state === "COMPLETE" || this.state === "FAILED") return NOTHING;
    const late = this.timedOut(frame.tMs);
    if (late !== null) return this.fail(late);
    this.rate.add(frame.tMs);
    const seeking = this.state === "SEEKING_NEUTRAL";
    const fault = this.presence.check(frame);
    if (fault !== null && !seeking) return this.fail(fault);
    if (fault === "FACE_CHANGED") this.seeker.reset();
    const hint = obstacle(frame.face, frame.faces, frame.light, this.policy, seeking);
    if (hint !== null || frame.face === null) {
      if (seeking) this.startOver();
      return this.told(hint ?? "NO_FACE");
    }
    this.eyes.update(frame.tMs, frame.face);
    if (seeking) return this.onSeeking(frame.tMs, frame.face);
    if (this.state === "RETURNING") {
      if (!this.hasReturned(frame.face)) return this.told("LOOK_STRAIGHT");
      this.state = "AWAITING_GESTURE";
    }
    return this.onAwaiting(frame.tMs, frame.face);
  }

  /** Lets time pass without a frame: a time-out, or null. */
  tick(nowMs: number): Reason | null {
    if (this.state === "COMPLETE" || this.state === "FAILED") return null;
    const late = this.timedOut(nowMs);
    if (late !== null) this.state = "FAILED";
    return late;
  }

  private onSeeking(tMs: number, face: Measures): Judged {
    if (!this.seeker.looksAhead(face)) {
      this.startOver();
      return this.told("LOOK_STRAIGHT");
    }
    this.progress = this.seeker.update(tMs, face);
    if (this.progress < 1) return this.told("HOLD_STILL");
    this.neutral = this.seeker.neutral();
    this.state = "AWAITING_GESTURE";
    this.stepBeganMs = tMs;
    this.watch(this.startedMs);
    return { ...this.told("OK"), neutralFound: true };
  }

  private onAwaiting(tMs: number, face: Measures): Judged {
    const step = this.step!;
    if (step === "BLINK" && !this.rateAllowsBlink(tMs)) {
      const tooLong = this.lowRateSince !== null && tMs - this.lowRateSince >= this.policy.blink_low_fps_ms;
      return tooLong ? this.fail("FRAME_RATE_TOO_LOW") : this.told("OK");
    }
    const reading = this.detector!.update(tMs, face);
    this.progress = reading.progress;
    return this.onReading(tMs, step, reading);
  }

  private onReading(tMs: number, step: Step, reading: Reading): Judged {
    if (reading.phase === "OPPOSITE") return this.fail("OPPOSITE_TURN");
    if (reading.phase === "TOO_FAST") return this.fail("TOO_FAST");
    if (reading.phase !== "HELD") return this.told("OK");
    if (tMs < this.proveAfterMs || !this.proved(step)) {
      if (tMs >= this.proveAfterMs) this.proveAfterMs = tMs + this.policy.examine_again_ms;
      this.progress = 0.9;
      return this.told("OK");
    }
    const passed = this.index;
    this.index += 1;
    if (this.step === null) {
      this.state = "COMPLETE";
    } else {
      this.state = "RETURNING";
      this.prompt(tMs);
    }
    return { ...this.told("OK", 1), passed };
  }

  /** Reveals the next step. */
  private prompt(nowMs: number): void {
    this.stepBeganMs = nowMs;
    this.proveAfterMs = 0;
    this.lowRateSince = null;
    this.watch(nowMs);
  }

  private watch(promptedMs: number): void {
    this.progress = 0;
    this.detector = detectorFor(this.step!, this.neutral!, this.eyes, promptedMs, this.policy);
  }

  private startOver(): void {
    this.seeker.reset();
    this.progress = 0;
  }

  private hasReturned(face: Measures): boolean {
    const { policy } = this, neutral = this.neutral!;
    return Math.abs(face.yaw - neutral.yaw) <= policy.rest_yaw && Math.abs(face.pitch - neutral.pitch) <= policy.rest_pitch;
  }

  private rateAllowsBlink(tMs: number): boolean {
    const { fps } = this.rate;
    if (fps === null || blinkPossible(this.policy, fps)) {
      this.lowRateSince = null;
      return fps !== null;
    }
    this.lowRateSince ??= tMs;
    return false;
  }

  private timedOut(nowMs: number): Reason | null {
    const { policy } = this;
    if (nowMs - this.startedMs > policy.whole_timeout_ms) return "ATTEMPT_TIMED_OUT";
    if (this.state === "SEEKING_NEUTRAL") {
      return nowMs - this.startedMs > policy.neutral_timeout_ms ? this.whyNoNeutral() : null;
    }
    return nowMs - this.stepBeganMs > policy.step_timeout_ms ? "STEP_TIMED_OUT" : null;
  }

  private whyNoNeutral(): Reason {
    if (!this.presence.faceEver) return "NO_FACE";
    const [commonest] = [...this.seekingHints].sort((a, b) => b[1] - a[1])[0] ?? ["NO_FACE"];
    if (POOR.includes(commonest)) return "POOR_PICTURE";
    return commonest === "MULTIPLE_FACES" ? "MULTIPLE_FACES" : "NEUTRAL_TIMED_OUT";
  }

  private fail(fault: Reason): Judged {
    this.state = "FAILED";
    return { ...NOTHING, fault };
  }

  private told(hint: Hint, progress = this.progress): Judged {
    if (this.state === "SEEKING_NEUTRAL") this.seekingHints.set(hint, (this.seekingHints.get(hint) ?? 0) + 1);
    return { ...NOTHING, told: { hint, progress } };
  }
}

const NOTHING: Judged = { told: null, neutralFound: false, passed: null, fault: null };
