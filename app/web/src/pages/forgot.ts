import { html, type TemplateResult } from "lit";
import { state } from "lit/decorators.js";
import { Element } from "../element.js";
import { Form } from "../form.js";
import { RequestPasswordReset } from "../generated/entry.js";
import { askAsNobody } from "../graphql.js";
import { field } from "../parts/field.js";
import { href } from "../router.js";

export class Forgot extends Element {
  @state() private sentTo = "";
  private readonly form = new Form(this);

  override render(): TemplateResult {
    return html`<section class="card narrow">
      <h1 tabindex="-1">Forgotten password</h1>
      ${this.sentTo
        ? html`<p role="status">If an account has <strong>${this.sentTo}</strong>, a link is on its way. It works once, within an hour; earlier ones no longer work.</p>`
        : html`<p>We send you a link with which you choose a new one.</p>`}
      <form novalidate @submit=${this.form.sends(async values => {
        const email = values.text("email");
        await askAsNobody(RequestPasswordReset, { email });
        this.sentTo = email;
      })}>
        ${this.form.notice()}
        ${field(this.form, { name: "email", label: "E-mail address", type: "email", autocomplete: "username", missing: "Type your e-mail address." })}
        ${this.form.button(this.sentTo ? "Send another link" : "Send me a link")}
      </form>
      <p><a href=${href("/login")}>Back to signing in</a></p>
    </section>`;
  }
}
customElements.define("page-forgot", Forgot);
