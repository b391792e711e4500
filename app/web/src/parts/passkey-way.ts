import { html, nothing, type TemplateResult } from "lit";
import { property } from "lit/decorators.js";
import { Element } from "../element.js";
import { enter } from "../entering.js";
import { Form } from "../form.js";
import { BeginPasskeyLogin, PasskeyLogin } from "../generated/passkeys.js";
import { askAsNobody } from "../graphql.js";
import { canUsePasskeys, shownPasskey } from "../passkey.js";

/** Signs in by passkey, where the browser has such a thing. */
export class PasskeyWay extends Element {
  @property({ attribute: false }) next: string | null = null;
  private readonly form = new Form(this, {
    words: ({ code, reason, message }) => {
      if (code === "CANCELLED") return "No passkey was used. Try again, or type your password.";
      if (reason === "WRONG_PASSKEY") return "This passkey opens no account here. Try another, or type your password.";
      return reason === "PASSKEYS_NOT_HERE" || code === "UNAUTHENTICATED" ? message : null;
    },
  });

  override render(): TemplateResult | typeof nothing {
    if (!canUsePasskeys()) return nothing;
    return html`<div class="ways">
      ${this.form.notice()}
      <button type="button" aria-disabled=${this.form.busy ? "true" : "false"} @click=${() => void this.form.run(() => this.signIn())}>Sign in with a passkey</button>
    </div>`;
  }

  private async signIn(): Promise<void> {
    const { beginPasskeyLogin: challenge } = await askAsNobody(BeginPasskeyLogin, {});
    const credential = await shownPasskey(challenge.options);
    await enter((await askAsNobody(PasskeyLogin, { challengeId: challenge.challengeId, credential })).passkeyLogin, this.next);
  }
}
customElements.define("bf-passkey-way", PasskeyWay);
