import { html, nothing, type TemplateResult } from "lit";
import { account, FollowsAccount, loadAccount } from "../account.js";
import { Element } from "../element.js";
import { badge, day } from "../parts/badge.js";
import { FINDINGS } from "../parts/findings.js";
import "../liveness/element.js";
import { href } from "../router.js";
import { accessToken } from "../session.js";

/** Where the badge is earned; the check itself goes into the section `#check`. */
export class BadgePage extends Element {
  constructor() {
    super();
    new FollowsAccount(this);
  }

  override render(): TemplateResult {
    const me = account();
    if (!me) return html``;
    return html`<section class="card narrow">
      <h1 tabindex="-1">${me.verifiedAt ? "You are verified" : "Get verified"}</h1>
      ${me.verifiedAt
        ? html`<p>${badge(me.verifiedAt)} since ${day(me.verifiedAt)}. A new profile photo takes the badge away until you earn it again.</p>`
        : html`<p>The badge says that a live person stands behind your account, and that it is the person in the profile photo.</p>`}
      <ol>
        <li>${me.avatarMedium ? "Your profile photo is there." : html`Add a profile photo that shows your face. <a href=${href("/settings/photo")}>Add one</a>`}
          ${me.faceFindings.map(finding => html`<br><span class="fault">${FINDINGS[finding]}</span>`)}</li>
        <li>Answer three small prompts in front of the camera: a turn of the head, a blink. It takes half a minute.</li>
        <li>Your face is compared with the photo on this server. What the camera saw is kept nowhere.</li>
      </ol>
      <p class="quiet">It is never needed: without the badge everything works.</p>
      <section id="check">${me.verifiedAt
        ? nothing
        : html`<bonafide-liveness .accessToken=${accessToken} @bonafide-result=${this.ended}></bonafide-liveness>`}</section>
    </section>`;
  }

  private readonly ended = ({ detail }: CustomEvent<{ success: boolean }>): void => {
    if (detail.success) void loadAccount();
  };
}
customElements.define("page-badge", BadgePage);
