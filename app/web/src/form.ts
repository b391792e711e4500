/** A form that sends once, shows faults beside their fields, and says how long to wait. */

import { html, nothing, type ReactiveController, type ReactiveControllerHost, type TemplateResult } from "lit";
import { Refusal, words } from "./refusals.js";

type Control = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;

/** What a person typed, by the name of its field. */
export class Values {
  constructor(private readonly data: FormData) {}
  /** Without surrounding blanks. */
  text(name: string): string {
    return this.exact(name).trim();
  }
  /** As typed: passwords. */
  exact(name: string): string {
    const value = this.data.get(name);
    return typeof value === "string" ? value : "";
  }
  all(name: string): string[] {
    return this.data.getAll(name).map(String);
  }
  has(name: string): boolean {
    return this.data.has(name);
  }
}

interface Options {
  /** The server's names of fields that are called something else here. */
  readonly fields?: Readonly<Record<string, string>>;
  /** Fields that are made of several controls, or of none yet: their faults are shown beside them too. */
  readonly groups?: readonly string[];
  /** Words for a refusal where this form knows better ones; null leaves it to everybody's. */
  readonly words?: (refusal: Refusal) => string | null;
}

export class Form implements ReactiveController {
  busy = false;
  errors: Record<string, string> = {};
  suggestions: Record<string, readonly string[]> = {};
  message = "";
  waitS = 0;
  private timer = 0;
  private element: HTMLFormElement | null = null;

  constructor(private readonly host: ReactiveControllerHost & HTMLElement, private readonly options: Options = {}) {
    host.addController(this);
  }

  hostDisconnected(): void {
    clearInterval(this.timer);
    this.timer = 0;
    this.waitS = 0;
  }

  /** For @submit: checks the fields, then runs `action` unless it is running already. */
  sends(action: (values: Values) => Promise<void>): (event: Event) => void {
    return event => {
      event.preventDefault();
      this.element = event.currentTarget as HTMLFormElement;
      void this.send(this.element, action);
    };
  }

  /** Runs something of this form's that is not its submission, with the same care. */
  async run(action: () => Promise<void>): Promise<void> {
    if (this.busy || this.waitS) return;
    this.begin();
    try {
      await action();
    } catch (error) {
      this.refuse(Refusal.of(error));
    } finally {
      this.busy = false;
      this.host.requestUpdate();
    }
  }

  /** Puts words beside a field and takes the person there. */
  fault(field: string, message: string): void {
    this.errors = { ...this.errors, [field]: message };
    void this.focusFault();
  }

  /** Forgets what was said about a field, as soon as it is changed. */
  readonly changed = (event: Event): void => {
    const { name } = event.target as Control;
    if (!this.errors[name]) return;
    const { [name]: _, ...others } = this.errors;
    this.errors = others;
    this.host.requestUpdate();
  };

  private async send(form: HTMLFormElement, action: (values: Values) => Promise<void>): Promise<void> {
    if (this.busy || this.waitS) return;
    const faults = [...form.elements].filter((part): part is Control => "validity" in part && !(part as Control).validity.valid);
    if (faults.length) {
      this.errors = Object.fromEntries(faults.filter(({ name }) => name).map(part => [part.name, complaint(part)]));
      await this.focusFault();
      return;
    }
    const values = new Values(new FormData(form));
    await this.run(() => action(values));
    if (this.message || Object.keys(this.errors).length) await this.focusFault();
  }

  private begin(): void {
    this.busy = true;
    this.errors = {};
    this.suggestions = {};
    this.message = "";
    this.host.requestUpdate();
  }

  private refuse(refusal: Refusal): void {
    const text = this.options.words?.(refusal) ?? words(refusal);
    const field = refusal.field && (this.options.fields?.[refusal.field] ?? refusal.field);
    if (field && (this.element?.elements.namedItem(field) || this.options.groups?.includes(field))) {
      this.errors = { [field]: text };
      this.suggestions = { [field]: refusal.suggestions };
    } else {
      this.message = text;
    }
    if (refusal.retryAfterS) this.wait(refusal.retryAfterS);
  }

  private wait(seconds: number): void {
    this.waitS = seconds;
    clearInterval(this.timer);
    this.timer = window.setInterval(() => {
      this.waitS -= 1;
      if (this.waitS <= 0) clearInterval(this.timer);
      this.host.requestUpdate();
    }, 1000);
  }

  private async focusFault(): Promise<void> {
    this.host.requestUpdate();
    await this.host.updateComplete;
    const faulty = this.host.querySelector<HTMLElement>("[aria-invalid=true]") ?? this.host.querySelector<HTMLElement>(".fault[tabindex]");
    faulty?.focus();
  }

  /** What was refused as a whole, above the button. */
  notice(): TemplateResult | typeof nothing {
    return this.message ? html`<p class="fault" role="alert" tabindex="-1">${this.message}</p>` : nothing;
  }

  /** The button that sends, which says so while it does, and counts down while there is something to wait for. */
  button(label: string, kind = "primary"): TemplateResult {
    const text = this.busy ? "One moment…" : this.waitS > 0 ? `Wait ${this.waitS} s` : label;
    return html`<button type="submit" class=${kind} aria-disabled=${this.busy || this.waitS > 0 ? "true" : "false"}>${text}</button>`;
  }
}

function complaint(part: Control): string {
  const { validity } = part;
  if (validity.valueMissing) return part.dataset.missing ?? (part.type === "checkbox" ? "Tick this to go on." : "Fill this in.");
  if (validity.typeMismatch && part.type === "email") return "This is not an e-mail address. It looks like name@example.org.";
  if (validity.typeMismatch && part.type === "url") return "This is not an address. It begins with https://";
  if (validity.tooShort) return `At least ${(part as HTMLInputElement).minLength} characters, please.`;
  if (validity.patternMismatch) return part.dataset.pattern ?? part.title ?? "This does not look right.";
  return part.validationMessage;
}
