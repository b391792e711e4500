import { html, nothing, type TemplateResult } from "lit";
import { state } from "lit/decorators.js";
import { Element } from "../element.js";
import { Form } from "../form.js";
import { AuditEvents } from "../generated/security.js";
import type { AuditEventKind, Operation } from "../generated/schema.js";
import { ask } from "../graphql.js";
import { moment } from "../parts/badge.js";
import { inWords } from "./activity-details.js";
import { place } from "./sessions.js";

type Event = typeof AuditEvents extends Operation<{ auditEvents: { nodes: readonly (infer One)[] } }, never> ? One : never;

const AT_ONCE = 25;
const HAPPENED: Readonly<Record<AuditEventKind, string>> = {
  SIGNED_UP: "The account was made",
  REGISTRATION_REPEATED: "Somebody tried to register with your address",
  SIGNED_IN: "Signed in",
  SIGNED_OUT: "Signed out",
  SIGN_IN_FAILED: "A sign-in or a confirmation was wrong",
  IDENTITY_CONFIRMED: "You showed once more that it is you",
  EMAIL_PROVED: "The e-mail address was confirmed",
  EMAIL_CHANGE_REQUESTED: "A new e-mail address was asked for",
  EMAIL_CHANGED: "The e-mail address was changed",
  PASSWORD_CHANGED: "The password was changed",
  PASSWORD_RESET_REQUESTED: "A link for a new password was asked for",
  PASSWORD_RESET: "A new password was chosen by link",
  SECOND_FACTOR_ENABLED: "Two-factor sign-in was switched on",
  SECOND_FACTOR_DISABLED: "Two-factor sign-in was switched off",
  SECOND_FACTOR_FAILED: "A code was wrong",
  BACKUP_CODE_USED: "A backup code was used",
  BACKUP_CODES_REPLACED: "New backup codes were made",
  IDENTITY_LINKED: "An account was linked",
  IDENTITY_UNLINKED: "An account was unlinked",
  SESSION_REVOKED: "A device was signed out from another one",
  REFRESH_REUSED: "An old token came back, so its session was ended: it may have been stolen",
  HANDLE_CHANGED: "The handle was changed",
  PASSKEY_ADDED: "A passkey was added",
  PASSKEY_REMOVED: "A passkey was removed",
  PASSKEY_COPY_SUSPECTED: "A passkey was refused: there may be a copy of it",
  NEW_DEVICE: "A new device signed in",
  NEW_COUNTRY: "Signed in from a new country",
  IMPOSSIBLE_TRAVEL: "Signed in from too far away in too short a time",
  FAILURE_BURST: "Ten sign-ins or codes were wrong within an hour",
  NOT_ME_REPORTED: "You said that it was not you",
  FACE_ENROLLED: "Your face was taken in for signing in",
  FACE_REFUSED: "A face did not sign in",
  FACE_AMBIGUOUS: "A face looked like more than one person and was refused",
  FACE_FORGOTTEN: "Your face was forgotten",
  BADGE_EARNED: "The Verified badge was earned",
  BADGE_REFUSED: "A liveness check failed",
  HANDOFF_OPENED: "A check was taken up on a phone, by the code that you showed",
  BADGE_LOST: "A new photo took the badge away",
  DATA_EXPORTED: "Everything about the account was exported",
  ACCOUNT_DELETED: "The account was deleted",
};

export class ActivitySettings extends Element {
  @state() private events: readonly Event[] | null = null;
  @state() private cursor: string | null = null;
  private readonly form = new Form(this);

  override connectedCallback(): void {
    super.connectedCallback();
    void this.form.run(() => this.load());
  }

  override render(): TemplateResult {
    return html`<section class="card">
      <h2 tabindex="-1">What happened</h2>
      <p>To the security of your account, newest first. Nobody can change this list.</p>
      ${this.form.notice()}
      ${this.events
        ? html`<ul class="list">${this.events.map(
            ({ event, at, ip, country, device, details }) => html`<li><strong>${HAPPENED[event] ?? event}</strong>${inWords(details)
                ? html` <span class="quiet">(${inWords(details)})</span>` : nothing}<br>
              <span class="quiet">${place(ip, country)}${device}, ${moment(at)}</span></li>`,
          )}</ul>`
        : nothing}
      ${this.cursor ? html`<button type="button" @click=${() => void this.form.run(() => this.load())}>${this.form.busy ? "One moment…" : "Show older ones"}</button>` : nothing}
    </section>`;
  }

  private async load(): Promise<void> {
    const { auditEvents } = await ask(AuditEvents, { first: AT_ONCE, after: this.cursor });
    this.events = [...(this.events ?? []), ...auditEvents.nodes];
    this.cursor = auditEvents.pageInfo.hasNextPage ? auditEvents.pageInfo.endCursor : null;
  }
}
customElements.define("settings-activity", ActivitySettings);
