import { html, nothing, type TemplateResult } from "lit";
import { account, FollowsAccount, setAccount } from "../account.js";
import { Element } from "../element.js";
import type { Outcome } from "../liveness/check.js";
import "../liveness/element.js";
import { forBadge } from "../liveness/purposes.js";
import { badge, day } from "../parts/badge.js";
import { FINDINGS } from "../parts/findings.js";
import "../parts/handoff.js";
import { href } from "../router.js";

/** Where the badge is earned, here or on a phone. */
export class Verify extends Element {
  private wasVerified = Boolean(account()?.verifiedAt);

  constructor() {
    super();
    new FollowsAccount(this);
  }

  protected override updated(): void {
    const isVerified = Boolean(account()?.verifiedAt);
    // What had the focus is gone with the check: a reader hears what became of it.
    if (isVerified && !this.wasVerified && !this.isChecking()) this.querySelector<HTMLElement>("h1")?.focus();
    this.wasVerified = isVerified && !this.isChecking();
  }

  override render(): TemplateResult {
    const me = account();
    if (!me) return html``;
    if (me.verifiedAt && !this.isChecking()) {
      return html`<section class="card narrow">
        <h1 tabindex="-1">You are verified</h1>
        <p>${badge(me.verifiedAt)} since ${day(me.verifiedAt)}. A new profile photo takes the badge away until you earn it again.</p>
        <p><a class="primary button" href=${href("/profile")}>See your profile</a></p>
      </section>`;
    }
    return html`<section class="card narrow">
      <h1 tabindex="-1">Get verified</h1>
      <p>The badge says that a live person stands behind your account, and that it is the person in the profile photo.
        It is never needed: without it everything works.</p>
      ${me.avatarMedium && !me.faceFindings.length ? this.check() : this.photoFirst(me.faceFindings.map(finding => FINDINGS[finding]))}
    </section>`;
  }

  /** The news of the badge may be faster than the answer to the check that earned it: that one ends by itself first. */
  private isChecking(): boolean {
    const state = this.querySelector<HTMLElement>("bonafide-liveness")?.dataset.state ?? "idle";
    return ["starting", "checking", "comparing"].includes(state);
  }

  private check(): TemplateResult {
    return html`<bonafide-liveness purpose="VERIFY" .api=${forBadge} @bonafide-result=${this.ended}
        @bonafide-fault=${() => this.requestUpdate()}></bonafide-liveness>
      <p class="quiet">Your face is compared with your photo on this server. What the camera saw is kept nowhere.</p>
      <bf-handoff></bf-handoff>`;
  }

  private photoFirst(faults: readonly string[]): TemplateResult {
    return html`${faults.length ? faults.map(fault => html`<p class="fault">${fault}</p>`) : nothing}
      <p>First add a profile photo that shows your face: the camera's picture is compared with it.</p>
      <p><a class="primary button" href=${href("/settings/photo")}>${faults.length ? "Choose another photo" : "Add a photo"}</a></p>`;
  }

  private readonly ended = ({ detail }: CustomEvent<Outcome>): void => {
    const me = account();
    const { verifiedAt } = (detail.answer ?? {}) as { verifiedAt?: string };
    if (detail.success && me) setAccount({ ...me, verifiedAt: verifiedAt ?? new Date().toISOString() });
  };
}
customElements.define("page-verify", Verify);
