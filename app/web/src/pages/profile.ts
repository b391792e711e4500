import { html, type TemplateResult } from "lit";
import { account, FollowsAccount } from "../account.js";
import { Element } from "../element.js";
import { avatar, badge, day } from "../parts/badge.js";
import "../parts/banner.js";
import { facts, status } from "../parts/facts.js";
import { href } from "../router.js";

export class Profile extends Element {
  constructor() {
    super();
    new FollowsAccount(this);
  }

  override render(): TemplateResult {
    const me = account();
    if (!me) return html``;
    return html`<div class="medium">
      <bf-get-verified></bf-get-verified>
      ${me.emailVerified || !me.email
        ? ""
        : html`<p class="note">Your address ${me.email} is not confirmed yet. <a href=${href("/check-mail")}>Confirm it</a></p>`}
      <section class="card">
        <div class="person">
          ${avatar(me, me.avatarMedium, "large")}
          <div>
            <h1 tabindex="-1">${me.displayName}</h1>
            <p class="row"><span class="quiet">@${me.handle}</span> ${badge(me.verifiedAt)}</p>
            ${me.headline ? html`<p>${me.headline}</p>` : ""} ${status(me.status)}
          </div>
        </div>
        <p class="row actions"><a class="button" href=${href("/settings/profile")}>Edit profile</a>
          ${me.avatarMedium ? "" : html`<a class="button" href=${href("/settings/photo")}>Add a photo</a>`}
          ${me.onboardedAt ? "" : html`<a class="primary button" href=${href("/onboarding")}>Finish your profile</a>`}</p>
        ${me.bio ? html`<p class="bio">${me.bio}</p>` : ""} ${facts(me)}
        <p class="quiet">Here since ${day(me.createdAt)}.
          ${me.privacy.visibility === "EVERYONE" ? "Everybody can see this profile." : "Nobody else can see this profile."}
          ${me.privacy.ghostMode ? "You are in ghost mode: no search finds you." : ""}</p>
      </section>
    </div>`;
  }
}
customElements.define("page-profile", Profile);
