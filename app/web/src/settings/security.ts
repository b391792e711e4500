import { html, nothing, type TemplateResult } from "lit";
import { state } from "lit/decorators.js";
import { account, FollowsAccount } from "../account.js";
import { config } from "../config.js";
import { announce, Element } from "../element.js";
import { Form } from "../form.js";
import { ChangeEmail, ChangePassword } from "../generated/security.js";
import { ask } from "../graphql.js";
import { field } from "../parts/field.js";
import { password } from "../parts/password.js";
import { withProof } from "../parts/proof.js";
import { href } from "../router.js";
import "./face.js";
import "./passkeys.js";
import "./second-factor.js";

/** What opens the account; each way in has a section of its own. */
export class SecuritySettings extends Element {
  @state() private minLength = 8;
  @state() private mailedTo = "";
  private readonly passwordForm = new Form(this);
  private readonly emailForm = new Form(this);

  constructor() {
    super();
    new FollowsAccount(this);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    config().then(({ passwordMinLength }) => { this.minLength = passwordMinLength; }, () => undefined); // the server checks again
  }

  override render(): TemplateResult {
    const me = account();
    if (!me) return html``;
    return html`<section class="card">
        <h2 tabindex="-1">Password</h2>
        <form novalidate @submit=${this.passwordForm.sends(async (values) => {
          const form = this.querySelector("form");
          await withProof(() => ask(ChangePassword, { password: values.exact("new-password") }));
          form?.reset();
          announce("Your password is changed. Your other devices are signed out.");
        })}>
          ${this.passwordForm.notice()}
          ${password(this.passwordForm, { name: "new-password", label: "New password", minLength: this.minLength })}
          ${this.passwordForm.button("Change password")}
        </form>
      </section>
      <section class="card">
        <h2>E-mail address</h2>
        <p>${me.email ? html`<strong>${me.email}</strong>, ${me.emailVerified ? "confirmed" : html`not confirmed. <a href=${href("/check-mail")}>Confirm it</a>`}` : "You have none here yet."}</p>
        ${this.mailedTo ? html`<p class="note" role="status">We have written to ${this.mailedTo}. It becomes yours when you press the link in the mail.</p>` : nothing}
        <form novalidate @submit=${this.emailForm.sends(async values => {
          const email = values.text("email");
          await withProof(() => ask(ChangeEmail, { email }));
          this.mailedTo = email;
        })}>
          ${this.emailForm.notice()}
          ${field(this.emailForm, { name: "email", label: "New address", type: "email", autocomplete: "email", missing: "Type the new address." })}
          ${this.emailForm.button("Change address")}
        </form>
      </section>
      <settings-second-factor></settings-second-factor>
      <settings-passkeys></settings-passkeys>
      <settings-face></settings-face>`;
  }
}
customElements.define("settings-security", SecuritySettings);
