import { html, nothing, type TemplateResult } from "lit";
import { property, state } from "lit/decorators.js";
import { Element } from "../element.js";
import type { Form } from "../form.js";
import { faultOf } from "./field.js";

/** A password: can be shown, and says its rules before they are broken. */
export class PasswordField extends Element {
  @property({ attribute: false }) form!: Form;
  /** A new value draws this anew: the form it belongs to changed. */
  @property({ attribute: false }) stamp: unknown;
  @property() name = "password";
  @property() label = "Password";
  /** Of a password that is being chosen; 0 for one that there is already. */
  @property({ type: Number }) minLength = 0;
  @state() private shown = false;
  @state() private typed = 0;

  override render(): TemplateResult {
    const { form, name, minLength } = this;
    const fault = form.errors[name];
    const describes = [minLength ? `${name}-hint` : "", fault ? `${name}-fault` : ""].filter(Boolean).join(" ");
    return html`<div class="field">
      <label for=${name}>${this.label}</label>
      ${minLength
        ? html`<p class="hint" id="${name}-hint">
            <span class=${this.typed >= minLength ? "met" : ""}>At least ${minLength} characters</span>; long is better than
            complicated. Well-known passwords are refused.
          </p>`
        : nothing}
      <div class="joined">
        <input id=${name} name=${name} type=${this.shown ? "text" : "password"} required minlength=${minLength || nothing} maxlength="128"
          autocomplete=${minLength ? "new-password" : "current-password"} autocapitalize="none" spellcheck="false"
          data-missing=${minLength ? "Choose a password." : "Type your password."} aria-describedby=${describes || nothing}
          aria-invalid=${fault ? "true" : "false"} @input=${this.input} />
        <button type="button" aria-pressed=${this.shown ? "true" : "false"} aria-label="Show the password" @click=${this.toggle}>
          ${this.shown ? "Hide" : "Show"}
        </button>
      </div>
      ${faultOf(form, name)}
    </div>`;
  }

  private readonly toggle = (): void => {
    this.shown = !this.shown;
  };

  private readonly input = (event: Event): void => {
    this.typed = [...(event.target as HTMLInputElement).value].length;
    this.form.changed(event);
  };
}
customElements.define("bf-password", PasswordField);

/** The element in a form; it is drawn anew with the form. */
export const password = (form: Form, of: { name?: string; label?: string; minLength?: number } = {}): TemplateResult =>
  html`<bf-password .form=${form} .stamp=${{}} .name=${of.name ?? "password"} .label=${of.label ?? "Password"} .minLength=${of.minLength ?? 0}></bf-password>`;
