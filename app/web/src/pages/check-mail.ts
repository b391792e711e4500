import { html, type TemplateResult } from "lit";
import { state } from "lit/decorators.js";
import { account, FollowsAccount, refreshAccount } from "../account.js";
import { config } from "../config.js";
import { announce, Element } from "../element.js";
import "../parts/mail-code.js";
import { go, href } from "../router.js";

export class CheckMail extends Element {
  @state() private outbox: string | null = null;
  private readonly email: string;

  constructor() {
    super();
    new FollowsAccount(this);
    this.email = (history.state as { email?: string } | null)?.email ?? account()?.email ?? "";
  }

  override connectedCallback(): void {
    super.connectedCallback();
    config().then(({ outbox }) => { this.outbox = outbox; }, () => undefined); // a convenience of development
  }

  override render(): TemplateResult {
    const someone = account();
    return html`<section class="card narrow">
      <h1 tabindex="-1">Check your mail</h1>
      <p>
        We have written to ${this.email ? html`<strong>${this.email}</strong>` : "your address"}. Press the link in the mail, or type
        the code that stands beside it.
      </p>
      ${this.outbox ? html`<p class="note">No mail server is set up, so the letter stays on this machine: <a href=${href(this.outbox)} target="_blank">read it there</a>.</p>` : ""}
      <bf-mail-code .email=${this.email} @proved=${this.proved}></bf-mail-code>
      ${someone
        ? html`<p><a class="button" href=${href(someone.onboardedAt ? "/profile" : "/onboarding")}>Do it later</a></p>`
        : html`<p><a href=${href("/login")}>Sign in</a></p>`}
    </section>`;
  }

  private readonly proved = async (): Promise<void> => {
    announce("Thank you. Your address is confirmed.");
    if (!account()) return go("/login", { replace: true });
    const someone = await refreshAccount();
    go(someone?.onboardedAt ? "/profile" : "/onboarding", { replace: true });
  };
}
customElements.define("page-check-mail", CheckMail);
