import { html, type TemplateResult } from "lit";
import { Element } from "../element.js";
import { secondStep } from "../entering.js";
import "../parts/second-step.js";
import { go, href } from "../router.js";

export class SecondFactor extends Element {
  override connectedCallback(): void {
    super.connectedCallback();
    // Reloaded, or come back to: the step belongs to a sign-in that is no more.
    if (!secondStep()) this.beginAgain();
  }

  override render(): TemplateResult {
    const step = secondStep();
    return html`<section class="card narrow">
      <h1 tabindex="-1">Second step</h1>
      <p>Your account asks for a code as well as the password.</p>
      <bf-second-step .tempToken=${step?.tempToken ?? ""} .next=${step?.next ?? null} @over=${this.beginAgain}></bf-second-step>
      <p><a href=${href("/login")}>Begin again</a></p>
    </section>`;
  }

  private readonly beginAgain = (): void => go("/login", { replace: true });
}
customElements.define("page-second-factor", SecondFactor);
