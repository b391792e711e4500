/** How sharp a face is: what FaceView of liveness/parallax.py measures, as near as a canvas comes to it. */

import { CHIN, type FaceMesh, FOREHEAD, LEFT_CHEEK, LEFT_EYE_OUTER, RIGHT_CHEEK, RIGHT_EYE_OUTER } from "./measures.js";

const PATCH = 80; // pixels
const FACE_IN_PATCH = 0.62;
const BORDER = PATCH / 5;
const LEAST_TONES = 4; // grey levels; below, there is nothing to be sharp

/** Cuts faces out upright at a fixed size. */
export class FacePatch {
  private readonly canvas = Object.assign(document.createElement("canvas"), { width: PATCH, height: PATCH });
  private readonly pen = this.canvas.getContext("2d", { alpha: false, willReadFrequently: true })!;

  /** Laplacian deviation over grey deviation of the middle of the face. */
  sharpness(picture: HTMLCanvasElement, { x, y }: FaceMesh): number {
    const gap = (a: number, b: number): [number, number] => [x[a]! - x[b]!, y[a]! - y[b]!];
    const size = Math.sqrt(Math.hypot(...gap(LEFT_CHEEK, RIGHT_CHEEK)) * Math.hypot(...gap(CHIN, FOREHEAD))) || 1;
    const scale = (PATCH * FACE_IN_PATCH) / size;
    const [acrossX, acrossY] = gap(LEFT_EYE_OUTER, RIGHT_EYE_OUTER);
    const { pen } = this;
    pen.setTransform(1, 0, 0, 1, PATCH / 2, PATCH / 2);
    pen.rotate(-Math.atan2(acrossY, acrossX));
    pen.scale(scale, scale);
    pen.translate(-(x[FOREHEAD]! + x[CHIN]!) / 2, -(y[FOREHEAD]! + y[CHIN]!) / 2);
    pen.imageSmoothingQuality = "high"; // shrinks without aliasing
    pen.drawImage(picture, 0, 0);
    return contrastOfEdges(pen.getImageData(0, 0, PATCH, PATCH).data);
  }
}

function contrastOfEdges(pixels: ArrayLike<number>): number {
  const grey = (row: number, column: number): number => {
    const at = 4 * (row * PATCH + column);
    return 0.299 * pixels[at]! + 0.587 * pixels[at + 1]! + 0.114 * pixels[at + 2]!;
  };
  const edges: number[] = [], tones: number[] = [];
  for (let row = BORDER; row < PATCH - BORDER; row += 1) {
    for (let column = BORDER; column < PATCH - BORDER; column += 1) {
      const here = grey(row, column);
      tones.push(here);
      edges.push(grey(row - 1, column) + grey(row + 1, column) + grey(row, column - 1) + grey(row, column + 1) - 4 * here);
    }
  }
  return deviation(edges) / Math.max(deviation(tones), LEAST_TONES);
}

function deviation(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}
