import { html, type TemplateResult } from "lit";
import { property } from "lit/decorators.js";
import { announce, Element } from "../element.js";
import { Form } from "../form.js";
import { ResendVerification, VerifyByCode } from "../generated/proof.js";
import { askAsNobody } from "../graphql.js";
import { codeField, field } from "./field.js";

/** Proves an address by the code from the mail, or has a new mail sent. Fires `proved`. */
export class MailCode extends Element {
  /** The address that the code was mailed to; empty when nobody knows. */
  @property() email = "";
  private readonly form = new Form(this, {
    words: ({ code }) => (code === "GONE" ? "This code is wrong, was used already, or is older than 15 minutes. Look again, or have a new mail sent." : null),
  });
  private readonly again = new Form(this);

  override render(): TemplateResult {
    return html`<form novalidate @submit=${this.form.sends(async values => {
        await askAsNobody(VerifyByCode, { email: this.email || values.text("email"), code: values.text("code") });
        this.dispatchEvent(new CustomEvent("proved", { bubbles: true }));
      })}>
        ${this.form.notice()}
        ${this.email ? "" : field(this.form, { name: "email", label: "E-mail address", type: "email", autocomplete: "email", missing: "Type the address that the mail came to." })}
        ${codeField(this.form, "Code from the mail", "Six digits, good for 15 minutes.")}
        ${this.form.button("Confirm with the code")}
      </form>
      ${this.again.notice()}
      <p class="row quiet">
        <span>Nothing there? Look into the spam folder, or</span>
        <button type="button" class="chip" aria-disabled=${this.again.busy || this.again.waitS > 0 ? "true" : "false"} @click=${this.resend}>
          ${this.again.waitS > 0 ? `wait ${this.again.waitS} s` : "have a new mail sent"}
        </button>
      </p>`;
  }

  private readonly resend = (): void => {
    const typed = this.querySelector<HTMLInputElement>("input[name=email]");
    const email = this.email || typed?.value.trim() || "";
    if (!email) {
      this.form.fault("email", "Type the address that the mail shall go to.");
      return;
    }
    void this.again.run(async () => {
      await askAsNobody(ResendVerification, { email });
      announce("If this address is still to be confirmed, a new mail is on its way. Earlier ones no longer work.");
    });
  };
}
customElements.define("bf-mail-code", MailCode);
