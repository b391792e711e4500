import { html, type TemplateResult } from "lit";
import { property, state } from "lit/decorators.js";
import { Element } from "../element.js";
import { Person as PersonOperation } from "../generated/people.js";
import type { Operation } from "../generated/schema.js";
import { ask } from "../graphql.js";
import { avatar, badge } from "../parts/badge.js";
import { facts, status } from "../parts/facts.js";
import { Refusal, words } from "../refusals.js";
import { href, type Place } from "../router.js";

type Shown = typeof PersonOperation extends Operation<{ user: infer User }, never> ? User : never;

export class Person extends Element {
  @property({ attribute: false }) place?: Place;
  @state() private person: Shown | undefined;
  @state() private fault = "";
  private asked = "";

  protected override willUpdate(): void {
    const handle = this.place?.part ?? "";
    if (handle === this.asked) return;
    this.asked = handle;
    void this.look(handle);
  }

  override render(): TemplateResult {
    const { person } = this;
    if (this.fault) return html`<div class="medium"><h1 tabindex="-1">@${this.asked}</h1><p class="fault" role="alert">${this.fault}</p></div>`;
    if (person === undefined) return html`<p class="quiet wait">One moment…</p>`;
    if (person === null) {
      return html`<section class="card narrow">
        <h1 tabindex="-1">Nobody to be seen</h1>
        <p>There is nobody with the handle @${this.asked}, or they do not show themselves.</p>
        <p><a class="primary button" href=${href("/people")}>Find people</a></p>
      </section>`;
    }
    return html`<article class="card medium">
      <div class="person">
        ${avatar(person, person.avatarMedium, "large")}
        <div>
          <h1 tabindex="-1">${person.displayName}</h1>
          <p class="row"><span class="quiet">@${person.handle}</span> ${badge(person.verifiedAt)}</p>
          ${person.headline ? html`<p>${person.headline}</p>` : ""} ${status(person.status)}
        </div>
      </div>
      ${person.bio ? html`<p class="bio">${person.bio}</p>` : ""} ${facts(person)}
    </article>`;
  }

  private async look(handle: string): Promise<void> {
    this.person = undefined;
    this.fault = "";
    try {
      const { user } = await ask(PersonOperation, { handle });
      if (handle !== this.asked) return;
      this.person = user;
      document.title = `${user?.displayName ?? "Nobody to be seen"} · Bonafide`;
    } catch (error) {
      this.fault = words(Refusal.of(error));
    }
  }
}
customElements.define("page-person", Person);
