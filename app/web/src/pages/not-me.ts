import { html, type TemplateResult } from "lit";
import { state } from "lit/decorators.js";
import { Element } from "../element.js";
import { Form } from "../form.js";
import { fragmentToken } from "../fragment.js";
import { ReportNotMe } from "../generated/proof.js";
import { askAsNobody } from "../graphql.js";
import { Refusal } from "../refusals.js";
import { href } from "../router.js";

const DONE = "Every device is signed out, and what was added to your account since is taken back. If you sign in with a password, the old one no longer works: a link to choose a new one is on its way to you by mail.";
const GONE = "This link does not work any more: it was used already, or it is older than a week. If somebody else can still sign in to your account, choose a new password, which signs every device out.";

/**
 * The page behind the link in a letter about something suspicious. The token stands in the fragment, and opening the page
 * closes nothing, because mail scanners open links: the person presses the one button.
 */
export class NotMe extends Element {
  @state() private token = fragmentToken();
  @state() private said = this.token ? "" : "Open the whole link from the mail.";
  private readonly form = new Form(this);

  override render(): TemplateResult {
    return html`<section class="card narrow">
      <h1 tabindex="-1">This was not me</h1>
      ${this.token
        ? html`<p>You got a letter about your account. If it was you after all, close this page. If not, press the button: it signs
            every device out, takes back what was added to your account since, and asks for a new password.</p>`
        : ""}
      <p role="status">${this.said}</p>
      ${this.token
        ? html`<form novalidate @submit=${this.form.sends(() => this.report())}>${this.form.notice()} ${this.form.button("This was not me", "danger")}</form>`
        : ""}
      <p><a href=${href("/forgot")}>Choose a new password</a></p>
    </section>`;
  }

  private async report(): Promise<void> {
    try {
      await askAsNobody(ReportNotMe, { token: this.token });
      this.said = DONE;
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== "GONE") throw error;
      this.said = GONE;
    }
    this.token = "";
  }
}
customElements.define("page-not-me", NotMe);
