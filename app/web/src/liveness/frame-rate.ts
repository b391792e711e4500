/** The frame rate as it is measured, not as it was promised. The same as liveness/frame_rate.py. */

const WINDOW_MS = 2000;
const LEAST_MS = 400; // a shorter stretch says nothing: one late frame halves it
const LEAST_FRAMES = 4;

/** Frames a second over the last two seconds. */
export class FrameRate {
  private readonly times: number[] = [];

  /** Takes the next frame's time. */
  add(tMs: number): void {
    this.times.push(tMs);
    while (tMs - this.times[0]! > WINDOW_MS) this.times.shift();
  }

  /** The rate, null while there is too little to tell. */
  get fps(): number | null {
    if (this.times.length < LEAST_FRAMES) return null;
    const spanMs = this.times.at(-1)! - this.times[0]!;
    return spanMs >= LEAST_MS ? ((this.times.length - 1) * 1000) / spanMs : null;
  }
}
