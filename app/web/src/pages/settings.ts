import { html, nothing, type TemplateResult } from "lit";
import { property, state } from "lit/decorators.js";
import { Element } from "../element.js";
import { go, href, type Place } from "../router.js";

/** The sections in the order they are listed, and the code of each. */
const SECTIONS: Readonly<Record<string, readonly [title: string, load: () => Promise<unknown>]>> = {
  profile: ["Profile", () => import("../settings/profile.js")],
  photo: ["Photo", () => import("../settings/photo.js")],
  privacy: ["Privacy", () => import("../settings/privacy.js")],
  security: ["Security", () => import("../settings/security.js")],
  accounts: ["Linked accounts", () => import("../settings/accounts.js")],
  sessions: ["Devices", () => import("../settings/sessions.js")],
  activity: ["What happened", () => import("../settings/activity.js")],
  data: ["Your data", () => import("../settings/data.js")],
};

export class Settings extends Element {
  @property({ attribute: false }) place?: Place;
  @state() private section: HTMLElement | null = null;
  private named = "";

  protected override willUpdate(): void {
    const asked = this.place?.part || "profile";
    if (asked === this.named) return;
    this.named = asked;
    if (!(asked in SECTIONS)) {
      go("/settings", { replace: true });
      return;
    }
    void this.load(asked);
  }

  override render(): TemplateResult {
    return html`<h1 tabindex="-1">Settings</h1>
      <div class="settings">
        <nav aria-label="Settings">
          ${Object.entries(SECTIONS).map(
            ([name, [title]]) => html`<a href=${href(`/settings/${name}`)} aria-current=${name === this.named ? "page" : nothing}>${title}</a>`,
          )}
        </nav>
        <div>${this.section ?? html`<p class="quiet">One moment…</p>`}</div>
      </div>`;
  }

  private async load(name: string): Promise<void> {
    const isFirst = this.section === null;
    await SECTIONS[name]?.[1]();
    if (name !== this.named) return;
    this.section = document.createElement(`settings-${name}`);
    document.title = `${SECTIONS[name]?.[0] ?? "Settings"} · Bonafide`;
    await this.updateComplete;
    await (this.section as unknown as { updateComplete: Promise<unknown> }).updateComplete;
    if (!isFirst) this.section.querySelector<HTMLElement>("h2")?.focus();
  }
}
customElements.define("page-settings", Settings);
