/** Each way a check can end, in words, and what can be done next. */

import type { FaultCode, Purpose } from "./check.js";

/** The words of VerificationError (schema.graphql). */
type OutcomeCode =
  | "FACE_MISMATCH" | "TOKEN_EXPIRED" | "NO_PROFILE_PHOTO" | "FACE_AMBIGUOUS" | "CHALLENGE_FAILED" | "NO_FACE"
  | "MULTIPLE_FACES" | "LOW_QUALITY" | "TOO_MANY_ATTEMPTS" | "BUSY";

/** Every way; one without a screen does not compile. */
export type EndCode = OutcomeCode | FaultCode;

/** `again` begins a new attempt; `other` does so the other way; `all` does so with every prompt allowed again. */
export type Action = "again" | "other" | "all" | "photo" | "sign-in";

export interface Screen {
  readonly title: string;
  readonly text: string;
  /** The first is the one that helps most. */
  readonly actions: readonly Action[];
}

const screen = (title: string, text: string, ...actions: Action[]): Screen => ({ title, text, actions });

const LIGHT = "Let light fall on your face from the front, and take off what covers it.";
const EXPIRED = screen("That took too long", "Prompts are good for five minutes and one try. New ones are drawn when you begin again.", "again");

/** To the text of CAMERA_DENIED comes the way in this browser (camera-settings.ts); REFUSED has the server's own, if it said one. */
export const SCREENS: Readonly<Record<EndCode, Screen>> = {
  // What the server made of it.
  FACE_MISMATCH: screen("The faces do not match", "The face before the camera does not look like the one in your profile photo. A recent photo that shows your face from the front helps most.", "again", "photo"),
  TOKEN_EXPIRED: EXPIRED,
  NO_PROFILE_PHOTO: screen("There is no photo to compare with", "Add a profile photo that shows your face, then come back here.", "photo", "again"),
  FACE_AMBIGUOUS: screen("We cannot tell whose face this is", `Somebody looks much like you, or the picture was not clear. ${LIGHT}`, "again", "sign-in"),
  CHALLENGE_FAILED: screen("That was not seen as asked", `Wait for each prompt, do it slowly and fully, then look straight ahead again. ${LIGHT}`, "again", "other"),
  NO_FACE: screen("No face was seen", `Hold the camera at the height of your eyes, with your face in the oval. ${LIGHT}`, "again"),
  MULTIPLE_FACES: screen("More than one face was seen", "Only you should be in the picture; a poster behind you counts too. Turn so that the wall behind you is empty.", "again"),
  LOW_QUALITY: screen("The picture is not clear enough", `It is too dark, too bright or not sharp. Wipe the camera. ${LIGHT}`, "again"),
  TOO_MANY_ATTEMPTS: screen("Too many tries in a row", "A short pause keeps others from guessing. Everything else works meanwhile.", "again"),
  BUSY: screen("Many people are being checked right now", "A place is free again soon. It costs you none of your tries.", "again", "other"),

  // The camera.
  CAMERA_DENIED: screen("The camera is not allowed here", "Allow it for this page, then try again.", "again"),
  NO_CAMERA: screen("No camera was found", "Plug one in or switch it on, or open this page on a phone. A cover or a switch on the device can hide the camera too.", "again"),
  CAMERA_IN_USE: screen("Another program uses the camera", "Close video calls and other tabs that use the camera, then try again.", "again"),
  CAMERA_LOST: screen("The camera went away", "It was unplugged, switched off, or another program took it. Look after it, then try again.", "again"),
  INSECURE_ORIGIN: screen("The camera needs a secure address", "Browsers give the camera only to pages whose address begins with https://. Open this page there; if it has no such address, tell whoever runs it.", "again"),
  PAGE_HIDDEN: screen("The check stopped in the background", "The camera was switched off because something else was in front. Keep this page in front until it is done.", "again"),

  // The way to go.
  WASM_BLOCKED: screen("This browser cannot check by itself", "WebAssembly is missing, switched off or blocked. The server can look at the camera's pictures instead.", "other", "again"),
  TOO_SLOW: screen("Too few pictures came through", "This device or its connection is too slow for this way. The other way may do better.", "other", "again"),
  SOCKET_BLOCKED: screen("The live connection is blocked", "The page was reached, but not the connection that carries the pictures: a company network or an add-on can do that. This device can check by itself instead; or try another network.", "other", "again"),
  CONNECTION_LOST: screen("The connection broke off", "This try is spent; a new one is quickly done. If it keeps breaking, let this device check by itself.", "again", "other"),
  OFFLINE: screen("The server cannot be reached", "Check your connection, then try again.", "again"),

  // How it went.
  EXPIRED,
  TIMED_OUT: screen("That took too long", "Follow each prompt within a few seconds. Begin again when you are ready.", "again", "other"),
  FACE_LOST: screen("Your face left the picture", "Stay in the oval until all steps are done, also while you turn your head.", "again"),
  TOO_DARK: screen("It is too dark", "Switch a lamp on, or turn towards a window.", "again"),
  SIGNED_OUT: screen("You are not signed in any more", "Sign in again, then come back here.", "sign-in", "again"),
  REFUSED: screen("The server does not allow this", "Reload the page and try again. If it stays so, tell whoever runs it.", "again"),
  CANNOT_EXCLUDE: screen("No other prompt is left", "One turn of the head must remain, or nobody could tell a person from a photo. You can begin again with every prompt. Without the check, everything else works.", "all"),
  BROKEN: screen("Something broke", "That is our fault, not yours. Try again in a minute.", "again", "other"),
};

/** Where the purpose wants other words. */
const ENROLLED = screen("The faces do not match", `The face before the camera does not look like the one that was enrolled. ${LIGHT}`, "again");
const OF_PURPOSE: Readonly<Partial<Record<Purpose, Partial<Record<EndCode, Screen>>>>> = {
  LOGIN: { FACE_MISMATCH: { ...ENROLLED, actions: ["again", "sign-in"] } },
  STEP_UP: { FACE_MISMATCH: ENROLLED, FACE_AMBIGUOUS: { ...SCREENS.FACE_AMBIGUOUS, actions: ["again"] } },
  ENROLL: {
    FACE_AMBIGUOUS: screen("This face cannot be enrolled", `It is much like that of somebody who signs in with it. ${LIGHT} If it stays so, keep signing in as you do now.`, "again"),
  },
};

const isCode = (code: string): code is EndCode => code in SCREENS;

/** The screen of a code; one that a newer server may know is told as BROKEN. */
export function screenOf(code: string, purpose: Purpose): Screen {
  const known = isCode(code) ? code : "BROKEN";
  return OF_PURPOSE[purpose]?.[known] ?? SCREENS[known];
}

export const SUCCESS: Readonly<Record<Purpose, { readonly title: string; readonly text: string }>> = {
  VERIFY: { title: "You are verified", text: "Your profile shows the badge from now on." },
  LOGIN: { title: "Your face was recognised", text: "One moment, you are being signed in." },
  ENROLL: { title: "Your face is enrolled", text: "You can sign in with it from now on." },
  STEP_UP: { title: "It is you", text: "You can go on." },
};

export const INTRO: Readonly<Record<Purpose, string>> = {
  VERIFY: "Three small prompts, half a minute. Then your face is compared with your profile photo.",
  LOGIN: "Three small prompts, half a minute. Then we look whether we know your face.",
  ENROLL: "Three small prompts, half a minute. Then you can sign in with your face.",
  STEP_UP: "Three small prompts, half a minute. Then we know that it is still you.",
};
