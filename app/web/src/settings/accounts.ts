import { html, type TemplateResult } from "lit";
import { state } from "lit/decorators.js";
import { account, FollowsAccount, setAccount } from "../account.js";
import { config, type Provider } from "../config.js";
import { announce, Element } from "../element.js";
import { Form } from "../form.js";
import { UnlinkIdentity } from "../generated/security.js";
import { ask } from "../graphql.js";
import { day } from "../parts/badge.js";
import { withProof } from "../parts/proof.js";
import { NAMES } from "../parts/providers.js";
import { leaveFor } from "../parts/ways-in.js";

export class AccountsSettings extends Element {
  @state() private providers: readonly Provider[] = [];
  private readonly loading = new Form(this);
  private readonly form = new Form(this, {
    words: ({ reason }) => (reason === "LAST_SIGN_IN_METHOD" ? "Nothing else opens your account. Choose a password first, then unlink." : null),
  });

  constructor() {
    super();
    new FollowsAccount(this);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void this.loading.run(async () => { ({ providers: this.providers } = await config()); });
  }

  override render(): TemplateResult {
    const me = account();
    if (!me) return html``;
    const others = this.providers.filter(({ provider }) => !me.identities.some(identity => identity.provider === provider));
    return html`<section class="card">
      <h2 tabindex="-1">Linked accounts</h2>
      <p>Each opens your account here, as your password does.</p>
      ${this.loading.notice()} ${this.form.notice()}
      ${me.identities.length
        ? html`<ul class="list">${me.identities.map(
            ({ provider, email, username, linkedAt }) => html`<li class="row spread">
              <span><strong>${NAMES[provider] ?? provider}</strong> <span class="quiet">${username ?? email ?? ""}, since ${day(linkedAt)}</span></span>
              <button type="button" class="danger" aria-label="Unlink ${NAMES[provider] ?? provider}" @click=${() => void this.form.run(() => this.unlink(provider))}>Unlink</button>
            </li>`,
          )}</ul>`
        : html`<p class="quiet">${this.loading.busy || this.providers.length ? "None yet." : "None: this server offers no sign-in with other accounts."}</p>`}
      ${others.length
        ? html`<p class="row">${others.map(
            provider => html`<button type="button" @click=${() => leaveFor(provider, "link", null)}>Link ${provider.name}</button>`,
          )}</p>`
        : ""}
    </section>`;
  }

  private async unlink(provider: string): Promise<void> {
    const { unlinkIdentity } = await withProof(() => ask(UnlinkIdentity, { provider }));
    setAccount(unlinkIdentity);
    announce(`${NAMES[provider] ?? provider} is unlinked.`);
  }
}
customElements.define("settings-accounts", AccountsSettings);
