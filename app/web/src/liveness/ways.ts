/** Which way a check goes: on this device, or as a stream to the server. */

import { type Check, CheckFault, type LivenessApi, type Step } from "./check.js";
import { StreamCheck } from "./stream-check.js";

export type Path = "browser" | "stream";

/** Frames a second that the device must manage to judge for itself, and below which nobody can see a blink. */
export const ENOUGH_FPS = 12;

export interface Way {
  readonly path: Path;
  readonly check: Check;
  /** What this way cannot see. */
  readonly exclude: readonly Step[];
}

/** What is known of both ways, for as long as the element lives. */
export class Ways {
  /** The ways that turned out to be blocked here. */
  readonly blocked = new Set<Path>();

  /** The way that is `wanted`, or the better one. Throws a CheckFault. */
  async choose(_wanted: "auto" | Path, _video: HTMLVideoElement, api: LivenessApi, _signal: AbortSignal): Promise<Way> {
    if (_wanted === "browser") throw new CheckFault("WASM_BLOCKED");
    return { path: "stream", check: new StreamCheck(() => api.accessToken()), exclude: [] };
  }
}
