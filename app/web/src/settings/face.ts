import { html, nothing, type TemplateResult } from "lit";
import { state } from "lit/decorators.js";
import { type Account, account, FollowsAccount, loadAccount } from "../account.js";
import { type Config, config } from "../config.js";
import { announce, Element } from "../element.js";
import { Form } from "../form.js";
import { ForgetFace } from "../generated/faces.js";
import { ask } from "../graphql.js";
import type { Outcome } from "../liveness/check.js";
import type { LivenessApi } from "../liveness/check.js";
import { proveFirst, withProof } from "../parts/proof.js";
import { href } from "../router.js";

const MOST_VIEWS = 5;

/** Sign-in by face: switched on by enrolling, off by having the face forgotten. */
export class FaceSettings extends Element {
  @state() private mode: Config["faceLogin"] | null = null;
  @state() private api: LivenessApi | null = null;
  private readonly form = new Form(this);

  constructor() {
    super();
    new FollowsAccount(this);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void this.form.run(async () => { this.mode = (await config()).faceLogin; });
  }

  override render(): TemplateResult | typeof nothing {
    const me = account();
    if (!me || (!this.mode && this.form.busy) || (this.mode === "off" && !me.faceTemplates)) return nothing;
    return html`<section class="card">
      <h2 tabindex="-1">Sign in with your face</h2>
      <p role="status">${this.standing(me)}</p>
      ${this.form.notice()}
      ${this.api
        ? html`<bonafide-liveness purpose="ENROLL" .api=${this.api} @bonafide-result=${this.ended}></bonafide-liveness>
            <p><button type="button" class="plain" @click=${() => { this.api = null; }}>Not now</button></p>`
        : html`<p class="row">${this.mode && this.mode !== "off" ? this.enrolling(me) : nothing}
            ${me.faceTemplates ? html`<button type="button" class="danger" @click=${() => void this.form.run(() => this.forget())}>Forget my face</button>` : nothing}</p>`}
    </section>`;
  }

  private standing({ faceTemplates: views }: Account): string {
    if (this.mode === "off") return "Signing in by face is switched off on this server. What was enrolled earlier opens nothing, and you can have it deleted.";
    if (!views) return "Your face opens nothing here, and nothing of it is kept for signing in. You can change that.";
    const seen = views === 1 ? "one view of it is kept" : `${views} views of it are kept`;
    return `Your face signs you in: ${seen}, as numbers, not as pictures. ${views < MOST_VIEWS ? "A view of another day makes you easier to recognise." : ""}`;
  }

  private enrolling(me: Account): TemplateResult {
    if (!me.faceTemplates && !me.avatarMedium) {
      return html`<a class="button" href=${href("/settings/photo")}>Add a profile photo first</a>`;
    }
    return html`<button type="button" @click=${() => void this.form.run(() => this.begin(me))}>${me.faceTemplates ? "Add another view" : "Sign in with my face from now on"}</button>`;
  }

  private async begin(me: Account): Promise<void> {
    if (!me.faceTemplates) await proveFirst(); // before somebody stands before the camera for nothing
    const [{ forEnrolment }] = await Promise.all([import("../liveness/purposes.js"), import("../liveness/element.js")]);
    this.api = forEnrolment;
  }

  private readonly ended = ({ detail }: CustomEvent<Outcome>): void => {
    if (!detail.success) return;
    void this.form.run(async () => {
      await loadAccount();
      this.api = null;
      announce("Your face opens your account from now on. We have told you by mail too.");
      await this.updateComplete;
      this.querySelector<HTMLElement>("h2")?.focus();
    });
  };

  private async forget(): Promise<void> {
    await withProof(() => ask(ForgetFace, {}));
    await loadAccount();
    announce("Your face is forgotten. It opens your account no more.");
  }
}
customElements.define("settings-face", FaceSettings);
