/** Is it still one face, and the same one? Continuity from frame to frame. The same as liveness/presence.py. */

import type { Measures } from "./measures.js";
import type { Policy } from "./policy.js";
import type { FrameRead, Reason } from "./session.js";

/** Watches for a face lost, a second one, or a jump that a person cannot make. */
export class Presence {
  faceEver = false;
  private last: { readonly tMs: number; readonly face: Measures } | null = null;
  private seenMs: number;
  private manySince: number | null = null;

  constructor(private readonly policy: Policy, startedMs: number) {
    this.seenMs = startedMs;
  }

  /** Takes the next frame; what is wrong for longer than a blip. */
  check({ tMs, face, faces }: FrameRead): Reason | null {
    if (face === null || faces === 0) return tMs - this.seenMs > this.policy.face_lost_ms ? "NO_FACE" : null;
    this.seenMs = tMs;
    this.faceEver = true;
    const before = this.last;
    this.last = { tMs, face };
    if (before !== null && this.jumped(before, tMs, face)) return "FACE_CHANGED";
    if (faces === 1) {
      this.manySince = null;
      return null;
    }
    this.manySince ??= tMs;
    return tMs - this.manySince >= this.policy.many_faces_ms ? "MULTIPLE_FACES" : null;
  }

  private jumped(before: { readonly tMs: number; readonly face: Measures }, tMs: number, face: Measures): boolean {
    if (tMs - before.tMs > this.policy.jump_within_ms) return false;
    const larger = Math.max(face.size, before.face.size, 1e-6);
    const smaller = Math.max(Math.min(face.size, before.face.size), 1e-6);
    const distance = Math.hypot(face.px - before.face.px, face.py - before.face.py);
    return distance > this.policy.max_jump * larger || larger > this.policy.max_scale_jump * smaller;
  }
}
