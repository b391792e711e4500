/** The one place that asks again who it is: whatever the server refuses with REAUTHENTICATION_NEEDED comes by here. */

import { html, type TemplateResult } from "lit";
import { state } from "lit/decorators.js";
import { account } from "../account.js";
import { Element } from "../element.js";
import { Form } from "../form.js";
import { BeginPasskeyConfirmation, ConfirmWithPasskey } from "../generated/passkeys.js";
import { ask } from "../graphql.js";
import { canUsePasskeys, shownPasskey } from "../passkey.js";
import { Refusal } from "../refusals.js";
import { codeField } from "./field.js";
import { password } from "./password.js";

export interface Proof {
  readonly password?: string;
  readonly code?: string;
}

/**
 * Does what may need a fresh proof: tries without one, and asks for it where the server wants one.
 * Throws the Refusal of the act, or CANCELLED when the person would rather not.
 */
export async function withProof<T>(act: (proof: Proof) => Promise<T>): Promise<T> {
  try {
    return await act({});
  } catch (error) {
    if (!(error instanceof Refusal) || error.reason !== "REAUTHENTICATION_NEEDED") throw error;
    const dialog = document.createElement("bf-proof") as ProofDialog<T>;
    document.querySelector("main")?.append(dialog);
    return dialog.asked(act).finally(() => dialog.remove());
  }
}

export class ProofDialog<T> extends Element {
  @state() private byCode = account()?.twoFactorEnabled ?? false;
  private act: (proof: Proof) => Promise<T> = () => Promise.reject(new Refusal({ code: "CANCELLED" }));
  private settle: (result: Promise<T>) => void = () => undefined;
  private readonly form = new Form(this, {
    words: ({ reason }) => (reason === "REAUTHENTICATION_NEEDED" ? (this.byCode ? "This code was not right." : "This password was not right.") : null),
  });

  async asked(act: (proof: Proof) => Promise<T>): Promise<T> {
    this.act = act;
    await this.updateComplete;
    this.querySelector("dialog")?.showModal();
    return new Promise<T>(resolve => {
      this.settle = resolve as (result: Promise<T>) => void;
    });
  }

  override render(): TemplateResult {
    return html`<dialog aria-labelledby="proof-title" @close=${this.cancelled}>
      <h2 id="proof-title">Is it you?</h2>
      <p>For this we ask once more.</p>
      <form novalidate @submit=${this.form.sends(async values => {
        const result = await this.tried(this.byCode ? { code: values.text("code") } : { password: values.exact("password") });
        this.settle(Promise.resolve(result));
      })}>
        ${this.form.notice()} ${this.byCode ? codeField(this.form, "Code of your authenticator, or a backup code") : password(this.form)}
        ${this.form.button("Continue")}
      </form>
      <p class="row spread">
        <button type="button" class="plain" @click=${() => this.querySelector("dialog")?.close()}>Cancel</button>
        ${account()?.twoFactorEnabled
          ? html`<button type="button" class="plain" @click=${() => { this.byCode = !this.byCode; }}>${this.byCode ? "Use the password" : "Use a code"}</button>`
          : ""}
        ${account()?.passkeys.length && canUsePasskeys()
          ? html`<button type="button" class="plain" @click=${() => void this.form.run(() => this.byPasskey())}>Use a passkey</button>`
          : ""}
      </p>
    </dialog>`;
  }

  private async byPasskey(): Promise<void> {
    const { beginPasskeyConfirmation: challenge } = await ask(BeginPasskeyConfirmation, {});
    const credential = await shownPasskey(challenge.options);
    await ask(ConfirmWithPasskey, { challengeId: challenge.challengeId, credential });
    this.settle(Promise.resolve(await this.tried({})));
  }

  private async tried(proof: Proof): Promise<T> {
    try {
      return await this.act(proof);
    } catch (error) {
      // What is not about the proof belongs to the page that asked.
      if (error instanceof Refusal && (error.reason === "REAUTHENTICATION_NEEDED" || error.retryAfterS)) throw error;
      this.settle(Promise.reject(error as Error));
      throw error;
    }
  }

  private readonly cancelled = (): void => {
    this.settle(Promise.reject(new Refusal({ code: "CANCELLED" })));
  };
}
customElements.define("bf-proof", ProofDialog);
