import type { FaceFinding } from "../generated/schema.js";

/** What a person can do about a photo that cannot be compared with their face. */
export const FINDINGS: Readonly<Record<FaceFinding, string>> = {
  NO_FACE: "No face was found in the photo. Choose one that shows yours.",
  SEVERAL_FACES: "The photo shows more than one face. Choose one that shows yours alone.",
  FACE_TOO_SMALL: "The face is too small in the photo. Cut it closer.",
  TOO_DARK: "The face is too dark in the photo. Choose one in better light.",
  TOO_BRIGHT: "The face is too bright in the photo. Choose one in softer light.",
  BLURRED: "The face is not sharp in the photo. Choose a sharper one.",
  NOT_FRONTAL: "The face looks to the side in the photo. Choose one that looks ahead.",
};
