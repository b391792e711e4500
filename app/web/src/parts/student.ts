import { html, type TemplateResult } from "lit";
import { property, state } from "lit/decorators.js";
import type { Account } from "../account.js";
import { Element } from "../element.js";
import type { Form } from "../form.js";
import { Campuses } from "../generated/entry.js";
import { askAsNobody } from "../graphql.js";
import { href } from "../router.js";

interface Campus {
  readonly id: string;
  readonly name: string;
}

/** The campus of a student: the one they registered at, or that of their proved address; it goes into the form as `campusId`. */
export class StudentCampus extends Element {
  @property({ attribute: false }) me!: Account;
  @property({ attribute: false }) form!: Form;
  @state() private campus: Campus | null = null;
  @state() private isLooking = true;

  override connectedCallback(): void {
    super.connectedCallback();
    void this.form.run(() => this.look()).finally(() => { this.isLooking = false; });
  }

  override render(): TemplateResult {
    const { me, campus } = this;
    if (campus) return html`<p>You belong to ${campus.name}.</p><input type="hidden" name="campusId" value=${campus.id}>`;
    if (this.isLooking) return html`<p class="quiet">One moment…</p>`;
    const proof = me.email && !me.emailVerified;
    return html`<p class="note">A student belongs to a campus, shown by a confirmed address there.
      ${proof ? "Yours is not confirmed yet." : "Yours is at none that is listed here."}
      <a href=${href(proof ? "/check-mail" : "/settings/security")}>${proof ? "Confirm your address" : "Change your address"}</a></p>`;
  }

  private async look(): Promise<void> {
    const { campus, email, emailVerified } = this.me;
    if (!emailVerified) return; // a campus vouches for nobody whose address was never proved
    this.campus = campus;
    const domain = email?.split("@")[1];
    if (campus || !domain) return;
    const { campuses } = await askAsNobody(Campuses, {});
    // The server has the last word on sub-domains.
    this.campus = campuses.find(one => domain === one.domain || domain.endsWith(`.${one.domain}`)) ?? null;
  }
}
customElements.define("bf-student", StudentCampus);
