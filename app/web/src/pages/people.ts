import { html, nothing, type TemplateResult } from "lit";
import { property, state } from "lit/decorators.js";
import { Element } from "../element.js";
import { Form } from "../form.js";
import { type PersonCard, SearchUsers } from "../generated/people.js";
import { ask } from "../graphql.js";
import { avatar, badge } from "../parts/badge.js";
import { status } from "../parts/facts.js";
import { field } from "../parts/field.js";
import { Refusal, words } from "../refusals.js";
import { go, href, type Place } from "../router.js";

const AT_ONCE = 20;

export class People extends Element {
  @property({ attribute: false }) place?: Place;
  @state() private found: readonly PersonCard[] | null = null;
  @state() private cursor: string | null = null;
  private asked = "";
  @state() private fault = "";
  @state() private busy = false;
  private readonly form = new Form(this);

  protected override willUpdate(): void {
    const query = this.place?.query.get("q")?.trim() ?? "";
    if (query === this.asked) return;
    this.asked = query;
    this.found = this.cursor = null;
    this.fault = "";
    if (query) void this.find(query, null);
  }

  override render(): TemplateResult {
    return html`<div class="medium">
      <h1 tabindex="-1">People</h1>
      <form novalidate class="search inline" role="search" @submit=${this.form.sends(async values => {
        const query = values.text("q");
        // The address holds what was searched for: it can be kept, sent on, and come back to.
        if (query !== this.asked) go(`/people?q=${encodeURIComponent(query)}`);
      })}>
        ${field(this.form, {
          name: "q", label: "Name, handle, skill or words of a profile", type: "search", value: this.asked, maxLength: 100, missing: "Type what to look for.",
        })}
        ${this.form.button("Search")}
      </form>
      ${this.fault ? html`<p class="fault" role="alert" tabindex="-1">${this.fault}</p>` : nothing}
      <div role="status" class="quiet">${this.found ? this.count(this.found.length) : ""}</div>
      ${this.found?.length
        ? html`<ul class="list card">${this.found.map(person => html`<li>${card(person)}</li>`)}</ul>`
        : nothing}
      ${this.cursor ? html`<button type="button" @click=${this.goOn}>${this.busy ? "One moment…" : "Show more"}</button>` : nothing}
    </div>`;
  }

  private count(many: number): string {
    if (!many) return `Nobody was found for “${this.asked}”. Try fewer or other words.`;
    return `${many}${this.cursor ? " or more" : ""} ${many === 1 ? "person" : "people"} found.`;
  }

  private readonly goOn = (): void => {
    if (!this.busy) void this.find(this.asked, this.cursor);
  };

  private async find(query: string, after: string | null): Promise<void> {
    this.busy = true;
    try {
      await this.look(query, after);
    } catch (error) {
      if (query === this.asked) this.fault = words(Refusal.of(error));
    }
    if (query === this.asked) this.busy = false;
  }

  private async look(query: string, after: string | null): Promise<void> {
    const { searchUsers } = await ask(SearchUsers, { query, first: AT_ONCE, after });
    if (query !== this.asked) return; // somebody typed on
    this.found = [...(after ? this.found ?? [] : []), ...searchUsers.nodes];
    this.cursor = searchUsers.pageInfo.hasNextPage ? searchUsers.pageInfo.endCursor : null;
  }
}
customElements.define("page-people", People);

const card = (person: PersonCard): TemplateResult => html`<a class="person" href=${href(`/people/${person.handle}`)}>
  ${avatar(person, person.avatarSmall)}
  <div><p><strong>${person.displayName}</strong> <span class="quiet">@${person.handle}</span> ${badge(person.verifiedAt)}</p>
    ${person.headline ? html`<p>${person.headline}</p>` : nothing} ${status(person.status)}</div>
</a>`;
