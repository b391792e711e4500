import { html, type TemplateResult } from "lit";
import { account } from "../account.js";
import { announce, Element } from "../element.js";
import { Form } from "../form.js";
import { DeleteAccount, ExportMyData } from "../generated/security.js";
import { ask } from "../graphql.js";
import { download } from "../parts/codes.js";
import { field } from "../parts/field.js";
import { withProof } from "../parts/proof.js";
import { go } from "../router.js";
import { leaving, signOut } from "../session.js";

export class DataSettings extends Element {
  private readonly exporting = new Form(this);
  private readonly deleting = new Form(this);

  override render(): TemplateResult {
    const handle = account()?.handle ?? "";
    return html`<section class="card">
        <h2 tabindex="-1">Your data</h2>
        <p>Everything that is held about you, as one file.</p>
        <form novalidate @submit=${this.exporting.sends(async () => {
          const { exportMyData } = await ask(ExportMyData, {});
          download(`bonafide-${handle}.json`, exportMyData, "application/json");
          announce("Your browser keeps the file where downloads go.");
        })}>
          ${this.exporting.notice()} ${this.exporting.button("Export my data")}
        </form>
      </section>
      <section class="card">
        <h2>Delete the account</h2>
        <p>At once and for good: sessions, profile, photo, face template, linked accounts, and the list of what happened. Your handle is kept from others for 30 days.</p>
        <form novalidate @submit=${this.deleting.sends(async () => {
          await leaving(async () => {
            await withProof(() => ask(DeleteAccount, {}));
            await signOut(); // the session ended with the account; the other tabs hear of it
          });
          go("/", { replace: true });
          announce("Your account is deleted.");
        })}>
          ${this.deleting.notice()}
          ${field(this.deleting, {
            name: "confirm", label: "Type your handle to go on", pattern: handle, patternWords: `Type ${handle} to show that you mean it.`,
            hint: handle, missing: `Type ${handle} to show that you mean it.`,
          })}
          ${this.deleting.button("Delete my account", "danger")}
        </form>
      </section>`;
  }
}
customElements.define("settings-data", DataSettings);
