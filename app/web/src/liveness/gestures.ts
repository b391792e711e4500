/**
 * One detector per step, each judged against the person's own neutral face and in milliseconds. The same as
 * liveness/gestures.py: the rest state after the prompt first, then the full gesture held, with hysteresis.
 */

import type { Step } from "./check.js";
import type { Measures } from "./measures.js";
import type { Neutral } from "./neutral.js";
import type { Policy } from "./policy.js";

/** What a detector says: not begun, begun, done; a full turn to the other side; complete before anybody could react. */
export type Phase = "WAITING" | "MOVING" | "HELD" | "OPPOSITE" | "TOO_FAST";

/** A phase and how far along the gesture is, 0 to 1. */
export interface Reading {
  readonly phase: Phase;
  readonly progress: number;
}

/** Watches for one gesture from its prompt on. */
export interface Detector {
  update(tMs: number, face: Measures): Reading;
}

export function isHeadTurn(step: Step): boolean {
  return step === "LOOK_LEFT" || step === "LOOK_RIGHT" || step === "LOOK_UP" || step === "LOOK_DOWN";
}

/** The detector of a step, prompted at `promptedMs`. */
export function detectorFor(step: Step, neutral: Neutral, eyes: EyesOpen, promptedMs: number, policy: Policy): Detector {
  if (isHeadTurn(step)) return new TurnDetector(step, neutral, promptedMs, policy);
  if (step === "BLINK") return new BlinkDetector(eyes, promptedMs, policy);
  if (step === "OPEN_MOUTH") {
    const full = Math.max(policy.mouth_open, neutral.mouth + policy.mouth_open_above_neutral);
    return new LevelDetector({
      level: face => face.mouth,
      rest: Math.max(policy.mouth_rest, neutral.mouth),
      full,
      keep: full - (policy.mouth_open - policy.mouth_keep),
      holdMs: policy.mouth_hold_ms,
      tooFast: "TOO_FAST",
    }, promptedMs, policy);
  }
  return new LevelDetector({
    level: face => smile(face, neutral, policy),
    rest: policy.smile_rest,
    full: policy.smile_wider,
    keep: policy.smile_keep,
    holdMs: policy.smile_hold_ms,
    tooFast: "WAITING", // people smile at cameras unasked
  }, promptedMs, policy);
}

/** The person's own open-eye values, followed while the eyes are open (glasses roughly halve them). */
export class EyesOpen {
  ear = 0;
  private lids = 0;
  private tMs: number | null = null;

  constructor(private readonly policy: Policy) {}

  /** Follows open eyes quickly and closed ones hardly, so that shut eyes never become the baseline. */
  update(tMs: number, face: Measures): void {
    if (this.tMs === null) {
      this.ear = face.ear;
      this.lids = face.lids;
    } else {
      const shut = this.closeness(face) < this.policy.blink_open;
      const tau = shut ? this.policy.eye_shut_tau_ms : this.policy.eye_open_tau_ms;
      const weight = Math.min(1, Math.max(0, tMs - this.tMs) / tau);
      this.ear += weight * (face.ear - this.ear);
      this.lids += weight * (face.lids - this.lids);
    }
    this.tMs = tMs;
  }

  /** The eyes' opening over the person's open one: about 1 when open, under 0.3 when shut. */
  closeness(face: Measures): number {
    if (this.ear <= 0 || this.lids <= 0) return 1;
    return Math.max(face.ear / this.ear, face.lids / this.lids);
  }
}

/** A level held above `full` (with sagging to `keep`) for `holdMs`. */
class Hold {
  sinceMs: number | null = null;
  private lastMs = 0;

  constructor(
    private readonly full: number,
    private readonly keep: number,
    private readonly holdMs: number,
    private readonly maxGapMs: number,
  ) {}

  /** Whether the level has been held long enough. */
  update(tMs: number, level: number): boolean {
    if (this.sinceMs !== null && tMs - this.lastMs > this.maxGapMs) this.sinceMs = null;
    this.lastMs = tMs;
    if (level < this.keep) this.sinceMs = null;
    else if (this.sinceMs === null && level >= this.full) this.sinceMs = tMs;
    return this.sinceMs !== null && tMs - this.sinceMs >= this.holdMs;
  }

  share(tMs: number): number {
    return this.sinceMs === null ? 0 : Math.min(1, (tMs - this.sinceMs) / this.holdMs);
  }
}

/** LOOK_LEFT, LOOK_RIGHT, LOOK_UP, LOOK_DOWN; a full turn the other way is told at once. */
class TurnDetector implements Detector {
  private readonly sideways: boolean;
  private readonly sign: number;
  private readonly full: number;
  private readonly towards: Hold;
  private readonly away: Hold;
  private rested = false;

  constructor(step: Step, private readonly neutral: Neutral, private readonly promptedMs: number, private readonly policy: Policy) {
    this.sideways = step === "LOOK_LEFT" || step === "LOOK_RIGHT";
    this.sign = step === "LOOK_LEFT" || step === "LOOK_UP" ? 1 : -1;
    this.full = this.sideways ? policy.turn_full : policy.tilt_full;
    const keep = this.sideways ? policy.turn_keep : policy.tilt_keep;
    this.towards = new Hold(this.full, keep, policy.turn_hold_ms, policy.max_frame_gap_ms);
    this.away = new Hold(this.full, keep, policy.turn_hold_ms, policy.max_frame_gap_ms);
  }

