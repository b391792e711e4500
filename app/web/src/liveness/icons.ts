/** What to do, as a picture: one for each step, drawn on 48x48, moved by the style sheet. */

import { svg, type SVGTemplateResult } from "lit";
import type { Step } from "./check.js";

const ARROW = svg`<path class="stroke" d="M40 24H9M21 11 8 24l13 13"/>`;

const EYE = svg`<g class="lids"><path class="stroke" d="M4 24c5-9 12-13 20-13s15 4 20 13c-5 9-12 13-20 13S9 33 4 24z"/><circle class="fill" cx="24" cy="24" r="6"/></g>`;

const MOUTH = svg`<ellipse class="stroke lips" cx="24" cy="24" rx="15" ry="13"/>`;

const SMILE = svg`<path class="stroke" d="M16 15v4M32 15v4"/><path class="stroke grin" d="M9 27c4 9 9 12 15 12s11-3 15-12"/>`;

/** Arrows are drawn to the screen's left and turned by the style sheet. */
export const ICONS: Readonly<Record<Step, SVGTemplateResult>> = {
  LOOK_LEFT: ARROW,
  LOOK_RIGHT: ARROW,
  LOOK_UP: ARROW,
  LOOK_DOWN: ARROW,
  BLINK: EYE,
  OPEN_MOUTH: MOUTH,
  SMILE,
};

export const TICK = svg`<path class="stroke" d="m11 25 9 9 17-19"/>`;
