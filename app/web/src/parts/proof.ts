/** The one place that asks again who it is: whatever the server refuses with REAUTHENTICATION_NEEDED comes by here. */

import { html, type TemplateResult } from "lit";
import { state } from "lit/decorators.js";
import { account } from "../account.js";
import { Element } from "../element.js";
import { Form, type Values } from "../form.js";
import { BeginPasskeyConfirmation, ConfirmWithPasskey } from "../generated/passkeys.js";
import type { ConfirmationMethod } from "../generated/schema.js";
import { Confirmed } from "../generated/faces.js";
import { ConfirmIdentity } from "../generated/session.js";
import { ask } from "../graphql.js";
import type { LivenessApi, Outcome } from "../liveness/check.js";
import { canUsePasskeys, shownPasskey } from "../passkey.js";
import { Refusal } from "../refusals.js";
import { placeAt } from "../router.js";
import { codeField } from "./field.js";
import { password } from "./password.js";

const NAMES: Readonly<Partial<Record<ConfirmationMethod, string>>> = {
  PASSWORD: "Use the password", CODE: "Use a code", PASSKEY: "Use a passkey", FACE: "Use my face",
};

/** Whether this browser, on this page, can show it. */
const canShow = (method: ConfirmationMethod): boolean =>
  method === "PASSKEY" ? canUsePasskeys() : method !== "FACE" || Boolean(placeAt(new URL(location.href))?.route.camera);

/**
 * Does what may need a fresh proof: tries without one, asks for it where the server wants one, and tries again.
 * Throws the Refusal of the act, or CANCELLED when the person would rather not.
 */
export async function withProof<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof Refusal) || error.reason !== "REAUTHENTICATION_NEEDED") throw error;
    await asked();
    return act();
  }
}

/** Asks for a proof before something that wants one, unless one still counts; throws CANCELLED when nothing was given. */
export async function proveFirst(): Promise<void> {
  const { me } = await ask(Confirmed, {});
  // An account that has nothing to show is believed for a while after it signed in: the server says so, or refuses.
  if (me && !me.confirmedUntil && account()?.confirmationMethods.some(canShow)) await asked();
}

async function asked(): Promise<void> {
  const dialog = document.createElement("bf-proof") as ProofDialog;
  document.querySelector("main")?.append(dialog);
  await dialog.given().finally(() => dialog.remove());
}

export class ProofDialog extends Element {
  private readonly methods = (account()?.confirmationMethods ?? []).filter(method => method in NAMES && canShow(method));
  @state() private byFace: LivenessApi | null = null;
  @state() private method = this.methods[0] ?? null;
  private settle: (given: boolean) => void = () => undefined;
  private readonly form = new Form(this, {
    words: ({ code, reason }) => {
      if (code === "CANCELLED") return "No passkey was used. Try again, or choose another way.";
      if (reason !== "REAUTHENTICATION_NEEDED") return null;
      return this.method === "PASSWORD" ? "This password was not right." : this.method === "CODE" ? "This code was not right." : "This passkey is not yours here.";
    },
  });

  /** Asks; throws CANCELLED when nothing was given. */
  async given(): Promise<void> {
    await this.updateComplete;
    this.querySelector("dialog")?.showModal();
    this.choose(this.method);
    const given = await new Promise<boolean>(resolve => { this.settle = resolve; });
    if (!given) throw new Refusal({ code: "CANCELLED" });
  }

  override render(): TemplateResult {
    const others = this.methods.filter(method => method !== this.method);
    return html`<dialog aria-labelledby="proof-title" @close=${() => this.settle(false)}>
      <h2 id="proof-title">Is it you?</h2>
      ${this.method
        ? html`<p>For this we ask once more. Then you are not asked again for five minutes.</p>
            ${this.method === "FACE" ? this.face() : this.typed()}`
        : html`<p>Your account has neither a password nor another proof. Sign out, sign in again, and do this within five minutes.</p>`}
      <p class="row spread">
        <button type="button" class="plain" @click=${() => this.querySelector("dialog")?.close()}>Cancel</button>
        ${others.map(method => html`<button type="button" class="plain" @click=${() => this.choose(method)}>${NAMES[method]}</button>`)}
      </p>
    </dialog>`;
  }

  private typed(): TemplateResult {
    return html`<form novalidate @submit=${this.form.sends(values => this.show(values))}>
              ${this.form.notice()}
              ${this.method === "PASSWORD" ? password(this.form) : this.method === "CODE" ? codeField(this.form, "Code of your authenticator, or a backup code") : ""}
              ${this.form.button(this.method === "PASSKEY" ? "Use a passkey" : "Continue")}
            </form>`;
  }

  private face(): TemplateResult {
    return this.byFace
      ? html`<bonafide-liveness purpose="STEP_UP" .api=${this.byFace} @bonafide-result=${this.ended}></bonafide-liveness>`
      : html`${this.form.notice()}<p class="quiet">One moment…</p>`;
  }

  private choose(method: ConfirmationMethod | null): void {
    this.method = method;
    if (method === "FACE" && !this.byFace) void this.form.run(() => this.loadCheck());
  }

  private async loadCheck(): Promise<void> {
    const [{ forProof }] = await Promise.all([import("../liveness/purposes.js"), import("../liveness/element.js")]);
    this.byFace = forProof;
  }

  private readonly ended = ({ detail }: CustomEvent<Outcome>): void => {
    if (detail.success) this.settle(true);
  };

  private async show(values: Values): Promise<void> {
    if (this.method === "PASSKEY") {
      const { beginPasskeyConfirmation: challenge } = await ask(BeginPasskeyConfirmation, {});
      const credential = await shownPasskey(challenge.options);
      await ask(ConfirmWithPasskey, { challengeId: challenge.challengeId, credential });
    } else {
      await ask(ConfirmIdentity, this.method === "CODE" ? { code: values.text("code") } : { password: values.exact("password") });
    }
    this.settle(true);
  }
}
customElements.define("bf-proof", ProofDialog);
