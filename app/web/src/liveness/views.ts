/** What the component shows in each state. */

import { html, nothing, type SVGTemplateResult, svg, type TemplateResult } from "lit";
import { browserName, CAMERA_SETTINGS } from "./camera-settings.js";
import type { Purpose } from "./check.js";
import { dots, overlay, sentence } from "./guidance.js";
import type { Connection, Guide } from "./guide.js";
import { TICK } from "./icons.js";
import { type Action, INTRO, screenOf, SUCCESS } from "./screens.js";
import type { State } from "./states.js";
import type { Path } from "./ways.js";

/** Why an attempt earned nothing; `detail` is the server's own sentence, where it said one. */
export interface End {
  readonly code: string;
  readonly detail: string;
}

/** What most views are given. */
interface Told {
  readonly server: URL;
  readonly purpose: Purpose;
  readonly waitS: number;
  readonly act: (action: Action | "switch") => void;
}

const FACE = svg`<ellipse class="stroke" cx="24" cy="24" rx="15" ry="19"/><path class="stroke" d="M18 20v2M30 20v2M17 30c3 4 11 4 14 0"/>`;
const STOP = svg`<path class="stroke" d="M24 10v18M24 37v1"/>`;
const PAUSE = svg`<path class="stroke" d="M17 12v24M31 12v24"/>`;

const sign = (drawn: SVGTemplateResult): TemplateResult => html`<span class="mark" aria-hidden="true"><svg viewBox="0 0 48 48">${drawn}</svg></span>`;

/** Before the first attempt. */
export function idleView({ purpose, wanted, act }: Told & { wanted: "auto" | Path }): TemplateResult {
  const isStream = wanted === "stream";
  return html`<section class="panel">
    ${sign(FACE)}
    <p>${INTRO[purpose]}</p>
    <ul>
      <li>Let light fall on your face from the front.</li>
      <li>Be alone in the picture.</li>
      <li>Each prompt is shown and spoken. One that you cannot do can be left out.</li>
    </ul>
    <div class="actions"><button type="button" class="primary" data-begin @click=${() => act("again")}>Start the check</button></div>
    <p class="quiet">${isStream
      ? "The server looks at the camera's pictures while you are in front of it, and keeps none."
      : "This device looks at the camera's pictures where it can. None is kept."}</p>
    <button type="button" class="link" @click=${() => act("switch")}>${isStream ? "Let this device look instead" : "Let the server look instead"}</button>
  </section>`;
}

interface Live {
  readonly at: State;
  readonly hasPicture: boolean;
  readonly isLoading: boolean;
  readonly guide: Guide;
  readonly stop: () => void;
  readonly skip: () => void;
  readonly hurry: () => void;
}

const CONNECTION: Readonly<Record<Connection, string>> = { connecting: "Connecting…", open: "", slow: "Slow connection: hold each pose longer.", lost: "The connection is lost." };

/** The camera is on. */
export function liveView({ at, guide, hasPicture, isLoading, stop, skip, hurry }: Live): TemplateResult {
  const { prompt, hint, progress, connection } = guide;
  const words = at === "comparing" ? "One moment, your face is being compared" : at === "starting" ? "Getting ready" : sentence(prompt, hint);
  const isWaiting = at === "starting" && isLoading;
  return html`<section>
    <div class="stage" role="group" aria-label="Camera" tabindex="-1" data-begin>
      <video playsinline autoplay .muted=${true} aria-hidden="true"></video>
      ${hasPicture ? overlay(at === "checking" ? prompt : null, hint, at === "comparing" ? 1 : progress) : html`<p class="wait">Allow the camera if your browser asks.</p>`}
    </div>
    <div class="told"><p class="sentence">${words}</p></div>
    ${dots(at === "comparing" && prompt ? { ...prompt, index: prompt.of } : prompt)}
    <p class="line quiet">${isWaiting ? "This device loads what it needs to look by itself, once." : connection ? CONNECTION[connection] : nothing}</p>
    <div class="below">
      <button type="button" class="link" @click=${stop}>Stop</button>
      ${at === "checking" && prompt?.step ? html`<button type="button" class="link" @click=${skip}>I cannot do this one</button>` : nothing}
      ${isWaiting ? html`<button type="button" class="link" @click=${hurry}>Let the server look instead</button>` : nothing}
    </div>
  </section>`;
}

