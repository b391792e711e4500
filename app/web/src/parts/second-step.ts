import { html, type TemplateResult } from "lit";
import { property } from "lit/decorators.js";
import { announce, Element } from "../element.js";
import { enter } from "../entering.js";
import { Form } from "../form.js";
import { type Entered, VerifySecondFactor } from "../generated/entry.js";
import { BeginPasskeySecondStep, PasskeySecondStep } from "../generated/passkeys.js";
import { askAsNobody } from "../graphql.js";
import { canUsePasskeys, shownPasskey } from "../passkey.js";
import { Refusal } from "../refusals.js";
import { codeField } from "./field.js";

/** The second step of a sign-in, by code or passkey. Fires `over` when the sign-in has to begin anew. */
export class SecondStep extends Element {
  @property({ attribute: false }) tempToken = "";
  @property({ attribute: false }) next: string | null = null;
  @property() hint = "Six digits of your authenticator app, or one of your backup codes.";
  private readonly form = new Form(this, {
    words: ({ code, reason }) =>
      code === "UNAUTHENTICATED" && reason === "WRONG_CODE" ? "This code was not right. Type the one that is shown now, or another backup code." : null,
  });
  private readonly passkey = new Form(this, {
    words: ({ reason }) => (reason === "NO_PASSKEY" ? "Your account has no passkey. Use a code." : null),
  });

  override render(): TemplateResult {
    return html`<form novalidate @submit=${this.form.sends(async values => this.send(values.text("code")))}>
        ${this.form.notice()} ${codeField(this.form, "Code", this.hint)} ${this.form.button("Continue")}
      </form>
      ${this.passkey.notice()}
      ${canUsePasskeys() ? html`<p><button type="button" @click=${() => void this.passkey.run(() => this.byPasskey())}>Use a passkey instead</button></p>` : ""}`;
  }

  private async send(code: string): Promise<void> {
    const { tempToken } = this;
    await this.finish(async () => (await askAsNobody(VerifySecondFactor, { tempToken, code })).verify2FALogin);
  }

  private async byPasskey(): Promise<void> {
    const { tempToken } = this;
    await this.finish(async () => {
      const { beginPasskeySecondStep: challenge } = await askAsNobody(BeginPasskeySecondStep, { tempToken });
      const credential = await shownPasskey(challenge.options);
      return (await askAsNobody(PasskeySecondStep, { tempToken, challengeId: challenge.challengeId, credential })).passkeySecondStep;
    });
  }

  private async finish(show: () => Promise<Entered>): Promise<void> {
    try {
      await enter(await show(), this.next);
    } catch (error) {
      if (!(error instanceof Refusal) || error.reason !== "SECOND_STEP_OVER") throw error;
      announce("This sign-in took too long or too many codes. Begin again.");
      this.dispatchEvent(new CustomEvent("over"));
    }
  }
}
customElements.define("bf-second-step", SecondStep);
