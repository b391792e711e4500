/**
 * The browser's own way of a check: this device follows the face, guides the person, and hands the server one still and
 * one frame for each step. What it says proves nothing by itself: the server reads the pictures again and may only deny.
 */

import { type Challenge, type Check, CheckFault, type LivenessApi, type Outcome, type Step, type Watcher } from "./check.js";
import { RESERVE } from "./evidence.js";
import type { FaceReader } from "./face-mesh.js";
import { FrameRate } from "./frame-rate.js";
import { brightness, type FaceMesh, measure, type Measures } from "./measures.js";
import { Fullest, jpeg, type Kept, Moment, Stills } from "./pictures.js";
import type { Policy } from "./policy.js";
import { type FrameRead, type Judged, type Reason, Session } from "./session.js";
import { FacePatch } from "./sharpness.js";

const WARM_UP_MS = 1500;
const WARM_UP_FRAMES = 3; // the first ones build what the next ones use
const WARM_UP_AT_MOST_MS = 6000;
const NO_FRAME_MS = 500;

/** Frames a second that this device manages to read, from the camera that is playing. */
export async function framesPerSecond(video: HTMLVideoElement, reader: FaceReader, signal: AbortSignal): Promise<number> {
  const moment = new Moment();
  const rate = new FrameRate();
  const began = performance.now();
  let firstMs: number | null = null;
  for (let frames = 0; ; frames += 1) {
    await nextFrame(video, signal);
    if (moment.take(video)) await reader.read(moment.canvas);
    const now = performance.now();
    if (frames >= WARM_UP_FRAMES) {
      firstMs ??= now;
      rate.add(now);
      if (now - firstMs >= WARM_UP_MS) break;
    }
    if (now - began >= WARM_UP_AT_MOST_MS) break;
  }
  return rate.fps ?? 0;
}

export class BrowserCheck implements Check {
  constructor(
    private readonly api: Pick<LivenessApi, "claim">,
    private readonly reader: FaceReader,
    private readonly policy: Policy,
  ) {}

  async run(video: HTMLVideoElement, challenge: Challenge, watcher: Watcher, signal: AbortSignal): Promise<Outcome> {
    await this.reader.reset();
    const attempt = new Attempt(this.reader, this.policy, challenge.steps, watcher);
    const shown = await attempt.film(video, signal);
    if (typeof shown === "string") return failed(shown, attempt);
    watcher.comparing();
    const [still, ...frames] = shown;
    return this.api.claim({
      token: challenge.token,
      frame: jpeg(still!),
      evidence: frames.map((kept, at) => ({ step: challenge.steps[at]!, frame: jpeg(kept), capturedAtMs: Math.round(kept.tMs) })),
    });
  }

  close(): void {
    // The engine is the page's, and stays for the next attempt.
  }
}

/** One challenge before the camera; times are milliseconds since the page had it. */
class Attempt {
  readonly session: Session;
  lastHint = "NO_FACE";
  private readonly beganMs = performance.now();
  private readonly moment = new Moment();
  private readonly patch = new FacePatch();
  private readonly stills: Stills;
  private readonly kept: Kept[] = [];
  private fullest: Fullest | null = null;

  constructor(
    private readonly reader: FaceReader,
    private readonly policy: Policy,
    private readonly steps: readonly Step[],
    private readonly watcher: Watcher,
  ) {
    this.stills = new Stills(policy);
    this.session = new Session(steps, policy, 0, () => (this.fullest?.best?.fullness ?? -1) >= RESERVE);
  }

  /** The still and the steps' frames in their order, or why there are none. */
  async film(video: HTMLVideoElement, signal: AbortSignal): Promise<Kept[] | Reason> {
    this.watcher.prompted({ step: null, index: 0, of: this.steps.length });
    while (this.session.step !== null) {
      const fresh = await nextFrame(video, signal);
      const fault = fresh && this.moment.take(video) ? await this.look() : this.session.tick(this.now());
      signal.throwIfAborted();
      if (fault !== null) return fault;
    }
    return this.kept;
  }

