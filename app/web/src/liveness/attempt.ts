/** One attempt, from the camera to its outcome; whatever way it ends, the camera is off afterwards. */

import { Camera } from "./camera.js";
import { CheckFault, type LivenessApi, type Outcome, type Step, type Watcher } from "./check.js";
import type { Path, Way, Ways } from "./ways.js";

export interface Attempt {
  readonly video: HTMLVideoElement;
  readonly api: LivenessApi;
  readonly ways: Ways;
  readonly wanted: "auto" | Path;
  readonly excluded: Iterable<Step>;
  readonly watcher: Watcher;
  /** Aborted with the reason for which the attempt ends early. */
  readonly run: AbortController;
  /** The camera gives pictures. */
  seen(): void;
  /** The challenge is drawn. */
  began(path: Path): void;
}

/** Carries the attempt out; throws a CheckFault, what the api threw, or the reason for which the run was aborted. */
export async function carryOut({ video, api, ways, wanted, excluded, watcher, run, seen, began }: Attempt): Promise<Outcome> {
  const { signal } = run;
  let camera: Camera | null = null;
  let way: Way | null = null;
  try {
    const opened = Camera.open(video, () => run.abort(new CheckFault("CAMERA_LOST")), signal);
    camera = await unlessAborted(opened, signal); // one that is permitted later than that switches itself off
    seen();
    way = await unlessAborted(ways.choose(wanted, video, api, signal), signal);
    // Drawn as late as can be: its time runs from here, and what the way cannot see is left out.
    const challenge = await unlessAborted(api.challenge([...new Set([...excluded, ...way.exclude])]), signal);
    began(way.path);
    return await traded(await way.check.run(video, challenge, watcher, signal), api);
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    way?.check.close();
    camera?.stop();
  }
}

/** What a stream for LOGIN ends with is a ticket only; the api that can makes a session of it. */
async function traded(outcome: Outcome, api: LivenessApi): Promise<Outcome> {
  const { ticket } = (outcome.answer ?? {}) as { ticket?: unknown };
  return outcome.success && typeof ticket === "string" && api.trade ? api.trade(ticket) : outcome;
}

/** What comes of `work`, or the reason for which nobody waits for it any more. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return Promise.race([work, new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  })]);
}
