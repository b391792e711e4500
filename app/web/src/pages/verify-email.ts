import { html, type TemplateResult } from "lit";
import { state } from "lit/decorators.js";
import { account, FollowsAccount, refreshAccount } from "../account.js";
import { Element } from "../element.js";
import { Form } from "../form.js";
import { VerifyByLink } from "../generated/proof.js";
import { askAsNobody } from "../graphql.js";
import "../parts/mail-code.js";
import { Refusal } from "../refusals.js";
import { href } from "../router.js";
import { fragmentToken } from "../fragment.js";

/**
 * The page behind the link in the mail. The token stands in the fragment, which a browser sends to nobody. Opening the
 * page proves nothing, because mail scanners open links; the person presses a button.
 */
export class VerifyEmail extends Element {
  @state() private token = fragmentToken();
  @state() private done = false;
  @state() private gone = false;
  private readonly form = new Form(this);

  constructor() {
    super();
    new FollowsAccount(this);
  }

  override render(): TemplateResult {
    return html`<section class="card narrow">
      <h1 tabindex="-1">${this.done ? "Your address is confirmed" : "Confirm your address"}</h1>
      ${this.done ? this.thanks() : this.token && !this.gone ? this.byLink() : this.byCode()}
    </section>`;
  }

  private byLink(): TemplateResult {
    return html`<p>Somebody, hopefully you, signed up with this address. If it was not you, close this page.</p>
      <form novalidate @submit=${this.form.sends(() => this.confirm())}>
        ${this.form.notice()} ${this.form.button("Yes, this is my address")}
      </form>`;
  }

  private byCode(): TemplateResult {
    return html`<p role="status">
        ${this.gone
          ? "This link does not work any more: it was used already, or it is older than a day. If you have confirmed before, nothing is left to do. If not, have a new mail sent; until then your account works without it."
          : "Open the whole link from the mail, or type the code that stands beside it."}
      </p>
      <bf-mail-code .email=${account()?.email ?? ""} @proved=${this.proved}></bf-mail-code>`;
  }

  private thanks(): TemplateResult {
    const someone = account();
    return html`<p role="status">Thank you.</p>
      ${someone
        ? html`<p><a class="primary button" href=${href(someone.onboardedAt ? "/profile" : "/onboarding")}>Continue</a></p>`
        : html`<p><a class="primary button" href=${href("/login")}>Sign in</a></p>`}`;
  }

  private async confirm(): Promise<void> {
    try {
      await askAsNobody(VerifyByLink, { token: this.token });
      await this.proved();
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== "GONE") throw error;
      this.gone = true;
    }
  }

  private readonly proved = async (): Promise<void> => {
    this.done = true;
    this.token = "";
    if (account()) await refreshAccount();
    await this.updateComplete;
    this.querySelector("h1")?.focus();
  };
}
customElements.define("page-verify-email", VerifyEmail);
