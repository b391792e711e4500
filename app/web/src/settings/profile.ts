import { html, nothing, type TemplateResult } from "lit";
import { state } from "lit/decorators.js";
import { account, FollowsAccount, setAccount } from "../account.js";
import { type Config, config } from "../config.js";
import { announce, Element } from "../element.js";
import { Form, type Values } from "../form.js";
import { UpdateProfile } from "../generated/profile.js";
import { ask } from "../graphql.js";
import { AVAILABILITIES, PERSONAS, ROLES } from "../parts/facts.js";
import { area, choice, field } from "../parts/field.js";
import { handle } from "../parts/handle.js";
import "../parts/skills.js";
import { timezone } from "../parts/timezone.js";
import { span } from "../refusals.js";
import { href } from "../router.js";

const TEXTS = ["displayName", "headline", "bio", "location", "timezone", "availability", "primaryRole", "primaryCategory", "industryRole", "companyName"] as const;

export class ProfileSettings extends Element {
  @state() private config: Config | null = null;
  @state() private skills = account()?.skills ?? [];
  @state() private links: readonly { kind: string; url: string }[] = account()?.contactLinks ?? [];
  private readonly form = new Form(this, {
    groups: ["skillIds", "contactLinks", "kind", "url"],
    words: ({ reason, retryAfterS }) =>
      reason === "HANDLE_CHANGED_RECENTLY" && retryAfterS ? `A handle changes once in 30 days. Yours can change again in ${span(retryAfterS)}.` : null,
  });

  constructor() {
    super();
    new FollowsAccount(this);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    config().then(found => { this.config = found; }, () => undefined); // the server checks again
  }

  override render(): TemplateResult {
    const me = account();
    if (!me) return html``;
    const { form } = this;
    const rules = this.config?.handle;
    return html`<section class="card">
      <h2 tabindex="-1">Profile</h2>
      <form novalidate @submit=${form.sends(values => this.save(values))}>
        ${form.notice()}
        ${field(form, { name: "displayName", label: "Name", value: me.displayName, autocomplete: "name", capitalize: true, maxLength: me.campus ? 80 : 100 })}
        ${handle(form, {
          own: me.handle, pattern: me.campus ? rules?.campusPattern : rules?.pattern,
          rule: `${me.campus ? "3 to 20 of a to z, digits and underscores" : "3 to 50 of a to z, digits, hyphens and underscores"}. It changes once in 30 days; the old one is kept for you that long.`,
        })}
        ${field(form, { name: "headline", label: "What you do, in a line", value: me.headline, required: false, capitalize: true, maxLength: 200 })}
        ${area(form, { name: "bio", label: "About you", value: me.bio, required: false, maxLength: 500, rows: 4 })}
        ${field(form, { name: "location", label: "Where you are", value: me.location, required: false, capitalize: true, maxLength: 100 })}
        ${timezone(form, me.timezone, false)}
        ${this.ofPersona()}
        <bf-skills .form=${form} .stamp=${{}} .chosen=${this.skills} @chosen=${(event: CustomEvent) => { this.skills = event.detail; }}></bf-skills>
        ${this.contacts()}
        ${form.button("Save")}
      </form>
    </section>`;
  }

  private ofPersona(): TemplateResult {
    const me = account();
    const { form } = this;
    const text = (name: "primaryCategory" | "industryRole" | "companyName", label: string): TemplateResult =>
      field(form, { name, label, value: me?.[name] ?? "", required: false, capitalize: true, maxLength: name === "companyName" ? 200 : 100 });
    return html`<p class="quiet">${me?.persona ? `You are here as: ${PERSONAS[me.persona]}.` : "You have not said yet what brings you here."}
        <a href=${href("/onboarding")}>Change that</a></p>
      ${me?.persona === "TALENT" ? text("primaryCategory", "Main category") : nothing}
      ${me?.persona === "PRODUCER" ? text("industryRole", "What you do in the industry") : nothing}
      ${me?.persona === "PRODUCER" || me?.persona === "AGENCY" ? text("companyName", "Company") : nothing}
      ${me?.persona === "BUILDER"
        ? html`${choice(form, { name: "primaryRole", label: "You mainly do", value: me.primaryRole, required: false, none: "Not told", options: ROLES })}
            ${choice(form, { name: "availability", label: "Availability", value: me.availability, required: false, none: "Not told", options: AVAILABILITIES })}`
        : nothing}`;
  }

  private contacts(): TemplateResult {
    const change = (at: number, part: "kind" | "url") => (event: Event): void => {
      this.links = this.links.map((link, index) => (index === at ? { ...link, [part]: (event.target as HTMLInputElement).value.trim() } : link));
    };
    return html`<fieldset class="field">
      <legend>Links <span class="quiet">(optional)</span></legend>
      <p class="hint">A kind, for example github or calendly, and an address that begins with https:// or mailto:</p>
      ${this.links.map(
        (link, at) => html`<p class="row link">
          <input aria-label="Kind of link ${at + 1}" .value=${link.kind} maxlength="30" autocapitalize="none" placeholder="github" @input=${change(at, "kind")}>
          <input aria-label="Address of link ${at + 1}" .value=${link.url} maxlength="500" autocapitalize="none" inputmode="url" placeholder="https://" @input=${change(at, "url")}>
          <button type="button" class="plain" aria-label="Remove link ${at + 1}" @click=${() => { this.links = this.links.filter((_, index) => index !== at); }}>Remove</button>
        </p>`,
      )}
      ${linkFault(this.form)}
      ${this.links.length < 10 ? html`<button type="button" class="chip" @click=${() => { this.links = [...this.links, { kind: "", url: "" }]; }}>Add a link</button>` : nothing}
    </fieldset>`;
  }

  private async save(values: Values): Promise<void> {
    const me = account();
    const texts = Object.fromEntries(TEXTS.filter(name => values.has(name)).map(name => [name, values.text(name)]));
    const newHandle = values.text("handle");
    const input = {
      ...texts, skillIds: values.all("skillIds"), contactLinks: this.links.filter(({ kind, url }) => kind || url),
      ...(newHandle !== me?.handle ? { handle: newHandle } : {}),
    };
    setAccount((await ask(UpdateProfile, { input })).updateProfile);
    announce("Saved.");
  }
}
customElements.define("settings-profile", ProfileSettings);

/** Links have many fields: what is wrong with one is said below them all. */
function linkFault(form: Form): TemplateResult | typeof nothing {
  const text = form.errors.contactLinks ?? form.errors.url ?? form.errors.kind;
  return text ? html`<p class="fault" role="alert">${text}</p>` : nothing;
}
