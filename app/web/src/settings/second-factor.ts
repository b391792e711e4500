import { html, type TemplateResult } from "lit";
import { state } from "lit/decorators.js";
import { account, FollowsAccount, setAccount } from "../account.js";
import { announce, Element } from "../element.js";
import { Form } from "../form.js";
import { ConfirmSecondFactor, DisableSecondFactor, EnableSecondFactor, RegenerateBackupCodes } from "../generated/security.js";
import { ask } from "../graphql.js";
import { backupCodes } from "../parts/codes.js";
import { codeField } from "../parts/field.js";
import { withProof } from "../parts/proof.js";

interface Setup {
  readonly otpauthUrl: string;
  readonly qrCode: string;
  readonly backupCodes: readonly string[];
}

/** Two-factor sign-in: set up, confirmed with the first code, switched off. */
export class SecondFactorSettings extends Element {
  @state() private setup: Setup | null = null;
  @state() private fresh: readonly string[] = [];
  @state() private asks: "off" | "codes" | null = null;
  private readonly begin = new Form(this);
  private readonly form = new Form(this, { words: ({ reason }) => (reason === "WRONG_CODE" ? "This code was not right. Type the one that is shown now." : null) });

  constructor() {
    super();
    new FollowsAccount(this);
  }

  override render(): TemplateResult {
    return html`<section class="card">
      <h2 tabindex="-1">Two-factor sign-in</h2>
      ${this.fresh.length ? backupCodes(this.fresh) : ""}
      ${account()?.twoFactorEnabled ? this.on() : this.setup ? this.settingUp(this.setup) : this.off()}
    </section>`;
  }

  private off(): TemplateResult {
    return html`<p>Signing in then takes a code of an authenticator app as well as the password: a stolen password alone opens nothing.</p>
      <form novalidate @submit=${this.begin.sends(async () => {
        const { enable2FA } = await withProof(() => ask(EnableSecondFactor, {}));
        this.setup = enable2FA;
        await this.updateComplete;
        this.querySelector("h2")?.focus();
      })}>
        ${this.begin.notice()} ${this.begin.button("Set up")}
      </form>`;
  }

  private settingUp(setup: Setup): TemplateResult {
    return html`<ol>
        <li><p>Scan this with your authenticator app, or <a href=${setup.otpauthUrl}>open it on this phone</a>.</p>
          <img class="qr" src=${setup.qrCode} alt="QR code for an authenticator app; the key below says the same">
          <p>Or type this key: <span class="secret">${new URL(setup.otpauthUrl).searchParams.get("secret") ?? ""}</span></p></li>
        <li>${backupCodes(setup.backupCodes)}</li>
        <li><form novalidate @submit=${this.form.sends(async values => {
          await ask(ConfirmSecondFactor, { code: values.text("code") });
          this.setup = null;
          this.changed(true, setup.backupCodes.length);
          announce("Two-factor sign-in is on.");
        })}>
          ${this.form.notice()} ${codeField(this.form, "Code that the app shows now", "Six digits. It is not on until this is right.")}
          ${this.form.button("Switch on")}
          <button type="button" class="plain" @click=${() => { this.setup = null; }}>Cancel</button>
        </form></li>
      </ol>`;
  }

  private on(): TemplateResult {
    const left = account()?.backupCodesLeft ?? 0;
    return html`<p>It is <strong>on</strong>. ${left} backup ${left === 1 ? "code is" : "codes are"} left${left < 3 ? html`; <strong>make new ones</strong> before they run out` : ""}.</p>
      ${this.asks
        ? html`<form novalidate @submit=${this.form.sends(async values => this.act(values.text("code")))}>
            ${this.form.notice()} ${codeField(this.form, "Code", "Six digits of the app, or a backup code.")}
            ${this.form.button(this.asks === "off" ? "Switch off" : "Make new codes", this.asks === "off" ? "danger" : "primary")}
            <button type="button" class="plain" @click=${() => { this.asks = null; }}>Cancel</button>
          </form>`
        : html`<p class="row">
            <button type="button" @click=${() => { this.asks = "codes"; }}>New backup codes</button>
            <button type="button" class="danger" @click=${() => { this.asks = "off"; }}>Switch off</button>
          </p>`}`;
  }

  private async act(code: string): Promise<void> {
    if (this.asks === "off") {
      await ask(DisableSecondFactor, { code });
      this.fresh = [];
      this.changed(false, null);
      announce("Two-factor sign-in is off.");
    } else {
      this.fresh = (await ask(RegenerateBackupCodes, { code })).regenerateBackupCodes;
      this.changed(true, this.fresh.length);
      announce("Here are ten new codes. The old ones no longer work.");
    }
    this.asks = null;
  }

  private changed(twoFactorEnabled: boolean, backupCodesLeft: number | null): void {
    const me = account();
    if (me) setAccount({ ...me, twoFactorEnabled, backupCodesLeft });
  }
}
customElements.define("settings-second-factor", SecondFactorSettings);
