import { html, nothing, type TemplateResult } from "lit";
import { property, state } from "lit/decorators.js";
import { type Account, account, FollowsAccount, setAccount } from "../account.js";
import { Element } from "../element.js";
import { Form, type Values } from "../form.js";
import { CompleteOnboarding } from "../generated/profile.js";
import type { OnboardingInput, Persona } from "../generated/schema.js";
import { ask } from "../graphql.js";
import { avatar } from "../parts/badge.js";
import { constellation } from "../parts/constellation.js";
import { AVAILABILITIES, PERSONA_HINTS, PERSONAS, ROLES } from "../parts/facts.js";
import { choice, field, radios } from "../parts/field.js";
import "../parts/skills.js";
import "../parts/student.js";
import { timezone } from "../parts/timezone.js";
import { go, href, type Place } from "../router.js";

const SCREENS = ["Choose", "What counts", "About you", "Go"] as const;
const COUNTS: Readonly<Record<Persona, readonly string[]>> = {
  TALENT: ["A name that people find", "What you do, in a word or two", "Where you are"],
  PRODUCER: ["What you do in the industry", "The company you do it for"],
  AGENCY: ["The name of the agency", "Where it is"],
  BUILDER: ["A tool that three friends use every week", "A design that somebody else built", "A first customer", "A meet-up that happened twice"],
  STUDENT: ["The campus you belong to", "An address there that you have confirmed"],
};

const IN_A: Readonly<Record<Persona, string>> = {
  TALENT: "a talent", PRODUCER: "a producer", AGENCY: "an agency", BUILDER: "a builder", STUDENT: "a student",
};

/** Four screens (source E), the persona chosen first and asked for its own fields (source A). The address says which. */
export class Onboarding extends Element {
  @property({ attribute: false }) place?: Place;
  @state() private persona: Persona | null = account()?.persona ?? null;
  @state() private mainly: string | null = account()?.primaryRole ?? null;
  @state() private shown = { displayName: account()?.displayName ?? "", headline: account()?.headline ?? "" };
  @state() private skills = account()?.skills ?? [];
  private readonly form = new Form(this, {
    groups: ["skillIds"],
    words: ({ reason, field: name }) => {
      if (reason !== "REQUIRED") return null;
      return name === "skillIds" ? "Choose at least one skill." : name === "campusId" ? "Confirm your address at a campus first." : "Fill this in.";
    },
  });

  constructor() {
    super();
    new FollowsAccount(this);
  }

  private get step(): number {
    const asked = Number(this.place?.query.get("step") ?? 1);
    const known = Number.isInteger(asked) && asked >= 1 && asked <= 4 ? asked : 1;
    return this.persona ? known : 1; // reloaded in the middle: what was chosen is gone
  }

  protected override updated(changed: Map<string, unknown>): void {
    if (changed.has("place") && changed.get("place")) this.querySelector<HTMLElement>("h1")?.focus();
  }

  override render(): TemplateResult {
    const me = account();
    if (!me) return html``;
    const { step } = this;
    return html`<div class="medium">
      <ol class="steps" aria-hidden="true">${SCREENS.map((_, at) => html`<li class=${at < step ? "done" : ""}></li>`)}</ol>
      <p class="quiet">Step ${step} of ${SCREENS.length}: ${SCREENS[step - 1]}</p>
      ${[this.choose(), this.counts(), this.about(me), this.ready(me)][step - 1]}
    </div>`;
  }

  private choose(): TemplateResult {
    return html`${constellation()}
      <h1 tabindex="-1">What brings you here?</h1>
      <form novalidate @submit=${this.form.sends(async () => this.to(2))}>
        ${this.form.notice()}
        ${radios({
          name: "persona", label: "You are here as", value: this.persona, options: Object.entries(PERSONAS), hints: PERSONA_HINTS,
          onChange: value => { this.persona = value as Persona; this.form.errors = {}; },
        })}
        ${this.form.errors.persona ? html`<p class="fault" role="alert">Choose what fits best; you can change it later.</p>` : nothing}
        ${this.persona === "BUILDER"
          ? radios({
              name: "primaryRole", label: "You mainly do", value: this.mainly, options: ROLES,
              onChange: value => { this.mainly = value; this.form.errors = {}; },
            })
          : nothing}
        ${this.persona === "BUILDER" && this.form.errors.primaryRole ? html`<p class="fault" role="alert">Choose what you mainly do.</p>` : nothing}
        ${this.form.button("Continue")}
      </form>
      ${this.skip()}`;
  }

