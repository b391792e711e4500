/** Which way a check goes: on this device, or as a stream to the server. */

import { type Check, CheckFault, type LivenessApi, type Step } from "./check.js";
import { StreamCheck } from "./stream-check.js";

/** A blink is only asked of a device that has frames to spare for it: what follows costs more than the measurement. */
const SPARE_FOR_BLINK = 1.3;

export type Path = "browser" | "stream";

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
  /** Whether this device was once measured as too slow to judge by itself. */
  private slow = false;

  /** The way that is `wanted`, or the better one. Throws a CheckFault. */
  async choose(wanted: "auto" | Path, video: HTMLVideoElement, api: LivenessApi, signal: AbortSignal): Promise<Way> {
    if (wanted === "browser" || (wanted === "auto" && this.mayJudge())) {
      const way = await this.byItself(wanted === "browser", video, api, signal).catch((error: unknown) => {
        if (wanted === "browser" || !(error instanceof CheckFault) || error.code !== "WASM_BLOCKED") throw error;
        this.blocked.add("browser");
        return null;
      });
      if (way !== null) return way;
    }
    return { path: "stream", check: new StreamCheck(() => api.accessToken()), exclude: [] };
  }

  /** Whether it is worth loading what judges; five megabytes are not, for somebody who has to save them. */
  private mayJudge(): boolean {
    const { connection } = navigator as { connection?: { saveData?: boolean } };
    return !this.blocked.has("browser") && !this.slow && !connection?.saveData;
  }

  /** The browser's own way; null where the device is too slow for it and does not have to. */
  private async byItself(forced: boolean, video: HTMLVideoElement, api: LivenessApi, signal: AbortSignal): Promise<Way | null> {
    const [{ loadFaceMesh }, { BrowserCheck, framesPerSecond }, { blinkPossible, policyOf }] = await Promise.all([
      import("./face-mesh.js"), import("./browser-check.js"), import("./policy.js"),
    ]).catch(() => {
      throw new CheckFault("WASM_BLOCKED"); // our own scripts, kept away by the network or an add-on
    });
    const [reader, told] = await Promise.all([loadFaceMesh(), api.policy()]);
    const policy = policyOf(told);
    const fps = await framesPerSecond(video, reader, signal);
    const quick = blinkPossible(policy, fps);
    this.slow = !quick;
    if (!quick && !forced && !this.blocked.has("stream")) return null;
    const exclude: readonly Step[] = blinkPossible(policy, fps / SPARE_FOR_BLINK) ? [] : ["BLINK"];
    return { path: "browser", check: new BrowserCheck(api, reader, policy), exclude };
  }
}