  private now(): number {
    return performance.now() - this.beganMs;
  }

  private async look(): Promise<Reason | null> {
    const tMs = this.now();
    const [mesh, ...others] = await this.reader.read(this.moment.canvas);
    const frame = this.frame(tMs, mesh ?? null, others.length);
    if (this.session.state === "AWAITING_GESTURE" && frame.face !== null) this.fullest!.add(this.moment.canvas, frame.face, tMs);
    const judged = this.session.receive(frame);
    this.keep(judged, frame);
    if (judged.told !== null) {
      this.lastHint = judged.told.hint;
      this.watcher.judged(judged.told);
    }
    if (judged.neutralFound) this.prompt();
    if (judged.passed !== null) {
      this.watcher.passed(judged.passed);
      if (this.session.step !== null) this.prompt();
    }
    return judged.fault;
  }

  private frame(tMs: number, mesh: FaceMesh | null, others: number): FrameRead {
    if (mesh === null) return { tMs, face: null, faces: 0, light: { brightness: 0, sharpness: null } };
    const sharpness = this.session.neutral === null ? this.patch.sharpness(this.moment.canvas, mesh) : null;
    return { tMs, face: measure(mesh), faces: 1 + others, light: { brightness: brightness(this.moment.pixels, mesh), sharpness } };
  }

  /** Keeps what the server is to see of this frame. */
  private keep({ told, neutralFound, passed }: Judged, { face, light, tMs }: FrameRead): void {
    if (this.kept.length === 0 && told !== null) {
      if (face !== null && (told.hint === "HOLD_STILL" || neutralFound)) {
        this.stills.add(this.moment.large, face, light.sharpness ?? 0, tMs);
      } else {
        this.stills.clear();
      }
    }
    if (neutralFound) this.kept.push(this.stills.best(this.session.neutral!)!);
    if (passed !== null) this.kept.push(this.fullest!.best!);
  }

  /** Asks for the step that is next. */
  private prompt(): void {
    const { step, index } = this.session;
    this.fullest = new Fullest(step!, this.rest, this.policy);
    this.watcher.prompted({ step, index, of: this.steps.length });
  }

  /** The face in the still, which the server measures every step against. */
  private get rest(): Measures {
    return this.kept[0]!.face;
  }
}

/** Waits for the next picture of the camera; false when none came for a while. */
async function nextFrame(video: HTMLVideoElement, signal: AbortSignal): Promise<boolean> {
  signal.throwIfAborted();
  return new Promise<boolean>(resolve => {
    const timer = setTimeout(() => resolve(false), NO_FRAME_MS);
    const came = (): void => {
      clearTimeout(timer);
      resolve(true);
    };
    if ("requestVideoFrameCallback" in video) video.requestVideoFrameCallback(came);
    else requestAnimationFrame(came);
  });
}

/** What the person is told of an attempt that earned nothing; its challenge stays unused and ends by itself. */
function failed(reason: Reason, { session, lastHint }: Attempt): Outcome {
  switch (reason) {
    case "NEUTRAL_TIMED_OUT":
    case "STEP_TIMED_OUT":
    case "ATTEMPT_TIMED_OUT":
      throw new CheckFault("TIMED_OUT");
    case "FRAME_RATE_TOO_LOW":
      throw new CheckFault("TOO_SLOW");
    case "NO_FACE":
      if (session.neutral !== null) throw new CheckFault("FACE_LOST");
      return { success: false, error: "NO_FACE" };
    case "POOR_PICTURE":
      if (lastHint === "TOO_DARK") throw new CheckFault("TOO_DARK");
      return { success: false, error: "LOW_QUALITY" };
    case "MULTIPLE_FACES":
      return { success: false, error: "MULTIPLE_FACES" };
    case "OPPOSITE_TURN":
    case "TOO_FAST":
    case "FACE_CHANGED":
      return { success: false, error: "CHALLENGE_FAILED" };
  }
}
