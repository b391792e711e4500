import { html, type TemplateResult } from "lit";
import { property, state } from "lit/decorators.js";
import { config } from "../config.js";
import { Element } from "../element.js";
import { enter } from "../entering.js";
import { Form } from "../form.js";
import { Login as LoginOperation } from "../generated/entry.js";
import { askAsNobody } from "../graphql.js";
import { field } from "../parts/field.js";
import { password } from "../parts/password.js";
import "../parts/passkey-way.js";
import "../parts/ways-in.js";
import { href, type Place, wayBack, withWayBack } from "../router.js";

export class Login extends Element {
  @property({ attribute: false }) place?: Place;
  @state() private byFace = false;
  private readonly form = new Form(this, {
    words: ({ code, reason }) =>
      reason === "PASSWORD_RESET_REQUIRED" ? "This password was blocked to keep somebody else out. Choose a new one by the link that we mailed to you."
      : code === "UNAUTHENTICATED" ? "E-mail address or password is wrong. Look at both again, or choose a new password below." : null,
  });

  override connectedCallback(): void {
    super.connectedCallback();
    config().then(({ faceLogin }) => { this.byFace = faceLogin !== "off"; }, () => undefined); // the password works without it
  }

  override render(): TemplateResult {
    const next = this.place ? wayBack(this.place.query) : null;
    return html`<section class="card narrow">
      <h1 tabindex="-1">Sign in</h1>
      ${next ? html`<p class="quiet">Sign in to go on to where you were.</p>` : ""}
      <form novalidate @submit=${this.form.sends(async values => {
        const variables = { email: values.text("email"), password: values.exact("password") };
        const { login } = await askAsNobody(LoginOperation, variables);
        await enter(login, next);
      })}>
        ${this.form.notice()}
        ${field(this.form, { name: "email", label: "E-mail address", type: "email", autocomplete: "username", missing: "Type your e-mail address." })}
        ${password(this.form)}
        ${this.form.button("Sign in")}
      </form>
      <p class="row spread"><a href=${href("/forgot")}>Forgotten password?</a><a href=${href("/signup")}>No account yet?</a></p>
      <bf-passkey-way .next=${next}></bf-passkey-way>
      ${this.byFace ? html`<p class="ways"><a class="button" href=${href(withWayBack("/facematch", next))}>Sign in with your face</a></p>` : ""}
      <bf-ways-in .next=${next} verb="Sign in"></bf-ways-in>
    </section>`;
  }
}
customElements.define("page-login", Login);
