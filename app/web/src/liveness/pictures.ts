/** The pictures of a check in the browser: the one that is judged now, and those that are kept for the server. */

import type { Step } from "./check.js";
import { fullness } from "./evidence.js";
import type { Measures } from "./measures.js";
import type { Neutral } from "./neutral.js";
import type { Policy } from "./policy.js";

const STILL_PX = 640; // the longer side of the picture that is compared with the photo
const JUDGED_PX = 320; // of every other: what the stream sends too
const STILLS = 6;
const MOST_BYTES = 200 * 1024; // the server takes 256 KiB
const QUALITIES = [0.9, 0.75, 0.5];

/** The camera's picture of one moment, in pixels that stay the same while they are read, judged and sent. */
export class Moment {
  /** What is judged. */
  readonly canvas = document.createElement("canvas");
  /** The same moment, larger. */
  readonly large = document.createElement("canvas");

  /** Takes what the video shows now; false while it shows nothing. */
  take(video: HTMLVideoElement): boolean {
    const { videoWidth, videoHeight } = video;
    if (!videoWidth || !videoHeight) return false;
    draw(this.large, video, videoWidth, videoHeight, STILL_PX);
    draw(this.canvas, this.large, this.large.width, this.large.height, JUDGED_PX);
    return true;
  }

  get pixels(): Uint8ClampedArray {
    return pen(this.canvas).getImageData(0, 0, this.canvas.width, this.canvas.height).data;
  }
}

/** A kept picture, and what was read from it. */
export interface Kept {
  readonly canvas: HTMLCanvasElement;
  readonly face: Measures;
  readonly tMs: number;
}

/** The newest pictures of somebody who looks ahead; the best of them is the still that is compared with the photo. */
export class Stills {
  private kept: { readonly canvas: HTMLCanvasElement; face: Measures; sharpness: number; tMs: number }[] = [];

  constructor(private readonly policy: Policy) {}

  add(picture: HTMLCanvasElement, face: Measures, sharpness: number, tMs: number): void {
    if (face.mouth > this.policy.neutral_max_mouth) return;
    const canvas = this.kept.length < STILLS ? document.createElement("canvas") : this.kept.shift()!.canvas;
    draw(canvas, picture, picture.width, picture.height, STILL_PX);
    this.kept.push({ canvas, face, sharpness, tMs });
  }

  clear(): void {
    this.kept = [];
  }

  /** The one with the most open eyes, the sharpest lines and the head nearest to its middle position. */
  best(neutral: Neutral): Kept | null {
    const { policy } = this;
    const sinceMs = (this.kept.at(-1)?.tMs ?? 0) - policy.neutral_hold_ms; // what is older may be another pose, or person
    const kept = this.kept.filter(({ tMs }) => tMs >= sinceMs);
    const openest = Math.max(...kept.map(({ face }) => face.ear)), sharpest = Math.max(...kept.map(still => still.sharpness));
    const merit = ({ face, sharpness }: (typeof kept)[number]): number =>
      face.ear / openest + sharpness / Math.max(sharpest, 1e-6)
      - Math.abs(face.yaw - neutral.yaw) / policy.neutral_yaw_spread - Math.abs(face.pitch - neutral.pitch) / policy.neutral_pitch_spread;
    return kept.sort((a, b) => merit(b) - merit(a))[0] ?? null;
  }
}

/** The picture of one step in which its gesture is fullest. */
export class Fullest {
  best: (Kept & { readonly fullness: number }) | null = null;

  constructor(private readonly step: Step, private readonly rest: Measures, private readonly policy: Policy) {}

  add(picture: HTMLCanvasElement, face: Measures, tMs: number): void {
    const now = fullness(this.step, this.rest, face, this.policy);
    if (now < 0 || (this.best !== null && now <= this.best.fullness)) return;
    const canvas = this.best?.canvas ?? document.createElement("canvas");
    draw(canvas, picture, picture.width, picture.height, JUDGED_PX);
    this.best = { canvas, face, tMs, fullness: now };
  }
}

/** The picture as base64 JPEG, small enough for the server. */
export function jpeg({ canvas }: Kept): string {
  let text = "";
  for (const quality of QUALITIES) {
    text = canvas.toDataURL("image/jpeg", quality).split(",")[1]!;
    if (text.length * 0.75 <= MOST_BYTES) break;
  }
  return text;
}

function draw(canvas: HTMLCanvasElement, from: CanvasImageSource, width: number, height: number, longest: number): void {
  const scale = Math.min(1, longest / Math.max(width, height));
  const [wide, high] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
  const onto = pen(canvas);
  onto.imageSmoothingQuality = "high";
  onto.drawImage(from, 0, 0, wide, high);
}

function pen(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  return canvas.getContext("2d", { alpha: false, willReadFrequently: true })!;
}
