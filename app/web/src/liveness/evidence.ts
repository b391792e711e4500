/** Which frame shows a step best, by the rules that the server has for the one frame it gets (liveness/evidence.py). */

import type { Step } from "./check.js";
import type { Measures } from "./measures.js";
import type { Policy } from "./policy.js";

/** How far beyond its limit a frame has to be, as a share of the limit: the server reads it anew, from a smaller picture. */
export const RESERVE = 0.05;

/** How far the frame is beyond what the server asks of this step, as a share of it; below 0 the server would refuse it. */
export function fullness(step: Step, rest: Measures, now: Measures, policy: Policy): number {
  const yaw = now.yaw - rest.yaw, pitch = now.pitch - rest.pitch;
  switch (step) {
    case "LOOK_LEFT":
    case "LOOK_RIGHT": {
      const sign = step === "LOOK_LEFT" ? 1 : -1;
      const needed = Math.max(policy.turn_full, policy.turn_full_absolute - sign * rest.yaw);
      return turned(sign * yaw, Math.abs(pitch), needed);
    }
    case "LOOK_UP":
      return turned(pitch, Math.abs(yaw), policy.tilt_full);
    case "LOOK_DOWN":
      return turned(-pitch, Math.abs(yaw), policy.tilt_full);
    case "BLINK": {
      // Turning or tilting narrows the eyes as well.
      if (Math.abs(yaw) >= policy.turn_full || Math.abs(pitch) >= policy.tilt_full) return -1;
      const open = Math.max(now.ear / Math.max(rest.ear, 1e-6), now.lids / Math.max(rest.lids, 1e-6));
      return 1 - open / policy.blink_closed;
    }
    case "OPEN_MOUTH":
      return now.mouth / Math.max(policy.mouth_open, rest.mouth + policy.mouth_open_above_neutral) - 1;
    case "SMILE": {
      if (Math.abs(yaw) > policy.smile_max_yaw) return -1;
      const wider = (now.mouthWidth / Math.max(rest.mouthWidth, 1e-6) - 1) / (policy.smile_wider - 1);
      const raised = (rest.mouthCorners - now.mouthCorners) / policy.smile_corners_up;
      return Math.min(wider, raised) - 1;
    }
  }
}

function turned(degrees: number, aside: number, needed: number): number {
  return Math.min(degrees / needed - 1, (degrees - aside) / needed);
}
