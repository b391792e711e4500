import { html, type TemplateResult } from "lit";
import { state } from "lit/decorators.js";
import { Element } from "../element.js";
import { fragmentToken } from "../fragment.js";
import { OpenHandoff } from "../generated/faces.js";
import type { Operation } from "../generated/schema.js";
import { askAsNobody } from "../graphql.js";
import type { Outcome } from "../liveness/check.js";
import "../liveness/element.js";
import { forHandoff } from "../liveness/purposes.js";
import { Refusal, words } from "../refusals.js";

type Task = typeof OpenHandoff extends Operation<{ openHandoff: infer One }, never> ? One : never;

/** The page behind the code that a computer shows: a check for the account there. Nobody is signed in by it. */
export class Handoff extends Element {
  @state() private task: Task | null = null;
  @state() private isDone = false;
  @state() private fault = "";
  private token = fragmentToken();

  override connectedCallback(): void {
    super.connectedCallback();
    void this.open();
  }

  override render(): TemplateResult {
    return html`<section class="card narrow">
      <h1 tabindex="-1">${this.isDone ? "That was it" : "Get verified on this phone"}</h1>
      ${this.isDone ? this.done() : this.fault ? this.over() : this.task ? this.check(this.task) : html`<p class="quiet">One moment…</p>`}
    </section>`;
  }

  private check({ displayName, handle }: Task): TemplateResult {
    return html`<p>This check is for <strong>${displayName}</strong> (@${handle}).</p>
      <p class="note">Is that not your account? Then close this page: somebody may want to use your face for theirs.</p>
      <bonafide-liveness purpose="VERIFY" .api=${forHandoff} @bonafide-result=${this.ended}></bonafide-liveness>
      <p class="quiet">Your face is compared with the photo of that account. What the camera saw is kept nowhere, and nobody is signed in here.</p>`;
  }

  private done(): TemplateResult {
    return html`<p role="status">The badge is on the page of your computer already. You can close this one.</p>`;
  }

  private over(): TemplateResult {
    return html`<p role="alert">${this.fault}</p>
      <p>On your computer, open <strong>Get verified</strong> and choose <strong>Continue on your phone</strong>; then scan the new code.</p>
      <p><button type="button" @click=${() => void this.open()}>Try again</button></p>`;
  }

  /** The link is used up by it; a page that is loaded anew goes on with what this browser has opened. */
  private async open(): Promise<void> {
    this.fault = "";
    try {
      this.task = (await askAsNobody(OpenHandoff, this.token ? { token: this.token } : {})).openHandoff;
      this.token = "";
    } catch (error) {
      const refusal = Refusal.of(error);
      if (refusal.code === "GONE") this.token = "";
      this.fault = refusal.code === "GONE" ? "This link does not work any more: it was used already, a newer one replaced it, or it is older than five minutes." : words(refusal);
    }
  }

  private readonly ended = async ({ detail }: CustomEvent<Outcome>): Promise<void> => {
    if (!detail.success) return;
    this.isDone = true;
    await this.updateComplete;
    this.querySelector<HTMLElement>("h1")?.focus();
  };
}
customElements.define("page-handoff", Handoff);