/** Passed. */
export function successView(purpose: Purpose): TemplateResult {
  const { title, text } = SUCCESS[purpose];
  return html`<section class="panel">${sign(TICK)}<h2 tabindex="-1" data-begin>${title}</h2><p>${text}</p></section>`;
}

/** An attempt earned nothing, and another one can be made. */
export function endView(told: Told & { end: End; wasSlow: boolean; left: number; path: Path | null; blocked: ReadonlySet<Path> }): TemplateResult {
  const { title, text, actions } = screenOf(told.end.code, told.purpose);
  const canSwitch = !told.blocked.has(told.path === "stream" ? "browser" : "stream");
  return html`<section class="panel screen" data-code=${told.end.code}>
    ${sign(STOP)}
    <h2 tabindex="-1" data-begin>${title}</h2>
    <p>${words(told.end, text)}${told.wasSlow ? " The connection was slow, which may be why." : ""}</p>
    ${told.end.code === "CAMERA_DENIED" ? html`<ul>${CAMERA_SETTINGS[browserName(navigator.userAgent)].map(way => html`<li>${way}</li>`)}</ul>` : nothing}
    <div class="actions">${actions.filter(action => action !== "other" || canSwitch).map((action, at) => button(action, at === 0, told))}</div>
    ${told.left < 3 ? html`<p class="quiet">${told.left === 1 ? "One try is left." : `${told.left} tries are left.`}</p>` : nothing}
  </section>`;
}

/** No further attempt until the page is loaded anew. */
export function pausedView({ end, purpose, waitS }: Told & { end: End }): TemplateResult {
  const { title, text } = screenOf(end.code, purpose);
  return html`<section class="panel screen" data-code=${end.code}>
    ${sign(PAUSE)}
    <h2 tabindex="-1" data-begin>Time for a break</h2>
    <p>That was the third try. The last one ended so: <strong>${title}.</strong> ${words(end, text)}</p>
    <p>Change the light or the place, or take another device. To try again, load the page anew.</p>
    <div class="actions"><button type="button" class="primary" aria-disabled=${waitS > 0 ? "true" : "false"} @click=${() => { if (!waitS) location.reload(); }}>${waitS ? `Wait ${span(waitS)}` : "Load the page anew"}</button></div>
  </section>`;
}

const words = ({ detail }: End, text: string): string => detail || text;

const LABELS: Readonly<Record<Exclude<Action, "photo" | "sign-in" | "other">, string>> = { again: "Try again", all: "Begin again" };

function button(action: Action, first: boolean, { server, act, waitS, path }: Told & { path: Path | null }): TemplateResult {
  const kind = first ? "primary" : "";
  if (action === "photo" || action === "sign-in") {
    const url = new URL(action === "photo" ? "settings/photo" : "login", server);
    const elsewhere = url.origin === location.origin ? nothing : "_blank";
    return html`<a class="button ${kind}" href=${url.href} target=${elsewhere} rel="noopener">${action === "photo" ? "Choose a photo" : "Sign in"}</a>`;
  }
  if (action === "other") {
    return html`<button type="button" class=${kind} @click=${() => act("other")}>${path === "stream" ? "Let this device look" : "Let the server look"}</button>`;
  }
  return html`<button type="button" class=${kind} aria-disabled=${waitS > 0 ? "true" : "false"} @click=${() => act(action)}>${waitS ? `Wait ${span(waitS)}` : LABELS[action]}</button>`;
}

const span = (seconds: number): string => (seconds < 120 ? `${seconds} s` : `${Math.ceil(seconds / 60)} minutes`);
