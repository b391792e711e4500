import { html, nothing, type TemplateResult } from "lit";
import { live } from "lit/directives/live.js";
import type { Form } from "../form.js";

export interface Field {
  readonly name: string;
  readonly label: string;
  readonly type?: "text" | "email" | "password" | "url" | "search";
  readonly value?: string | undefined;
  readonly autocomplete?: string;
  readonly hint?: TemplateResult | string;
  readonly required?: boolean;
  readonly missing?: string;
  readonly minLength?: number | undefined;
  readonly maxLength?: number;
  readonly pattern?: string | undefined;
  readonly patternWords?: string;
  readonly inputMode?: string;
  readonly capitalize?: boolean;
  readonly onInput?: (event: Event) => void;
  /** Whether `value` follows what is typed; else it is where typing begins. */
  readonly follows?: boolean;
  /** Goes behind the input: what is known about it so far. */
  readonly below?: TemplateResult | typeof nothing;
}

const described = (form: Form, field: { name: string; hint?: unknown }): string | typeof nothing => {
  const ids = [field.hint ? `${field.name}-hint` : "", form.errors[field.name] ? `${field.name}-fault` : ""].filter(Boolean);
  return ids.length ? ids.join(" ") : nothing;
};

/** What is wrong with a field, and values that would be right. */
export function faultOf(form: Form, name: string, choose?: (value: string) => void): TemplateResult | typeof nothing {
  const text = form.errors[name];
  if (!text) return nothing;
  const others = form.suggestions[name] ?? [];
  return html`<p class="fault" id="${name}-fault">${text}</p>${others.length && choose ? suggestions(others, choose) : nothing}`;
}

export function suggestions(values: readonly string[], choose: (value: string) => void): TemplateResult {
  return html`<p class="row suggestions">
    Free: ${values.map(value => html`<button type="button" class="chip" @click=${() => choose(value)}>${value}</button>`)}
  </p>`;
}

/** A labelled input with its hint and its fault. */
export function field(form: Form, of: Field): TemplateResult {
  const input = (event: Event): void => {
    form.changed(event);
    of.onInput?.(event);
  };
  return html`<div class="field">
    <label for=${of.name}>${of.label}${of.required === false ? html` <span class="quiet">(optional)</span>` : nothing}</label>
    ${of.hint ? html`<p class="hint" id="${of.name}-hint">${of.hint}</p>` : nothing}
    <input
      id=${of.name}
      name=${of.name}
      type=${of.type ?? "text"}
      .value=${of.value === undefined ? nothing : of.follows ? live(of.value) : of.value}
      autocomplete=${of.autocomplete ?? "off"}
      autocapitalize=${of.capitalize ? "sentences" : "none"}
      spellcheck=${of.capitalize ? "true" : "false"}
      inputmode=${of.inputMode ?? nothing}
      ?required=${of.required !== false}
      minlength=${of.minLength ?? nothing}
      maxlength=${of.maxLength ?? nothing}
      pattern=${of.pattern ?? nothing}
      data-missing=${of.missing ?? nothing}
      data-pattern=${of.patternWords ?? nothing}
      aria-describedby=${described(form, of)}
      aria-invalid=${form.errors[of.name] ? "true" : "false"}
      @input=${input}
    />
    ${of.below ?? nothing} ${faultOf(form, of.name)}
  </div>`;
}

/** A labelled text of several lines. */
export function area(form: Form, of: Omit<Field, "type" | "pattern"> & { readonly rows?: number }): TemplateResult {
  return html`<div class="field">
    <label for=${of.name}>${of.label}${of.required === false ? html` <span class="quiet">(optional)</span>` : nothing}</label>
    ${of.hint ? html`<p class="hint" id="${of.name}-hint">${of.hint}</p>` : nothing}
    <textarea id=${of.name} name=${of.name} rows=${of.rows ?? 3} maxlength=${of.maxLength ?? nothing} .value=${of.value ?? ""}
      ?required=${of.required !== false} aria-describedby=${described(form, of)}
      aria-invalid=${form.errors[of.name] ? "true" : "false"} @input=${form.changed}></textarea>
    ${faultOf(form, of.name)}
  </div>`;
}

export interface Choice {
  readonly name: string;
  readonly label: string;
  readonly hint?: TemplateResult | string;
  readonly value?: string | null | undefined;
  readonly options: readonly (readonly [value: string, label: string])[];
  /** Words for "nothing chosen"; without them something always is. */
  readonly none?: string;
  readonly required?: boolean;
  readonly onChange?: (value: string) => void;
}

/** A labelled list to choose from. */
export function choice(form: Form, of: Choice): TemplateResult {
  const change = (event: Event): void => {
    form.changed(event);
    of.onChange?.((event.target as HTMLSelectElement).value);
  };
  return html`<div class="field">
    <label for=${of.name}>${of.label}${of.required === false ? html` <span class="quiet">(optional)</span>` : nothing}</label>
    ${of.hint ? html`<p class="hint" id="${of.name}-hint">${of.hint}</p>` : nothing}
    <select id=${of.name} name=${of.name} ?required=${of.required !== false} data-missing="Choose one."
      aria-describedby=${described(form, of)} aria-invalid=${form.errors[of.name] ? "true" : "false"} @change=${change}>
      ${of.none === undefined ? nothing : html`<option value="" ?selected=${!of.value}>${of.none}</option>`}
      ${of.options.map(([value, label]) => html`<option value=${value} ?selected=${value === of.value}>${label}</option>`)}
    </select>
    ${faultOf(form, of.name)}
  </div>`;
}

/** One of a few, all to be seen at once. */
export function radios(of: Choice & { readonly hints?: Readonly<Record<string, string>> }): TemplateResult {
  return html`<fieldset class="field">
    <legend>${of.label}</legend>
    <div class="choices">
      ${of.options.map(
        ([value, label]) => html`<label class="choice">
          <input type="radio" name=${of.name} value=${value} .checked=${live(value === of.value)} ?required=${of.required !== false}
            data-missing="Choose one." @change=${() => of.onChange?.(value)} />
          <span>${label}${of.hints?.[value] ? html`<small>${of.hints[value]}</small>` : nothing}</span>
        </label>`,
      )}
    </div>
  </fieldset>`;
}

/** A code that an app shows or a mail brought. */
export const codeField = (form: Form, label: string, hint?: string): TemplateResult =>
  field(form, {
    name: "code", label, autocomplete: "one-time-code", missing: "Type the code.", maxLength: 40,
    ...(hint ? { hint } : {}),
  });
