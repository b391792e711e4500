/** From a frame's measures to the one thing the person should change first. The same as liveness/hints.py. */

import type { Hint } from "./check.js";
import type { Light, Measures } from "./measures.js";
import type { Policy } from "./policy.js";

/** Why this frame cannot be judged, or null; strict while `seeking` the neutral pose, later loose. */
export function obstacle(face: Measures | null, faces: number, light: Light, policy: Policy, seeking: boolean): Hint | null {
  if (face === null || faces === 0) return "NO_FACE";
  if (faces > 1) return "MULTIPLE_FACES";
  if (light.brightness < policy.min_brightness) return "TOO_DARK";
  if (light.brightness > policy.max_brightness) return "TOO_BRIGHT";
  const smallest = seeking ? policy.min_face_share : policy.min_face_share_later;
  const largest = seeking ? policy.max_face_share : policy.max_face_share_later;
  if (face.share < smallest) return "MOVE_CLOSER";
  if (face.share > largest) return "MOVE_BACK";
  if (!face.inside) return "CENTER_FACE";
  if (seeking && Math.max(Math.abs(face.x - 0.5), Math.abs(face.y - 0.5)) > policy.max_off_centre) return "CENTER_FACE";
  if (seeking && light.sharpness !== null && light.sharpness < policy.min_sharpness) return "BLURRED";
  return null;
}
