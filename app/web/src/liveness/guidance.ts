/** What a person is told while the check runs: one short sentence, seen and spoken, and what is drawn over the picture. */

import { html, nothing, type TemplateResult } from "lit";
import type { Hint, Step } from "./check.js";
import { ICONS } from "./icons.js";

/** Which step is asked; `step` is null while the face is looked for. */
export interface Prompt {
  readonly step: Step | null;
  readonly index: number;
  readonly of: number;
}

export const STEP_WORDS: Readonly<Record<Step, string>> = {
  LOOK_LEFT: "Turn your head to your left",
  LOOK_RIGHT: "Turn your head to your right",
  LOOK_UP: "Raise your chin",
  LOOK_DOWN: "Lower your chin",
  BLINK: "Close both eyes, then open them",
  OPEN_MOUTH: "Open your mouth wide",
  SMILE: "Smile",
};

/** What to change first; nothing for OK, where the step's own words stand. */
export const HINT_WORDS: Readonly<Record<Exclude<Hint, "OK">, string>> = {
  NO_FACE: "Bring your face into the oval",
  MULTIPLE_FACES: "Only one person, please",
  MOVE_CLOSER: "Come a little closer",
  MOVE_BACK: "Move back a little",
  CENTER_FACE: "Move to the middle",
  TOO_DARK: "It is too dark: find more light",
  TOO_BRIGHT: "It is too bright: turn away from the light",
  BLURRED: "The picture is blurred: wipe the camera, or come closer",
  LOOK_STRAIGHT: "Look straight at the camera",
  HOLD_STILL: "Hold still",
};

/** The sentence of now. */
export function sentence(prompt: Prompt | null, hint: Hint): string {
  if (hint !== "OK") return HINT_WORDS[hint];
  return prompt?.step ? STEP_WORDS[prompt.step] : HINT_WORDS.LOOK_STRAIGHT;
}

/** The sentence with its place, for ears: eyes see the dots. */
export const spoken = ({ step, index, of }: Prompt): string =>
  step ? `Step ${index + 1} of ${of}. ${STEP_WORDS[step]}.` : `${HINT_WORDS.LOOK_STRAIGHT}.`;

/** From the top, clockwise. */
const OVAL = "M150 36c60 0 100 57 100 139s-45 149-100 149S50 257 50 175 90 36 150 36z";

/** Lies over the mirrored picture: the oval, the ring of the step's progress, and the step's sign. */
export function overlay(prompt: Prompt | null, hint: Hint, progress: number): TemplateResult {
  const step = prompt?.step ?? null;
  const full = Math.max(0, Math.min(1, progress));
  return html`
    <svg class="oval" viewBox="0 0 300 360" preserveAspectRatio="xMidYMid slice" aria-hidden="true">
      <path class="shade" fill-rule="evenodd" d="M-300-300h900v960h-900z${OVAL}"/>
      <path class="track" d=${OVAL}/>
      <path class="ring" pathLength="1" d=${OVAL} stroke-dashoffset=${(1 - full).toFixed(3)} ?data-empty=${full === 0}/>
    </svg>
    ${step ? html`<span class="sign" data-sign=${step} ?data-waits=${hint !== "OK"}><svg viewBox="0 0 48 48" aria-hidden="true">${ICONS[step]}</svg></span>` : nothing}
  `;
}

/** How many steps there are, and how many are done. */
export function dots(prompt: Prompt | null): TemplateResult {
  const { index, of } = prompt ?? { index: 0, of: 0 };
  return html`<ol class="dots" aria-hidden="true">${Array.from({ length: of }, (_, at) =>
    html`<li class=${at < index ? "done" : at === index ? "now" : ""}></li>`)}</ol>`;
}

const PATIENCE_MS = 1200;
const QUIET_MS = 4000;
const SEEN_AFTER_MS = 350;

/** Speaks and shows hints only once they last: a hint that flickers helps nobody, and a reader would never end. */
export class Patience {
  private seen = 0;
  private heard = 0;
  private last = { text: "", atMs: -Infinity };
  private current: Hint = "OK";

  constructor(private readonly show: (hint: Hint) => void, private readonly say: (text: string) => void) {}

  /** A prompt is said at once, and what was about to be said is not. */
  prompt(prompt: Prompt): void {
    this.clear();
    this.utter(spoken(prompt));
  }

  hint(hint: Hint): void {
    if (hint === this.current) return;
    this.clear();
    this.current = hint;
    this.seen = window.setTimeout(() => this.show(hint), hint === "OK" ? 0 : SEEN_AFTER_MS);
    if (hint === "OK" || hint === "HOLD_STILL") return;
    this.heard = window.setTimeout(() => {
      const text = `${HINT_WORDS[hint]}.`;
      if (text !== this.last.text || performance.now() - this.last.atMs > QUIET_MS) this.utter(text);
    }, PATIENCE_MS);
  }

  /** Says nothing more. */
  clear(): void {
    clearTimeout(this.seen);
    clearTimeout(this.heard);
    this.current = "OK";
  }

  private utter(text: string): void {
    this.last = { text, atMs: performance.now() };
    this.say(text);
  }
}
