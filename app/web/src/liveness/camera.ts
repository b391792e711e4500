/** The camera: opened on a <video>, told of when it goes away, and stopped for good. */

import { CheckFault, type FaultCode } from "./check.js";

const WANTED: MediaStreamConstraints = {
  audio: false,
  video: { facingMode: "user", width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } },
};
/** Another program that takes the camera for a moment only is waited for. */
const MUTED_FOR_MS = 3000;
const FIRST_PICTURE_MS = 10_000;

/** What getUserMedia throws, by name (Media Capture and Streams, 10.3.1; older browsers' names among them). */
const FAULTS: Readonly<Record<string, FaultCode>> = {
  NotAllowedError: "CAMERA_DENIED",
  PermissionDeniedError: "CAMERA_DENIED",
  SecurityError: "CAMERA_DENIED",
  NotFoundError: "NO_CAMERA",
  DevicesNotFoundError: "NO_CAMERA",
  OverconstrainedError: "NO_CAMERA",
  NotReadableError: "CAMERA_IN_USE",
  TrackStartError: "CAMERA_IN_USE",
  AbortError: "CAMERA_IN_USE",
};

export class Camera {
  private muted = 0;

  private constructor(private readonly video: HTMLVideoElement, private readonly stream: MediaStream, lost: () => void) {
    for (const track of stream.getVideoTracks()) {
      track.onended = lost;
      track.onmute = () => {
        this.muted = window.setTimeout(lost, MUTED_FOR_MS);
      };
      track.onunmute = () => clearTimeout(this.muted);
    }
  }

  /** Shows the camera on `video` as soon as it gives pictures; `lost` is called when it is taken away. Throws a CheckFault. */
  static async open(video: HTMLVideoElement, lost: () => void, signal: AbortSignal): Promise<Camera> {
    const devices = navigator.mediaDevices as MediaDevices | undefined;
    if (!isSecureContext || !devices?.getUserMedia) throw new CheckFault("INSECURE_ORIGIN");
    let stream: MediaStream;
    try {
      stream = await devices.getUserMedia(WANTED);
    } catch (error) {
      throw new CheckFault(FAULTS[(error as DOMException).name] ?? "NO_CAMERA");
    }
    const camera = new Camera(video, stream, lost);
    try {
      signal.throwIfAborted(); // stopped while the browser asked for permission
      video.srcObject = stream;
      await playing(video, signal);
      return camera;
    } catch (error) {
      camera.stop();
      throw error;
    }
  }

  /** Switches the camera off, and its light with it. */
  stop(): void {
    clearTimeout(this.muted);
    for (const track of this.stream.getTracks()) {
      track.onended = track.onmute = track.onunmute = null;
      track.stop();
    }
    if (this.video.srcObject === this.stream) this.video.srcObject = null;
  }
}

async function playing(video: HTMLVideoElement, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const fail = (): void => reject(signal.aborted ? signal.reason : new CheckFault("CAMERA_IN_USE"));
    const timer = setTimeout(fail, FIRST_PICTURE_MS); // permitted, but black: another program holds it
    signal.addEventListener("abort", fail, { once: true });
    video.addEventListener("loadeddata", () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
    video.play().catch(fail);
  });
}
