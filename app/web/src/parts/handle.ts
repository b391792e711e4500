import { html, nothing, type TemplateResult } from "lit";
import { property, state } from "lit/decorators.js";
import { Element } from "../element.js";
import type { Form } from "../form.js";
import { HandleAvailable } from "../generated/handle.js";
import type { HandleRefusal } from "../generated/schema.js";
import { ask } from "../graphql.js";
import { field, suggestions } from "./field.js";

const QUIET_MS = 350;
const REFUSED: Record<HandleRefusal, string> = {
  INVALID: "This handle breaks the rule above.",
  BLOCKED: "This handle is kept for the site itself. Choose another.",
  TAKEN: "Somebody has this handle already.",
  HELD: "Somebody had this handle until lately; it is kept for them for a while.",
  RESERVED: "Somebody is registering with this handle right now.",
};

/** A handle, with the word whether it can be had while it is typed. */
export class HandleField extends Element {
  @property({ attribute: false }) form!: Form;
  /** A new value draws this anew: the form it belongs to changed. */
  @property({ attribute: false }) stamp: unknown;
  @property() name = "handle";
  @property() pattern = "";
  @property() rule = "";
  /** The handle that the person has already: it needs no asking. */
  @property() own = "";
  @state() private value = "";
  @state() private said: TemplateResult | typeof nothing = nothing;
  private timer = 0;

  override connectedCallback(): void {
    super.connectedCallback();
    this.value = this.own;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.timer);
  }

  override render(): TemplateResult {
    return html`${field(this.form, {
      name: this.name, label: "Handle", value: this.value, follows: true, autocomplete: "username", hint: this.rule, pattern: this.pattern || undefined,
      patternWords: REFUSED.INVALID, missing: "Choose a handle.", onInput: this.input,
      below: html`<div role="status" class="said">${this.form.errors[this.name] ? nothing : this.said}</div>`,
    })}
    ${this.form.suggestions[this.name]?.length ? suggestions(this.form.suggestions[this.name] ?? [], this.choose) : nothing}`;
  }

  private readonly input = (event: Event): void => {
    this.value = (event.target as HTMLInputElement).value.trim().toLowerCase();
    this.said = nothing;
    clearTimeout(this.timer);
    if (this.value && this.value !== this.own) this.timer = window.setTimeout(() => void this.look(this.value), QUIET_MS);
  };

  private async look(handle: string): Promise<void> {
    if (this.pattern && !new RegExp(`^(?:${this.pattern})$`).test(handle)) {
      this.said = html`<p class="fault">${REFUSED.INVALID}</p>`;
      return;
    }
    try {
      const { handleAvailable: found } = await ask(HandleAvailable, { handle });
      if (handle !== this.value) return;
      this.said = found.available
        ? html`<p class="good">@${handle} is free.</p>`
        : html`<p class="fault">${found.reason ? REFUSED[found.reason] : ""}</p>
            ${found.suggestions.length ? suggestions(found.suggestions, this.choose) : nothing}`;
    } catch {
      this.said = nothing; // sending the form will tell
    }
  }

  private readonly choose = (handle: string): void => {
    this.value = handle;
    this.form.errors = {};
    this.form.suggestions = {};
    this.said = html`<p class="good">@${handle} is free.</p>`;
    this.querySelector("input")?.focus();
  };
}
customElements.define("bf-handle", HandleField);

/** The element in a form; it is drawn anew with the form. */
export const handle = (
  form: Form, of: { name?: string; pattern?: string | undefined; rule: string; own?: string },
): TemplateResult =>
  html`<bf-handle .form=${form} .stamp=${{}} .name=${of.name ?? "handle"} .pattern=${of.pattern ?? ""} .rule=${of.rule} .own=${of.own ?? ""}></bf-handle>`;
