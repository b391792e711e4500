/** The other ways to sign in: buttons of providers, as far as the operator set them up. */

import { html, nothing, type TemplateResult } from "lit";
import { property, state } from "lit/decorators.js";
import { Element } from "../element.js";
import { config, type Provider } from "../config.js";
import { href } from "../router.js";

const STORE = "bonafide.away";

/** What this tab was about to do when it sent the browser to a provider. */
export interface Away {
  readonly provider: string;
  readonly state: string;
  readonly nonce: string;
  readonly purpose: "sign-in" | "link";
  readonly next: string | null;
}

/** What this tab left for, once. */
export function back(): Away | null {
  const text = sessionStorage.getItem(STORE);
  sessionStorage.removeItem(STORE);
  return text ? (JSON.parse(text) as Away) : null;
}

/** Sends the browser to a provider; it comes back to /auth/callback. */
export function leaveFor(provider: Provider, purpose: Away["purpose"], next: string | null): void {
  const landing = new URL(href("/auth/callback"), location.origin).href;
  const away: Away = { provider: provider.provider, state: random(), nonce: random(), purpose, next };
  sessionStorage.setItem(STORE, JSON.stringify(away));
  const url = new URL(provider.url, document.baseURI);
  if (provider.kind === "server") {
    // To link, the page takes code and state itself; to sign in, our server does and sets the cookie.
    if (purpose === "link") url.searchParams.set("redirect_uri", landing);
  } else {
    url.searchParams.set("redirect_uri", landing);
    url.searchParams.set("state", away.state);
    url.searchParams.set("nonce", away.nonce);
  }
  location.assign(url);
}

export class WaysIn extends Element {
  @property({ attribute: false }) next: string | null = null;
  @property() verb = "Continue";
  @state() private providers: readonly Provider[] = [];

  override connectedCallback(): void {
    super.connectedCallback();
    config().then(({ providers }) => { this.providers = providers; }, () => undefined); // the password works without them
  }

  override render(): TemplateResult | typeof nothing {
    if (!this.providers.length) return nothing;
    return html`<div class="ways">
      <p class="or"><span>or</span></p>
      ${this.providers.map(
        provider => html`<button type="button" data-provider=${provider.provider} @click=${() => leaveFor(provider, "sign-in", this.next)}>
          ${this.verb} with ${provider.name}
        </button>`,
      )}
    </div>`;
  }
}
customElements.define("bf-ways-in", WaysIn);

function random(): string {
  return btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(18)))).replaceAll("+", "-").replaceAll("/", "_");
}
