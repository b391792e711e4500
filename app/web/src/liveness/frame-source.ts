/** JPEGs of a playing <video>: small, not mirrored, each no larger than asked. */

const LONG_SIDE_PX = 320;
const QUALITIES = [0.75, 0.55, 0.35, 0.2];

export class FrameSource {
  private readonly canvas = document.createElement("canvas");
  private readonly context = this.canvas.getContext("2d", { alpha: false });

  constructor(private readonly video: HTMLVideoElement) {}

  /** The picture of now; null while there is none, or when none is small enough. */
  async jpeg(maxBytes: number): Promise<Blob | null> {
    const { video, canvas, context } = this;
    const { videoWidth, videoHeight } = video;
    if (!context || !videoWidth || !videoHeight) return null;
    const scale = Math.min(1, LONG_SIDE_PX / Math.max(videoWidth, videoHeight));
    const [width, height] = [Math.round(videoWidth * scale), Math.round(videoHeight * scale)];
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    context.drawImage(video, 0, 0, width, height);
    for (const quality of QUALITIES) {
      const blob = await new Promise<Blob | null>(resolve => canvas.toBlob(resolve, "image/jpeg", quality));
      if (blob && blob.size <= maxBytes) return blob;
    }
    return null;
  }

  /** Forgets the last picture. */
  close(): void {
    this.canvas.width = this.canvas.height = 0;
  }
}
