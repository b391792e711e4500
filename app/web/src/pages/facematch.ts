import { html, type TemplateResult } from "lit";
import { property, state } from "lit/decorators.js";
import { type Config, config } from "../config.js";
import { announce, Element } from "../element.js";
import { enter } from "../entering.js";
import { Form } from "../form.js";
import type { Outcome } from "../liveness/check.js";
import "../liveness/element.js";
import { forSignIn, type Newcomer, type Recognised } from "../liveness/purposes.js";
import { field } from "../parts/field.js";
import "../parts/second-step.js";
import { href, type Place, wayBack, withWayBack } from "../router.js";

const MAILED = "Six digits of your authenticator app, or a backup code. If you have none, we have just mailed you a code.";

/** Sign-in by face (source D): whoever is known comes in; for somebody new an account is made. */
export class Facematch extends Element {
  @property({ attribute: false }) place?: Place;
  @state() private config: Config | null = null;
  @state() private tempToken = "";
  private path: string | null = null;
  private readonly loading = new Form(this);
  private readonly entering = new Form(this);
  private readonly told = new Form(this);
  private readonly api = forSignIn(() => this.newcomer());

  override connectedCallback(): void {
    super.connectedCallback();
    void this.loading.run(async () => { this.config = await config(); });
  }

  override render(): TemplateResult {
    const next = this.place ? wayBack(this.place.query) : null;
    return html`<section class="card narrow">
      <h1 tabindex="-1">${this.tempToken ? "Second step" : "Sign in with your face"}</h1>
      ${this.loading.notice()} ${this.entering.notice()}
      ${this.tempToken ? this.secondStep(next) : !this.config ? html`<p class="quiet">${this.loading.busy ? "One moment…" : ""}</p>`
        : this.config.faceLogin === "off" ? html`<p>Sign-in by face is switched off here.</p>` : this.check(next, this.config.faceLogin)}
      <p class="row spread">
        <a class=${this.config?.faceLogin === "off" ? "primary button" : "button"} href=${href(withWayBack("/login", next))}>Sign in another way</a>
        <a href=${href("/signup")}>No account yet?</a>
      </p>
    </section>`;
  }

  private check(next: string | null, mode: "second_factor" | "standalone"): TemplateResult {
    return html`${next ? html`<p class="quiet">Sign in to go on to where you were.</p>` : ""}
      ${mode === "second_factor" ? html`<p>On a device that you have not used before, a code is asked for as well as the face.</p>` : ""}
      <bonafide-liveness purpose="LOGIN" .api=${this.api} @bonafide-started=${this.started}
        @bonafide-result=${(event: CustomEvent<Outcome>) => void this.entering.run(() => this.ended(event.detail, next))}></bonafide-liveness>
      <details class="newcomer">
        <summary>Are you new here?</summary>
        <p>If your face is not known, an account is made for you. You can change everything about it later.</p>
        ${field(this.told, { name: "name", label: "Your name", required: false, autocomplete: "name", capitalize: true, maxLength: 100, hint: "As others will see it." })}
        <label class="check"><input type="checkbox" name="keep-photo">
          <span>Keep the camera's picture as my profile photo. Without this tick no picture is kept.</span></label>
      </details>`;
  }

  private secondStep(next: string | null): TemplateResult {
    return html`<p>Your face was recognised. Here it takes a code as well.</p>
      <bf-second-step .tempToken=${this.tempToken} .next=${next} .hint=${MAILED} @over=${() => { this.tempToken = ""; }}></bf-second-step>`;
  }

  private newcomer(): Newcomer {
    const name = this.querySelector<HTMLInputElement>("[name=name]")?.value.trim() ?? "";
    return { name, keepPhoto: this.wantsPhoto() };
  }

  private wantsPhoto(): boolean {
    return this.querySelector<HTMLInputElement>("[name=keep-photo]")?.checked ?? false;
  }

  private readonly started = ({ detail }: CustomEvent<{ path: string }>): void => {
    this.path = detail.path;
  };

  private async ended({ success, answer }: Outcome, next: string | null): Promise<void> {
    const { auth, isNewUser } = (answer ?? {}) as Partial<Recognised>;
    if (!success || !auth) return; // the element says why, and what to do
    if (auth.requiresTwoFactor && auth.tempToken) {
      this.tempToken = auth.tempToken;
      await this.updateComplete;
      this.querySelector<HTMLElement>("h1")?.focus();
      return;
    }
    // A stream keeps no picture, so there is none to become the photo.
    const photo = this.wantsPhoto() && this.path === "stream" ? " The picture was not kept, because the server looked at the camera: add a photo in the settings." : "";
    announce(isNewUser ? `Nobody here had your face, so an account was made for you.${photo}` : "Your face was recognised. Welcome back.");
    await enter(auth, next);
  }
}
customElements.define("page-facematch", Facematch);