  update(tMs: number, face: Measures): Reading {
    const { policy, neutral } = this;
    if (!this.rested) {
      this.rested = Math.abs(face.yaw - neutral.yaw) <= policy.rest_yaw && Math.abs(face.pitch - neutral.pitch) <= policy.rest_pitch;
      return { phase: "WAITING", progress: 0 };
    }
    const { towards, away } = this.levels(face);
    if (this.away.update(tMs, away)) return { phase: "OPPOSITE", progress: 0 };
    const held = this.towards.update(tMs, towards);
    if (this.towards.sinceMs === null) return { phase: "WAITING", progress: 0.6 * Math.min(1, Math.max(0, towards / this.full)) };
    if (this.towards.sinceMs - this.promptedMs < policy.min_response_ms) return { phase: "TOO_FAST", progress: 0 };
    if (held) return { phase: "HELD", progress: 1 };
    return { phase: "MOVING", progress: 0.6 + 0.4 * this.towards.share(tMs) };
  }

  /** Degrees turned the asked way and the other way, at most what the camera's own axis allows. */
  private levels(face: Measures): { towards: number; away: number } {
    if (!this.sideways) {
      const turned = this.sign * (face.pitch - this.neutral.pitch);
      return { towards: turned, away: -turned };
    }
    const slack = this.policy.turn_full - this.policy.turn_full_absolute;
    const turned = this.sign * (face.yaw - this.neutral.yaw);
    return { towards: Math.min(turned, this.sign * face.yaw + slack), away: Math.min(-turned, -this.sign * face.yaw + slack) };
  }
}

/** Open eyes, then closed ones for at most `blink_max_ms`, then open again; one closed sample is enough. */
class BlinkDetector implements Detector {
  private readonly fromMs: number;
  private openSeen = false;
  private closedSince: number | null = null;
  private lowest = 1;
  private lastMs: number | null = null;

  constructor(private readonly eyes: EyesOpen, promptedMs: number, private readonly policy: Policy) {
    this.fromMs = promptedMs + policy.min_response_ms;
  }

  update(tMs: number, face: Measures): Reading {
    const { policy } = this;
    const opening = this.eyes.closeness(face);
    const gap = this.lastMs !== null && tMs - this.lastMs > policy.max_frame_gap_ms;
    this.lastMs = tMs;
    if (gap) {
      this.openSeen = false;
      this.closedSince = null;
    }
    if (this.closedSince === null) {
      if (opening > policy.blink_closed) {
        this.openSeen ||= opening >= policy.blink_open;
      } else if (this.openSeen) {
        this.closedSince = tMs;
        this.lowest = opening;
      }
      return this.movingOrWaiting(opening);
    }
    this.lowest = Math.min(this.lowest, opening);
    const reopened = opening >= policy.blink_open || (opening >= policy.blink_open_least && opening - this.lowest >= policy.blink_rise);
    if (!reopened) return this.movingOrWaiting(opening);
    const since = this.closedSince;
    this.closedSince = null;
    // Involuntary, or eyes rested shut: neither counts nor harms.
    if (since < this.fromMs || tMs - since > policy.blink_max_ms) return { phase: "WAITING", progress: 0 };
    return { phase: "HELD", progress: 1 };
  }

  private movingOrWaiting(opening: number): Reading {
    if (this.closedSince === null) return { phase: "WAITING", progress: 0 };
    return { phase: "MOVING", progress: Math.min(0.9, Math.max(0.5, 1 - opening)) };
  }
}

interface Level {
  readonly level: (face: Measures) => number;
  readonly rest: number;
  readonly full: number;
  readonly keep: number;
  readonly holdMs: number;
  readonly tooFast: Phase;
}

/** A level that has to rest low, then be held high: mouth and smile. */
class LevelDetector implements Detector {
  private readonly hold: Hold;
  private readonly earliestMs: number;
  private rested = false;

  constructor(private readonly is: Level, promptedMs: number, policy: Policy) {
    this.hold = new Hold(is.full, is.keep, is.holdMs, policy.max_frame_gap_ms);
    this.earliestMs = promptedMs + policy.min_response_ms;
  }

  update(tMs: number, face: Measures): Reading {
    const { rest, full, tooFast } = this.is;
    const level = this.is.level(face);
    if (!this.rested) {
      this.rested = level <= rest;
      return { phase: "WAITING", progress: 0 };
    }
    const held = this.hold.update(tMs, level);
    if (this.hold.sinceMs === null) {
      return { phase: "WAITING", progress: 0.6 * Math.min(1, Math.max(0, (level - rest) / (full - rest))) };
    }
    if (this.hold.sinceMs < this.earliestMs) return { phase: tooFast, progress: 0 };
    if (held) return { phase: "HELD", progress: 1 };
    return { phase: "MOVING", progress: 0.6 + 0.4 * this.hold.share(tMs) };
  }
}

/** Mouth width against neutral, when the corners rose with it and the head looks ahead; else 1. */
function smile(face: Measures, neutral: Neutral, policy: Policy): number {
  const ahead = Math.abs(face.yaw - neutral.yaw) <= policy.smile_max_yaw;
  const raised = neutral.mouthCorners - face.mouthCorners >= policy.smile_corners_up;
  return ahead && raised ? face.mouthWidth / Math.max(neutral.mouthWidth, 1e-6) : 1;
}
