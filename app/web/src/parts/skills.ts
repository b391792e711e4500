import { html, nothing, type TemplateResult } from "lit";
import { property, state } from "lit/decorators.js";
import { Element } from "../element.js";
import type { Form } from "../form.js";
import { Skills } from "../generated/profile.js";
import { ask } from "../graphql.js";
import { Refusal, words } from "../refusals.js";

interface Skill {
  readonly id: string;
  readonly name: string;
}

const MOST = 30;
const QUIET_MS = 250;

/** Skills to choose from what the server knows; those chosen go into the form as `skillIds`. */
export class SkillsField extends Element {
  @property({ attribute: false }) form!: Form;
  @property({ attribute: false }) stamp: unknown;
  @property({ attribute: false }) chosen: readonly Skill[] = [];
  private sought = "";
  /** What `found` is the answer to. */
  @state() private answered = "";
  @state() private found: readonly Skill[] = [];
  @state() private trouble = "";
  private timer = 0;

  override connectedCallback(): void {
    super.connectedCallback();
    void this.look("");
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.timer);
  }

  override render(): TemplateResult {
    const fault = this.form.errors.skillIds;
    const offered = this.found.filter(({ id }) => !this.chosen.some(skill => skill.id === id)).slice(0, 12);
    return html`<div class="field">
      <label for="skill-search">Skills</label>
      <p class="hint" id="skills-hint">What you can do. Choose up to ${MOST}.</p>
      ${this.chosen.length
        ? html`<p class="row">${this.chosen.map(
            skill => html`<button type="button" class="chip primary" aria-label="Remove ${skill.name}" @click=${() => this.change(this.chosen.filter(({ id }) => id !== skill.id))}>${skill.name} ×</button>
              <input type="hidden" name="skillIds" value=${skill.id}>`,
          )}</p>`
        : nothing}
      <input id="skill-search" type="search" autocomplete="off" placeholder="Search, for example Python" maxlength="100" aria-describedby="skills-hint"
        aria-invalid=${fault ? "true" : "false"} @input=${this.typed} @keydown=${this.key} />
      <p class="row suggestions" role="status">${offered.map(
        skill => html`<button type="button" class="chip" @click=${() => this.change([...this.chosen, skill])}>${skill.name}</button>`,
      )}${this.answered && !this.found.length ? "No skill here has that name. Try another word." : nothing}</p>
      ${this.trouble
        ? html`<p class="fault" role="alert">${this.trouble} <button type="button" class="chip" @click=${() => void this.look(this.sought)}>Look again</button></p>`
        : nothing}
      ${fault ? html`<p class="fault" id="skillIds-fault">${fault}</p>` : nothing}
    </div>`;
  }

  private change(chosen: readonly Skill[]): void {
    this.chosen = chosen.slice(0, MOST);
    this.form.errors = {};
    this.dispatchEvent(new CustomEvent("chosen", { detail: this.chosen }));
  }

  private readonly typed = (event: Event): void => {
    event.stopPropagation();
    const { value } = event.target as HTMLInputElement;
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.look(value.trim()), QUIET_MS);
  };

  /** Enter takes the first that fits; it does not send the form. */
  private readonly key = (event: KeyboardEvent): void => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    const first = this.found.find(({ id }) => !this.chosen.some(skill => skill.id === id));
    if (first) this.change([...this.chosen, first]);
  };

  /** What was chosen stays chosen when the server cannot be asked. */
  private async look(search: string): Promise<void> {
    this.sought = search;
    try {
      const { skills } = await ask(Skills, search ? { search } : {});
      if (search === this.sought) [this.found, this.answered, this.trouble] = [skills, search, ""];
    } catch (error) {
      this.trouble = `The skills could not be fetched. ${words(Refusal.of(error))}`;
    }
  }
}
customElements.define("bf-skills", SkillsField);
