import { html, type TemplateResult } from "lit";

/** Five people, then the lines between them (source E, screen 1). The style sheet moves it, and keeps still for who asks. */
export const constellation = (): TemplateResult => html`<svg class="constellation" viewBox="0 0 320 120" role="presentation" aria-hidden="true">
  <circle cx="40" cy="82" r="6" /><circle cx="104" cy="34" r="6" /><circle cx="164" cy="78" r="6" /><circle cx="226" cy="28" r="6" /><circle cx="284" cy="70" r="6" />
  <path pathLength="1" d="M45 78 99 38" /><path pathLength="1" d="m109 38 50 36" /><path pathLength="1" d="m169 74 52-42" /><path pathLength="1" d="m231 32 48 34" />
</svg>`;
