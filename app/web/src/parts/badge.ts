import { html, nothing, svg, type TemplateResult } from "lit";

const SHIELD = svg`<path fill="currentColor" d="M8 0 1 2.600v5C1 11.600 4 14.800 8 16c4-1.200 7-4.400 7-8.400v-5z"/><path fill="none" stroke="var(--card)" stroke-width="1.800" stroke-linecap="round" stroke-linejoin="round" d="m4.800 8 2.200 2.200 4.200-4.400"/>`;

/** The Verified badge of somebody who has earned it. */
export const badge = (verifiedAt: string | null): TemplateResult | typeof nothing =>
  verifiedAt
    ? html`<span class="badge" title="A live person stood in front of the camera on ${day(verifiedAt)}">
        <svg viewBox="0 0 16 16" aria-hidden="true">${SHIELD}</svg>Verified</span>`
    : nothing;

/** A picture of somebody, or the first letter of their name. The name stands beside it: to a reader it is decoration. */
export const avatar = (person: { displayName: string }, url: string | null, size: "small" | "large" = "small"): TemplateResult =>
  url
    ? html`<img class="avatar ${size}" src=${url} alt="" loading="lazy" decoding="async">`
    : html`<span class="avatar ${size}" aria-hidden="true">${[...person.displayName][0]?.toUpperCase() ?? "?"}</span>`;

const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export const day = (at: string): string => DAY.format(new Date(at));
export const moment = (at: string): string => MOMENT.format(new Date(at));