  private counts(): TemplateResult {
    return html`<h1 tabindex="-1">What counts</h1>
      <p>Small things count. This is what people look for in ${this.persona && IN_A[this.persona]}:</p>
      <ul class="list card">${this.persona && COUNTS[this.persona].map(text => html`<li>${text}</li>`)}</ul>
      <form novalidate @submit=${this.form.sends(async () => this.to(3))}>${this.form.button("Continue")}</form>
      ${this.skip()}`;
  }

  private about(me: Account): TemplateResult {
    const { form } = this;
    return html`<h1 tabindex="-1">About you</h1>
      <div class="card person" aria-hidden="true">${avatar(me, me.avatarSmall)}
        <div><p><strong>${this.shown.displayName || me.displayName}</strong> <span class="quiet">@${me.handle}</span></p>
          <p>${this.shown.headline || html`<span class="quiet">${this.persona && PERSONAS[this.persona]}</span>`}</p></div>
      </div>
      <form novalidate @submit=${form.sends(values => this.complete(values))} @input=${this.preview}>
        ${form.notice()} ${this.fields(me)} ${form.button("Continue")}
      </form>
      ${this.skip()}`;
  }

  private fields(me: Account): TemplateResult {
    const { form } = this;
    const name = field(form, { name: "displayName", label: "Name", value: me.displayName, autocomplete: "name", capitalize: true, maxLength: 100 });
    const location = field(form, { name: "location", label: "Where you are", value: me.location, autocomplete: "address-level2", capitalize: true, maxLength: 100, hint: "In your own words, for example Lisbon." });
    const company = field(form, { name: "companyName", label: this.persona === "AGENCY" ? "Name of the agency" : "Company", value: me.companyName, autocomplete: "organization", capitalize: true, maxLength: 200 });
    switch (this.persona) {
      case "TALENT":
        return html`${name} ${field(form, { name: "primaryCategory", label: "What you do", value: me.primaryCategory, capitalize: true, maxLength: 100, hint: "For example Actor or Dancer." })} ${location}`;
      case "PRODUCER":
        return html`${field(form, { name: "industryRole", label: "What you do in the industry", value: me.industryRole, capitalize: true, maxLength: 100, hint: "For example Casting director." })} ${company}`;
      case "AGENCY":
        return html`${company} ${location}`;
      case "STUDENT":
        return html`<bf-student .me=${me} .form=${form}></bf-student>`;
      default:
        return html`${field(form, { name: "headline", label: "What you do, in a line", value: me.headline, capitalize: true, maxLength: 200, hint: "For example: I build small tools that last." })}
          <bf-skills .form=${form} .stamp=${{}} .chosen=${this.skills} @chosen=${(event: CustomEvent) => { this.skills = event.detail; }}></bf-skills>
          ${timezone(form, me.timezone)}
          ${choice(form, { name: "availabilityStatus", label: "Availability", value: me.availability ?? "just_browsing", options: AVAILABILITIES })}`;
    }
  }

  private ready(me: Account): TemplateResult {
    return html`<h1 tabindex="-1">You are in, ${me.displayName}</h1>
      <p class="lead">Look around, or let people see that you are real.</p>
      <p class="row">
        <a class="primary button" href=${href("/profile")}>See your profile</a>
        <a class="button" href=${href("/people")}>Find people</a>
        <a class="button" href=${href("/settings/photo")}>Add a photo</a>
        ${me.verifiedAt ? nothing : html`<a class="button" href=${href("/verify")}>Get verified</a>`}
      </p>`;
  }

  private skip(): TemplateResult {
    return html`<p><button type="button" class="plain" @click=${() => void this.form.run(() => this.later())}>Skip for now</button></p>`;
  }

  private readonly preview = (event: Event): void => {
    const { name, value } = event.target as HTMLInputElement;
    if (name in this.shown) this.shown = { ...this.shown, [name]: value };
  };

  private async complete(values: Values): Promise<void> {
    const told: Record<string, string | string[]> = {};
    for (const name of ["displayName", "headline", "timezone", "availabilityStatus", "primaryCategory", "location", "industryRole", "companyName", "campusId"]) {
      if (values.has(name)) told[name] = values.text(name);
    }
    const input: OnboardingInput = { ...told, persona: this.persona, ...(this.persona === "BUILDER" ? { primaryRole: this.mainly, skillIds: values.all("skillIds") } : {}) };
    setAccount((await ask(CompleteOnboarding, { input })).completeOnboarding);
    this.to(4);
  }

  /** A builder may tell the rest later (source E); the others come back when they like. */
  private async later(): Promise<void> {
    if (this.persona === "BUILDER" && this.mainly && !account()?.onboardedAt) {
      setAccount((await ask(CompleteOnboarding, { primaryRole: this.mainly })).completeOnboarding);
    }
    go("/profile");
  }

  private to(step: number): void {
    go(`/onboarding?step=${step}`);
  }
}
customElements.define("page-onboarding", Onboarding);
