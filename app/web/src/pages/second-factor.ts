import { html, type TemplateResult } from "lit";
import { announce, Element } from "../element.js";
import { enter, secondStep } from "../entering.js";
import { Form } from "../form.js";
import { type Entered, VerifySecondFactor } from "../generated/entry.js";
import { BeginPasskeySecondStep, PasskeySecondStep } from "../generated/passkeys.js";
import { askAsNobody } from "../graphql.js";
import { codeField } from "../parts/field.js";
import { canUsePasskeys, shownPasskey } from "../passkey.js";
import { Refusal } from "../refusals.js";
import { go, href } from "../router.js";

export class SecondFactor extends Element {
  private readonly form = new Form(this, {
    words: ({ code, reason }) =>
      code === "UNAUTHENTICATED" && reason === "WRONG_CODE" ? "This code was not right. Type the one that is shown now, or another backup code." : null,
  });

  private readonly passkey = new Form(this, {
    words: ({ reason }) => (reason === "NO_PASSKEY" ? "Your account has no passkey. Use a code." : null),
  });

  override connectedCallback(): void {
    super.connectedCallback();
    // Reloaded, or come back to: the step belongs to a sign-in that is no more.
    if (!secondStep()) go("/login", { replace: true });
  }

  override render(): TemplateResult {
    return html`<section class="card narrow">
      <h1 tabindex="-1">Second step</h1>
      <p>Your account asks for a code beside the password.</p>
      <form novalidate @submit=${this.form.sends(async values => this.send(values.text("code")))}>
        ${this.form.notice()}
        ${codeField(this.form, "Code", "Six digits of your authenticator app, or one of your backup codes.")}
        ${this.form.button("Continue")}
      </form>
      ${this.passkey.notice()}
      ${canUsePasskeys() ? html`<p><button type="button" @click=${() => void this.passkey.run(() => this.byPasskey())}>Use a passkey instead</button></p>` : ""}
      <p><a href=${href("/login")}>Begin again</a></p>
    </section>`;
  }

  private async send(code: string): Promise<void> {
    await this.finish(async tempToken => (await askAsNobody(VerifySecondFactor, { tempToken, code })).verify2FALogin);
  }

  private async byPasskey(): Promise<void> {
    await this.finish(async tempToken => {
      const { beginPasskeySecondStep: challenge } = await askAsNobody(BeginPasskeySecondStep, { tempToken });
      const credential = await shownPasskey(challenge.options);
      return (await askAsNobody(PasskeySecondStep, { tempToken, challengeId: challenge.challengeId, credential })).passkeySecondStep;
    });
  }

  private async finish(show: (tempToken: string) => Promise<Entered>): Promise<void> {
    const step = secondStep();
    if (!step) return go("/login", { replace: true });
    try {
      await enter(await show(step.tempToken), step.next);
    } catch (error) {
      if (!(error instanceof Refusal) || error.reason !== "SECOND_STEP_OVER") throw error;
      announce("This sign-in took too long or too many codes. Begin again.");
      go("/login", { replace: true });
    }
  }
}
customElements.define("page-second-factor", SecondFactor);
