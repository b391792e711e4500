/** The square of a picture that is shown, moved by pointer or keys and made larger by a slider; pure but for drawing. */

const MOST_PIXELS = 1024;
const KEY_STEP = 0.03;

export class Crop {
  zoom = 1;
  /** The middle of the square, as a part of the picture's width and height. */
  private x = 0.5;
  private y = 0.5;

  constructor(readonly picture: ImageBitmap) {
    this.keepInside();
  }

  /** The edge of the square in pixels of the picture. */
  get edge(): number {
    return Math.min(this.picture.width, this.picture.height) / this.zoom;
  }

  zoomTo(zoom: number): void {
    this.zoom = Math.min(4, Math.max(1, zoom));
    this.keepInside();
  }

  /** Moves the picture under the square, by parts of the square's edge. */
  move(dx: number, dy: number): void {
    this.x -= (dx * this.edge) / this.picture.width;
    this.y -= (dy * this.edge) / this.picture.height;
    this.keepInside();
  }

  /** What an arrow key, plus or minus does; false for any other. */
  key(name: string): boolean {
    const moves: Readonly<Record<string, readonly [number, number]>> = {
      ArrowLeft: [KEY_STEP, 0], ArrowRight: [-KEY_STEP, 0], ArrowUp: [0, KEY_STEP], ArrowDown: [0, -KEY_STEP],
    };
    const move = moves[name];
    if (move) this.move(...move);
    else if (name === "+" || name === "-") this.zoomTo(this.zoom + (name === "+" ? 0.1 : -0.1));
    else return false;
    return true;
  }

  draw(canvas: HTMLCanvasElement): void {
    const { edge, picture } = this;
    const context = canvas.getContext("2d");
    if (!context) return;
    context.imageSmoothingQuality = "high";
    context.drawImage(picture, this.x * picture.width - edge / 2, this.y * picture.height - edge / 2, edge, edge, 0, 0, canvas.width, canvas.height);
  }

  /** The square as a JPEG, no larger than the picture has pixels for. */
  async file(): Promise<Blob> {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = Math.round(Math.min(MOST_PIXELS, this.edge));
    this.draw(canvas);
    const blob = await new Promise<Blob | null>(resolve => {
      canvas.toBlob(resolve, "image/jpeg", 0.92);
    });
    if (!blob) throw new Error("the picture could not be written");
    return blob;
  }

  private keepInside(): void {
    const [halfX, halfY] = [this.edge / 2 / this.picture.width, this.edge / 2 / this.picture.height];
    this.x = Math.min(1 - halfX, Math.max(halfX, this.x));
    this.y = Math.min(1 - halfY, Math.max(halfY, this.y));
  }
}
