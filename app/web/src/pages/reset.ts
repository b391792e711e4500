import { html, type TemplateResult } from "lit";
import { state } from "lit/decorators.js";
import { refreshAccount } from "../account.js";
import { config } from "../config.js";
import { announce, Element } from "../element.js";
import { Form } from "../form.js";
import { fragmentToken } from "../fragment.js";
import { ResetPassword } from "../generated/entry.js";
import { askAsNobody } from "../graphql.js";
import { password } from "../parts/password.js";
import { Refusal } from "../refusals.js";
import { go, href } from "../router.js";

/** The page behind the link for a forgotten password; the token stands in the fragment. */
export class Reset extends Element {
  @state() private token = fragmentToken();
  @state() private gone = false;
  @state() private minLength = 8;
  private readonly form = new Form(this);

  override connectedCallback(): void {
    super.connectedCallback();
    config().then(({ passwordMinLength }) => { this.minLength = passwordMinLength; }, () => undefined); // the server checks again
  }

  override render(): TemplateResult {
    return html`<section class="card narrow">
      <h1 tabindex="-1">Choose a new password</h1>
      ${this.token && !this.gone ? this.choose() : this.ask()}
    </section>`;
  }

  private choose(): TemplateResult {
    return html`<p>Every device is signed out by it. A second factor stays on.</p>
      <form novalidate @submit=${this.form.sends(async values => this.save(values.exact("password")))}>
        ${this.form.notice()} ${password(this.form, { label: "New password", minLength: this.minLength })}
        ${this.form.button("Save the new password")}
      </form>`;
  }

  private ask(): TemplateResult {
    return html`<p role="status">
        ${this.gone
          ? "This link does not work any more: it was used already, a newer one replaced it, or it is older than an hour."
          : "Open the whole link from the mail, or have a new one sent."}
      </p>
      <p><a class="primary button" href=${href("/forgot")}>Have a new link sent</a></p>`;
  }

  private async save(chosen: string): Promise<void> {
    try {
      await askAsNobody(ResetPassword, { token: this.token, password: chosen });
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== "GONE") throw error;
      this.gone = true;
      return;
    }
    this.token = "";
    await refreshAccount(); // this browser's own session may be among those that ended
    announce("Your password is changed and every device is signed out. Sign in with the new password.");
    go("/login", { replace: true });
  }
}
customElements.define("page-reset", Reset);
