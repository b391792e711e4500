/** What one frame says about a face: angles, eyes, mouth, place and light. The same as liveness/measures.py. */

/** One face in one picture: landmarks in pixels, x right and y down; z on the same scale, smaller is nearer. */
export interface FaceMesh {
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
  readonly z: ArrayLike<number>;
  readonly width: number;
  readonly height: number;
}

/** One face in numbers; see Measures in liveness/measures.py. Yaw is positive to the person's own left, pitch up. */
export interface Measures {
  readonly yaw: number;
  readonly pitch: number;
  readonly roll: number;
  readonly ear: number;
  readonly lids: number;
  readonly mouth: number;
  readonly mouthWidth: number;
  readonly mouthCorners: number;
  readonly size: number;
  readonly share: number;
  readonly x: number;
  readonly y: number;
  readonly px: number;
  readonly py: number;
  readonly inside: boolean;
}

/** Mean luma of the face, 0 to 255, and the sharpness of its patch when somebody asked for it. */
export interface Light {
  readonly brightness: number;
  readonly sharpness: number | null;
}

// Indices of the FaceMesh topology; "right" and "left" are the subject's own.
export const FOREHEAD = 10, CHIN = 152, RIGHT_EYE_OUTER = 33, LEFT_EYE_OUTER = 263, RIGHT_CHEEK = 234, LEFT_CHEEK = 454;
const RIGHT_EYE_INNER = 133, LEFT_EYE_INNER = 362, NOSE_BASE = 2, NOSE_BRIDGE = 168;
/** Two pairs of upper and lower lid. */
type Lids = readonly [readonly [number, number], readonly [number, number]];
const RIGHT_LIDS: Lids = [[160, 144], [158, 153]];
const LEFT_LIDS: Lids = [[385, 380], [387, 373]];
const LIP_UP = 13, LIP_LOW = 14, RIGHT_CORNER = 61, LEFT_CORNER = 291;
const OUTLINE = 468; // the points of the face; those of the irises follow
const SMALL_SHIFT = 2;
const DEGREES = 180 / Math.PI;

/** Reads a mesh of a picture that is not mirrored. */
export function measure(mesh: FaceMesh): Measures {
  const x = (index: number): number => mesh.x[index]!;
  const y = (index: number): number => mesh.y[index]!;
  const z = (index: number): number => mesh.z[index]!;
  const gap = (a: number, b: number): number => Math.hypot(x(a) - x(b), y(a) - y(b));
  const lids = ([a, b]: Lids): number => (gap(...a) + gap(...b)) / 2;

  // Across the eyes, and down the face; their cross product looks into the head.
  const ax = x(LEFT_EYE_OUTER) - x(RIGHT_EYE_OUTER), ay = y(LEFT_EYE_OUTER) - y(RIGHT_EYE_OUTER), az = z(LEFT_EYE_OUTER) - z(RIGHT_EYE_OUTER);
  const dx = x(CHIN) - x(FOREHEAD), dy = y(CHIN) - y(FOREHEAD), dz = z(CHIN) - z(FOREHEAD);
  const nx = ay * dz - az * dy, ny = az * dx - ax * dz, nz = ax * dy - ay * dx;
  const length = Math.sqrt(nx * nx + ny * ny + nz * nz) || 1;

  const eyes = Math.hypot(ax, ay) || 1;
  const height = Math.hypot(dx, dy) || 1;
  const width = gap(RIGHT_CHEEK, LEFT_CHEEK) || 1;
  const upper = gap(FOREHEAD, NOSE_BASE) || 1;
  const rightLids = lids(RIGHT_LIDS), leftLids = lids(LEFT_LIDS);
  const rightEye = gap(RIGHT_EYE_OUTER, RIGHT_EYE_INNER) || 1;
  const leftEye = gap(LEFT_EYE_INNER, LEFT_EYE_OUTER) || 1;

  const mouthWidth = gap(RIGHT_CORNER, LEFT_CORNER) || 1;
  const downX = -ay / eyes, downY = ax / eyes;
  const corners =
    ((x(RIGHT_CORNER) + x(LEFT_CORNER)) / 2) * downX + ((y(RIGHT_CORNER) + y(LEFT_CORNER)) / 2) * downY - x(NOSE_BASE) * downX - y(NOSE_BASE) * downY;
  const size = Math.sqrt(width * height);
  return {
    yaw: Math.atan2(-nx, nz) * DEGREES,
    pitch: Math.asin(Math.max(-1, Math.min(1, ny / length))) * DEGREES,
    roll: Math.atan2(ay, ax) * DEGREES,
    ear: (rightLids / rightEye + leftLids / leftEye) / 2,
    lids: (rightLids + leftLids) / 2 / upper,
    mouth: gap(LIP_UP, LIP_LOW) / mouthWidth,
    mouthWidth: mouthWidth / eyes,
    mouthCorners: corners / eyes,
    size,
    share: size / Math.min(mesh.width, mesh.height),
    x: x(NOSE_BRIDGE) / mesh.width,
    y: y(NOSE_BRIDGE) / mesh.height,
    px: x(NOSE_BRIDGE),
    py: y(NOSE_BRIDGE),
    inside: isInside(mesh),
  };
}

/** The mean luma of the face's box, 0 to 255, from a sparse grid of the pixels (RGBA) of the mesh's picture. */
export function brightness(pixels: ArrayLike<number>, mesh: FaceMesh): number {
  const right = Math.trunc(mesh.x[RIGHT_CHEEK]!), left = Math.trunc(mesh.x[LEFT_CHEEK]!);
  const top = Math.trunc(mesh.y[FOREHEAD]!), bottom = Math.trunc(mesh.y[CHIN]!);
  const low = Math.min(left, right), high = Math.max(left, right);
  const step = Math.max(SMALL_SHIFT, Math.floor((high - low) / 32));
  let sum = 0, count = 0;
  for (let row = Math.max(top, 0); row < Math.min(Math.max(bottom, 1), mesh.height); row += step) {
    for (let column = Math.max(low, 0); column < Math.min(Math.max(high, 1), mesh.width); column += step) {
      const at = 4 * (row * mesh.width + column);
      sum += 0.299 * pixels[at]! + 0.587 * pixels[at + 1]! + 0.114 * pixels[at + 2]!;
      count += 1;
    }
  }
  return count === 0 ? 0 : sum / count;
}

function isInside(mesh: FaceMesh): boolean {
  for (let index = 0; index < OUTLINE; index += 1) {
    const x = mesh.x[index]!, y = mesh.y[index]!;
    if (x < 0 || y < 0 || x > mesh.width || y > mesh.height) return false;
  }
  return true;
}
