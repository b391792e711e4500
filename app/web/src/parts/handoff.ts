import { html, nothing, type TemplateResult } from "lit";
import { state } from "lit/decorators.js";
import { announce, Element } from "../element.js";
import { Form } from "../form.js";
import { BeginHandoff } from "../generated/faces.js";
import type { Operation } from "../generated/schema.js";
import { ask } from "../graphql.js";
import type { Verification } from "../live/tuned.js";
import { screenOf } from "../liveness/screens.js";

type Link = typeof BeginHandoff extends Operation<{ beginHandoff: infer One }, never> ? One : never;

const LIVES_MS = 5 * 60 * 1000; // as long as the server says; counted here, because a clock may be hours off

/** Whether an address leads no further than the machine it is opened on: as long as a server is only tried out. */
const isThisMachine = (url: string): boolean => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(url).hostname);

/** "Continue on your phone": a code to scan there. How the check went is heard, and told here too. */
export class HandoffOffer extends Element {
  @state() private link: Link | null = null;
  @state() private said = "";
  private readonly form = new Form(this);
  private timer = 0;

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener("bonafide-verification", this.heard);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener("bonafide-verification", this.heard);
    clearTimeout(this.timer);
  }

  override render(): TemplateResult {
    const { link, form } = this;
    return html`<section class="handoff">
      <h2>Is the better camera on your phone?</h2>
      ${form.notice()}
      <p role="status">${this.said || nothing}</p>
      ${link
        ? html`<p>Scan this with the camera of your phone. The link works once, for five minutes, and only for this check.</p>
            ${isThisMachine(link.url) ? html`<p class="note">A phone cannot open this address: it means the machine itself. Whoever runs this server sets PUBLIC_URL to one that others can reach, over https.</p>` : nothing}
            <img class="qr" src=${link.qrCode} alt="QR code with the link to this check; the address below says the same">
            <details><summary>I cannot scan it</summary><p>Open this address there: <span class="secret">${link.url}</span></p></details>
            <p class="row"><button type="button" @click=${this.show}>Show a new code</button>
              <button type="button" class="plain" @click=${this.hide}>Stay on this device</button></p>`
        : html`<p><button type="button" @click=${this.show}>Continue on your phone</button></p>`}
    </section>`;
  }

  private readonly show = (): void => {
    void this.form.run(async () => {
      this.link = (await ask(BeginHandoff, {})).beginHandoff;
      this.said = "";
      clearTimeout(this.timer);
      this.timer = window.setTimeout(() => {
        this.hide();
        this.said = "The code has run out. Show a new one.";
      }, LIVES_MS);
    });
  };

  private readonly hide = (): void => {
    clearTimeout(this.timer);
    this.link = null;
  };

  private readonly heard = ({ detail }: CustomEvent<Verification> | Event & { detail?: never }): void => {
    if (!this.link || !detail) return;
    if (detail.success) announce("Your phone has done it: you are verified.");
    else this.said = `The check on your phone did not work out: ${screenOf(detail.error ?? "BROKEN", "VERIFY").title}. You can try again there.`;
  };
}
customElements.define("bf-handoff", HandoffOffer);
