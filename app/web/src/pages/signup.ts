import { html, type TemplateResult } from "lit";
import { state } from "lit/decorators.js";
import { loadAccount, setAccount } from "../account.js";
import { type Config, config } from "../config.js";
import { Element } from "../element.js";
import { Form, type Values } from "../form.js";
import { Campuses, Register, Signup as SignupOperation } from "../generated/entry.js";
import { askAsNobody } from "../graphql.js";
import { choice, field } from "../parts/field.js";
import { handle } from "../parts/handle.js";
import { password } from "../parts/password.js";
import "../parts/ways-in.js";
import { go, href } from "../router.js";
import { adopt } from "../session.js";

const OPEN_RULE = "3 to 50 of the letters a to z, digits, hyphens and underscores. It is your public name in addresses.";
const CAMPUS_RULE = "3 to 20 of the letters a to z, digits and underscores. It is your public name in addresses.";

export class Signup extends Element {
  @state() private campus = false;
  @state() private campuses: readonly { id: string; name: string; domain: string }[] = [];
  @state() private chosen = "";
  @state() private config: Config | null = null;
  private readonly loading = new Form(this);
  private readonly form = new Form(this, { fields: { username: "handle" } });

  override connectedCallback(): void {
    super.connectedCallback();
    void this.loading.run(async () => {
      [this.config, { campuses: this.campuses }] = await Promise.all([config(), askAsNobody(Campuses, {})]);
    });
  }

  override render(): TemplateResult {
    const { form, campus } = this;
    const domain = this.campuses.find(({ id }) => id === this.chosen)?.domain;
    const rules = this.config?.handle;
    return html`<section class="card narrow">
      <h1 tabindex="-1">Sign up</h1>
      ${this.campuses.length
        ? html`<div class="tabs" role="group" aria-label="Kind of account">
            <button type="button" aria-pressed=${campus ? "false" : "true"} @click=${() => this.switchTo(false)}>For everybody</button>
            <button type="button" aria-pressed=${campus ? "true" : "false"} @click=${() => this.switchTo(true)}>At a campus</button>
          </div>`
        : ""}
      <form novalidate @submit=${form.sends(values => (campus ? this.register(values) : this.signup(values)))}>
        ${this.loading.notice()} ${form.notice()}
        ${campus
          ? choice(form, {
              name: "campusId", label: "Campus", none: "Choose your campus", value: this.chosen,
              options: this.campuses.map(({ id, name }) => [id, name] as const), onChange: value => { this.chosen = value; },
            })
          : ""}
        ${field(form, {
          name: "email", label: "E-mail address", type: "email", autocomplete: "email", missing: "Type your e-mail address.",
          ...(campus ? { hint: domain ? `Your address at ${domain}` : "Your address at the campus" } : {}),
        })}
        ${field(form, {
          name: "displayName", label: "Name", autocomplete: "name", capitalize: true, maxLength: campus ? 80 : 100, hint: "As others will see it.",
          missing: "Type your name.",
        })}
        ${handle(form, { rule: campus ? CAMPUS_RULE : OPEN_RULE, pattern: campus ? rules?.campusPattern : rules?.pattern })}
        ${password(form, { minLength: this.config?.passwordMinLength ?? 8 })}
        ${form.button(campus ? "Register" : "Sign up")}
      </form>
      <p><a href=${href("/login")}>I have an account</a></p>
      ${campus ? "" : html`<bf-ways-in verb="Sign up"></bf-ways-in>`}
    </section>`;
  }

  private switchTo(campus: boolean): void {
    this.campus = campus;
    this.form.errors = {};
    this.form.message = "";
  }

  private async signup(values: Values): Promise<void> {
    const { signup } = await askAsNobody(SignupOperation, {
      input: {
        email: values.text("email"), password: values.exact("password"), username: values.text("handle"),
        displayName: values.text("displayName"),
      },
    });
    setAccount(null);
    if (signup.accessToken) await adopt(signup.accessToken);
    await loadAccount();
    go("/check-mail", { replace: true, state: { email: values.text("email") } });
  }

  private async register(values: Values): Promise<void> {
    const { register } = await askAsNobody(Register, {
      input: {
        email: values.text("email"), password: values.exact("password"), handle: values.text("handle"),
        displayName: values.text("displayName"), campusId: values.text("campusId"),
      },
    });
    go("/check-mail", { replace: true, state: { email: register.email } });
  }
}
customElements.define("page-signup", Signup);
