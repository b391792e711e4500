/** What a person tells about themselves, as others read it; one set of words for profile, card and search. */

import { html, nothing, type TemplateResult } from "lit";
import type { Persona } from "../generated/schema.js";

export const PERSONAS: Readonly<Record<Persona, string>> = {
  TALENT: "Talent", PRODUCER: "Producer", AGENCY: "Agency", BUILDER: "Builder", STUDENT: "Student",
};
export const PERSONA_HINTS: Readonly<Record<Persona, string>> = {
  TALENT: "You want to be cast.", PRODUCER: "You cast people.", AGENCY: "You represent people.", BUILDER: "You build things with others.",
  STUDENT: "You belong to a campus.",
};
export const ROLES: readonly (readonly [string, string])[] = [
  ["engineer", "Code"], ["designer", "Design"], ["pm", "Product"], ["growth", "Growth"], ["marketer", "Marketing"], ["founder", "Founding"],
  ["other", "Operations and other"],
];
export const AVAILABILITIES: readonly (readonly [string, string])[] = [
  ["open_to_tribe", "Open to a team"], ["available_for_projects", "Available for projects"], ["just_browsing", "Just browsing"],
];

interface Told {
  readonly persona: Persona | null;
  readonly primaryRole: string | null;
  readonly availability: string | null;
  readonly timezone: string | null;
  readonly location: string;
  readonly primaryCategory: string;
  readonly industryRole: string;
  readonly companyName: string;
  readonly campus: { readonly name: string } | null;
  readonly contactLinks: readonly { readonly kind: string; readonly url: string }[];
  readonly skills: readonly { readonly id: string; readonly name: string }[];
}

export function facts(told: Told): TemplateResult {
  const rows: readonly (readonly [string, string | null | undefined])[] = [
    ["Here as", told.persona && PERSONAS[told.persona]],
    ["Role", wordFor(ROLES, told.primaryRole)],
    ["Category", told.primaryCategory],
    ["In the industry", told.industryRole],
    ["Company", told.companyName],
    ["Campus", told.campus?.name],
    ["Location", told.location],
    ["Time zone", told.timezone?.replaceAll("_", " ")],
    ["Availability", wordFor(AVAILABILITIES, told.availability)],
  ];
  const shown = rows.filter(([, value]) => value);
  return html`
    ${shown.length ? html`<dl class="facts">${shown.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>` : nothing}
    ${told.skills.length ? html`<h3>Skills</h3><ul class="chips">${told.skills.map(({ name }) => html`<li>${name}</li>`)}</ul>` : nothing}
    ${told.contactLinks.length
      ? html`<h3>Links</h3>
          <ul>${told.contactLinks.map(({ kind, url }) => html`<li><a href=${url} rel="noopener noreferrer nofollow" target="_blank">${kind}</a></li>`)}</ul>`
      : nothing}
  `;
}

export const status = (of: { text: string; emoji: string } | null): TemplateResult | typeof nothing =>
  of && (of.text || of.emoji) ? html`<p class="quiet">${of.emoji} ${of.text}</p>` : nothing;

function wordFor(words: readonly (readonly [string, string])[], value: string | null): string | null {
  return words.find(([name]) => name === value)?.[1] ?? value;
}
