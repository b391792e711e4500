import { html, nothing, type TemplateResult } from "lit";
import { state } from "lit/decorators.js";
import { announce, Element } from "../element.js";
import { Form } from "../form.js";
import { RevokeOtherSessions, RevokeSession, Sessions as SessionsOperation } from "../generated/security.js";
import type { Operation, SignInMethod } from "../generated/schema.js";
import { ask } from "../graphql.js";
import { moment } from "../parts/badge.js";
import { Refusal } from "../refusals.js";

type Session = typeof SessionsOperation extends Operation<{ sessions: readonly (infer One)[] }, never> ? One : never;

const BEGAN: Readonly<Record<SignInMethod, string>> = {
  SIGNUP: "with the sign-up", PASSWORD: "by password", SOCIAL: "through a provider", FIREBASE: "through Firebase", GITHUB: "through GitHub",
  FACE: "by face", PASSKEY: "by passkey",
};

/** Where the person is signed in; what they do not know they end. */
export class SessionsSettings extends Element {
  @state() private sessions: readonly Session[] | null = null;
  private readonly loading = new Form(this);
  private readonly form = new Form(this);

  override connectedCallback(): void {
    super.connectedCallback();
    void this.loading.run(() => this.load());
  }

  override render(): TemplateResult {
    const others = this.sessions?.filter(({ current }) => !current) ?? [];
    return html`<section class="card">
      <h2 tabindex="-1">Devices</h2>
      <p>Where you are signed in. Sign out what you do not know, and choose a new password then.</p>
      ${this.loading.notice()} ${this.form.notice()}
      ${this.sessions
        ? html`<ul class="list">${this.sessions.map(session => this.one(session))}</ul>`
        : html`<p class="quiet">${this.loading.busy ? "One moment…" : nothing}</p>`}
      ${others.length ? html`<p><button type="button" class="danger" @click=${() => void this.form.run(() => this.endOthers())}>Sign out all other devices</button></p>` : nothing}
    </section>`;
  }

  private one(session: Session): TemplateResult {
    const { device } = session;
    return html`<li class="row spread">
      <span><strong>${device}</strong> ${session.current ? html`<span class="tag">this device</span>` : nothing}<br>
        <span class="quiet">${place(session.ip, session.country)}signed in ${BEGAN[session.method]} on ${moment(session.createdAt)}, last seen ${moment(session.lastSeenAt)}</span></span>
      ${session.current ? nothing : html`<button type="button" class="danger" aria-label="Sign out ${device}" @click=${() => void this.form.run(() => this.end(session))}>Sign out</button>`}
    </li>`;
  }

  private async load(): Promise<void> {
    ({ sessions: this.sessions } = await ask(SessionsOperation, {}));
  }

  private async end({ id }: Session): Promise<void> {
    await ask(RevokeSession, { id }).catch((error: unknown) => {
      if (!(error instanceof Refusal) || error.code !== "NOT_FOUND") throw error; // it has ended already
    });
    announce("That device is signed out.");
    await this.load();
  }

  private async endOthers(): Promise<void> {
    const { revokeOtherSessions: many } = await ask(RevokeOtherSessions, {});
    announce(`${many} other ${many === 1 ? "device is" : "devices are"} signed out.`);
    await this.load();
  }
}
customElements.define("settings-sessions", SessionsSettings);

/** Where an address is, as far as the operator's file knows; it ends in a comma, or is empty. */
export function place(ip: string, country: string | null): string {
  const name = country && new Intl.DisplayNames(undefined, { type: "region" }).of(country);
  return [ip, name].filter(Boolean).map(part => `${part}, `).join("");
}
