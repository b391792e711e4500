/** Finding the person's own neutral face: near frontal, steady, eyes open, for long enough. As liveness/neutral.py. */

import type { Measures } from "./measures.js";
import type { Policy } from "./policy.js";

/** The person's own neutral face in this attempt: medians over the frames that held it. */
export interface Neutral {
  readonly yaw: number;
  readonly pitch: number;
  readonly mouth: number;
  readonly mouthWidth: number;
  readonly mouthCorners: number;
}

/** Collects frames until they hold a neutral pose; a frame that breaks it drops the ones before it. */
export class NeutralSeeker {
  private held: { readonly tMs: number; readonly face: Measures }[] = [];

  constructor(private readonly policy: Policy) {}

  /** Whether one frame's pose may be neutral at all. */
  looksAhead(face: Measures): boolean {
    const { policy } = this;
    return (
      Math.abs(face.yaw) <= policy.neutral_max_yaw &&
      policy.neutral_min_pitch <= face.pitch && face.pitch <= policy.neutral_max_pitch &&
      Math.abs(face.roll) <= policy.neutral_max_roll
    );
  }

  /** Starts over. */
  reset(): void {
    this.held = [];
  }

  /** Takes a frame that looks ahead; how much of the hold is done, 1 when neutral is found. */
  update(tMs: number, face: Measures): number {
    const { policy } = this;
    if (this.held.length > 0 && tMs - this.held.at(-1)!.tMs > policy.max_frame_gap_ms) this.held = [];
    this.held.push({ tMs, face });
    while (this.held.length > 1 && !this.steady()) this.held.shift();
    // The newest frame would be the one that is kept and compared: wait for a better one.
    if (!this.eyesOpen() || face.mouth > policy.neutral_max_mouth) return Math.min(0.95, this.share());
    const done = this.share();
    return this.held.length >= policy.neutral_min_frames ? done : Math.min(0.95, done);
  }

  /** The medians over the hold. */
  neutral(): Neutral {
    const middle = (name: keyof Neutral): number => median(this.held.map(({ face }) => face[name]));
    return {
      yaw: middle("yaw"),
      pitch: middle("pitch"),
      mouth: middle("mouth"),
      mouthWidth: middle("mouthWidth"),
      mouthCorners: middle("mouthCorners"),
    };
  }

  private share(): number {
    return Math.min(1, (this.held.at(-1)!.tMs - this.held[0]!.tMs) / this.policy.neutral_hold_ms);
  }

  private steady(): boolean {
    const yaws = this.held.map(({ face }) => face.yaw), pitches = this.held.map(({ face }) => face.pitch);
    return (
      Math.max(...yaws) - Math.min(...yaws) <= this.policy.neutral_yaw_spread &&
      Math.max(...pitches) - Math.min(...pitches) <= this.policy.neutral_pitch_spread
    );
  }

  private eyesOpen(): boolean {
    const best = Math.max(...this.held.map(({ face }) => face.ear));
    return this.held.at(-1)!.face.ear >= this.policy.neutral_min_eye_of_best * best;
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
