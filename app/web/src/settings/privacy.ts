import { html, type TemplateResult } from "lit";
import { account, FollowsAccount, setAccount } from "../account.js";
import { announce, Element } from "../element.js";
import { Form } from "../form.js";
import { UpdateProfile } from "../generated/profile.js";
import type { Visibility } from "../generated/schema.js";
import { ask } from "../graphql.js";
import { field, radios } from "../parts/field.js";

export class PrivacySettings extends Element {
  private readonly statusForm = new Form(this);
  private readonly privacyForm = new Form(this);

  constructor() {
    super();
    new FollowsAccount(this);
  }

  override render(): TemplateResult {
    const me = account();
    if (!me) return html``;
    return html`<section class="card">
        <h2 tabindex="-1">Status</h2>
        <form novalidate @submit=${this.statusForm.sends(async values => {
          const status = { text: values.text("text"), emoji: values.text("emoji") };
          setAccount((await ask(UpdateProfile, { input: { status } })).updateProfile);
          announce("Saved.");
        })}>
          ${this.statusForm.notice()}
          ${field(this.statusForm, { name: "text", label: "What you are doing", value: me.status.text, required: false, capitalize: true, maxLength: 120 })}
          ${field(this.statusForm, { name: "emoji", label: "One emoji", value: me.status.emoji, required: false, maxLength: 16 })}
          ${this.statusForm.button("Save status")}
        </form>
      </section>
      <section class="card">
        <h2>Privacy</h2>
        <form novalidate @submit=${this.privacyForm.sends(async values => {
          const privacy = { visibility: values.text("visibility") as Visibility, ghostMode: values.has("ghostMode") };
          setAccount((await ask(UpdateProfile, { input: { privacy } })).updateProfile);
          announce("Saved.");
        })}>
          ${this.privacyForm.notice()}
          ${radios({
            name: "visibility", label: "Who sees your profile", value: me.privacy.visibility,
            options: [["EVERYONE", "Everybody"], ["FRIENDS", "Friends"], ["NONE", "Nobody but you"]],
            hints: { EVERYONE: "Signed in or not.", FRIENDS: "There are none here yet: for now, nobody but you." },
          })}
          <label class="check"><input type="checkbox" name="ghostMode" .checked=${me.privacy.ghostMode}>
            <span><strong>Ghost mode</strong><br><span class="quiet">No search finds you, and nobody sees your status. Whoever has your handle still finds your profile.</span></span></label>
          ${this.privacyForm.button("Save privacy")}
        </form>
      </section>`;
  }
}
customElements.define("settings-privacy", PrivacySettings);
