import { html, nothing, type TemplateResult } from "lit";
import { state } from "lit/decorators.js";
import { account, FollowsAccount } from "../account.js";
import { Element } from "../element.js";
import { href } from "../router.js";

const WEEK_MS = 7 * 24 * 3600 * 1000;
const STORE = "bonafide.banner-until";

/** Invites whoever has no badge; gone for seven days once it was put away, and for good with the badge. */
export class GetVerified extends Element {
  @state() private away = Number(localStorage.getItem(STORE)) > Date.now();

  constructor() {
    super();
    new FollowsAccount(this);
  }

  override render(): TemplateResult | typeof nothing {
    const someone = account();
    if (!someone || someone.verifiedAt || this.away) return nothing;
    return html`<aside class="card banner" aria-label="Get verified">
      <p><strong>Get verified.</strong> Three small prompts in front of the camera, and your profile says that a live person stands behind it.</p>
      <p class="row">
        <a class="primary button" href=${href("/verify")}>Get verified</a>
        <button type="button" class="plain" @click=${this.dismiss}>Not now</button>
      </p>
    </aside>`;
  }

  private readonly dismiss = (): void => {
    localStorage.setItem(STORE, String(Date.now() + WEEK_MS));
    this.away = true;
  };
}
customElements.define("bf-get-verified", GetVerified);
