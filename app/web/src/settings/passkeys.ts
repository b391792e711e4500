import { html, nothing, type TemplateResult } from "lit";
import { account, FollowsAccount, loadAccount } from "../account.js";
import { announce, Element } from "../element.js";
import { Form } from "../form.js";
import { BeginPasskeyRegistration, FinishPasskeyRegistration, RemovePasskey, RenamePasskey } from "../generated/passkeys.js";
import { ask } from "../graphql.js";
import { day } from "../parts/badge.js";
import { field } from "../parts/field.js";
import { withProof } from "../parts/proof.js";
import { canUsePasskeys, madePasskey } from "../passkey.js";

/** Keys on a person's devices that open the account without a password. */
export class PasskeySettings extends Element {
  private readonly form = new Form(this, {
    words: ({ reason, message }) => {
      if (reason === "PASSKEYS_NOT_HERE") return message;
      return reason === "LAST_SIGN_IN_METHOD" ? "Nothing else opens your account. Choose a password first, then remove it." : null;
    },
  });

  constructor() {
    super();
    new FollowsAccount(this);
  }

  override render(): TemplateResult {
    const passkeys = account()?.passkeys ?? [];
    return html`<section class="card">
      <h2 tabindex="-1">Passkeys</h2>
      <p>A passkey signs you in with the finger, the face or the PIN of your device: nothing to remember, and nothing to steal here.</p>
      ${this.form.notice()}
      ${passkeys.length
        ? html`<ul class="list">${passkeys.map(
            ({ id, name, synced, createdAt, lastUsedAt }) => html`<li class="row spread">
              <span><strong>${name}</strong> ${synced ? html`<span class="tag">on all your devices</span>` : nothing}<br>
                <span class="quiet">added ${day(createdAt)}, ${lastUsedAt ? `last used ${day(lastUsedAt)}` : "never used"}</span></span>
              <span class="row">
                <button type="button" aria-label="Rename ${name}" @click=${() => void this.form.run(() => this.rename(id, name))}>Rename</button>
                <button type="button" class="danger" aria-label="Remove ${name}" @click=${() => void this.form.run(() => this.takeAway(id))}>Remove</button>
              </span>
            </li>`,
          )}</ul>`
        : nothing}
      ${canUsePasskeys()
        ? html`<form novalidate @submit=${this.form.sends(async values => this.add(values.text("passkey-name")))}>
            ${field(this.form, { name: "passkey-name", label: "Name of the new passkey", required: false, capitalize: true, maxLength: 60, hint: "For example the name of this device." })}
            ${this.form.button("Add a passkey")}
          </form>`
        : html`<p class="quiet">This browser knows no passkeys.</p>`}
    </section>`;
  }

  private async add(name: string): Promise<void> {
    const { beginPasskeyRegistration: challenge } = await withProof(() => ask(BeginPasskeyRegistration, {}));
    const credential = await madePasskey(challenge.options);
    await ask(FinishPasskeyRegistration, { challengeId: challenge.challengeId, credential, ...(name ? { name } : {}) });
    this.querySelector("form")?.reset();
    await loadAccount();
    announce("Added. It opens your account from now on.");
  }

  private async rename(id: string, before: string): Promise<void> {
    const name = prompt("What is this passkey called?", before)?.trim();
    if (!name || name === before) return;
    await ask(RenamePasskey, { id, name });
    await loadAccount();
    announce("Renamed.");
  }

  private async takeAway(id: string): Promise<void> {
    await withProof(() => ask(RemovePasskey, { id }));
    await loadAccount();
    announce("Removed. It opens your account no more.");
  }
}
customElements.define("settings-passkeys", PasskeySettings);
