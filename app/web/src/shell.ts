/** The frame of every page: header, the page itself, and what is said to everybody. */

import { html, nothing, type TemplateResult } from "lit";
import { state } from "lit/decorators.js";
import { account, FollowsAccount, loadAccount, refreshAccount } from "./account.js";
import { config } from "./config.js";
import { announce, Element } from "./element.js";
import { pages } from "./pages.js";
import { Refusal, words } from "./refusals.js";
import { gate, go, href, listen, movedTo, wayBack, type Place, placeAt } from "./router.js";
import { type Change, onChange, signOut } from "./session.js";

const TOLD_MS = 8000;
const TOLD = "bonafide.saying";
const ENDED = "You are signed out: this session was ended on another device, or it ran out. Sign in again to go on.";
const SIGNED_OUT = "You are signed out.";
const REPLACED = "bonafide.replaced";
const RELOADED = "bonafide.reloaded";

export interface PageElement extends HTMLElement {
  place?: Place;
}

export class Shell extends Element {
  @state() private place: Place | null = null;
  @state() private page: PageElement | null = null;
  @state() private told = "";
  @state() private trouble: Refusal | null = null;
  private tuned = false;
  private turn = 0;
  private timer = 0;

  constructor() {
    super();
    new FollowsAccount(this);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener("bonafide-announce", event => this.tell((event as CustomEvent<string>).detail));
    this.tellOn();
    listen((url, how) => void this.show(url, how));
    onChange(change => void this.sessionChanged(change));
    void this.show(new URL(location.href), "first");
  }

  override render(): TemplateResult {
    return html`
      <a class="skip" href=${location.pathname} @click=${this.skip}>Skip to the content</a>
      <header class="top">
        <a class="brand" href=${href("/")}><span class="mark" aria-hidden="true"></span>Bonafide</a>
        <nav aria-label="Main">${this.place ? this.links() : nothing}</nav>
      </header>
      <main id="main" tabindex="-1">${this.trouble ? this.away(this.trouble) : this.page ?? html`<p class="quiet wait">One moment…</p>`}</main>
      <div class="told" role="status" aria-live="polite">${this.told ? html`<p>${this.told}</p>` : nothing}</div>
    `;
  }

  private links(): TemplateResult {
    const link = (path: string, text: string): TemplateResult =>
      html`<a href=${href(path)} aria-current=${this.isAt(path) ? "page" : nothing}>${text}</a>`;
    return account()
      ? html`${link("/people", "People")}${link("/profile", "Profile")}${link("/settings", "Settings")}
          <button type="button" class="plain" @click=${this.leave}>Sign out</button>`
      : html`${link("/people", "People")}${link("/login", "Sign in")}${link("/signup", "Sign up")}`;
  }

  private isAt(path: string): boolean {
    return this.place?.path === path || Boolean(this.place?.path.startsWith(`${path}/`));
  }

  private away(refusal: Refusal): TemplateResult {
    return html`<section class="card narrow">
      <h1 tabindex="-1">This page cannot be shown now</h1>
      <p role="alert">${words(refusal)}</p>
      <button type="button" class="primary" @click=${() => this.again()}>Try again</button>
    </section>`;
  }

  private again(): void {
    void this.show(new URL(location.href), "first");
  }

  private async show(url: URL, how: "first" | "link" | "back"): Promise<void> {
    const turn = ++this.turn;
    const moved = movedTo(url);
    if (moved) {
      location.replace(href(moved));
      return;
    }
    const place = placeAt(url);
    if (!place) {
      location.assign(url);
      return;
    }
    try {
      const [someone] = await Promise.all([account() ?? loadAccount(), pages[place.route.page]?.()]);
      if (turn !== this.turn) return;
      if (place.route.for === "signed-in" && !someone) {
        const { faceLogin } = await config();
        if (turn !== this.turn) return;
        go(gate(place.path + url.search, { byFace: faceLogin === "standalone" }), { replace: true });
        return;
      }
      if (place.route.for === "signed-out" && someone) {
        go(wayBack(place.query) ?? "/profile", { replace: true });
        return;
      }
    } catch (error) {
      if (turn === this.turn) this.failed(error);
      return;
    }
    sessionStorage.removeItem(RELOADED);
    const stays = this.place?.route.page === place.route.page && !this.trouble;
    this.trouble = null;
    this.place = place;
    const page = stays && this.page ? this.page : (document.createElement(`page-${place.route.page}`) as PageElement);
    page.place = place;
    this.page = page;
    document.title = place.route.page === "home" ? "Bonafide" : `${place.route.title} · Bonafide`;
    await this.updateComplete;
    const someone = account();
    if (sessionStorage.getItem(REPLACED) && someone) announce(`This browser is now signed in as ${someone.displayName}.`);
    sessionStorage.removeItem(REPLACED);
    if (how === "first" || stays) return;
    if (how === "link") scrollTo(0, 0);
    // A reader begins where the new page does; a page that has a place of its own to begin takes the focus later.
    (this.querySelector<HTMLElement>("main h1") ?? this.querySelector<HTMLElement>("main"))?.focus({ preventScroll: true });
  }

  private failed(error: unknown): void {
    if (!(error instanceof Refusal)) {
      // A part of the page is gone: a new version was put up while this tab was open. Loaded anew, it has the new parts.
      if (!sessionStorage.getItem(RELOADED)) {
        sessionStorage.setItem(RELOADED, "yes");
        location.reload();
        return;
      }
      console.error(error);
    }
    this.trouble = error instanceof Refusal ? error : new Refusal({ code: "OFFLINE" });
    // Nobody need press anything when the server said, or the session knows, how long to wait.
    const { turn } = this;
    if (this.trouble.retryAfterS) setTimeout(() => { if (turn === this.turn) this.again(); }, this.trouble.retryAfterS * 1000);
  }

  private async sessionChanged(change: Change): Promise<void> {
    if (change === "in") {
      if (this.told === ENDED || this.told === SIGNED_OUT) this.hush();
      void this.tuneIn();
    }
    if (change === "out" || change === "ended") {
      if (this.place?.route.for === "signed-in") {
        announce(change === "ended" ? ENDED : SIGNED_OUT);
        go(change === "ended" ? gate(this.place.path + location.search) : "/login", { replace: true });
      }
    } else if (change === "replaced") {
      // What the page shows and what was typed belong to somebody else: nothing of it stays.
      sessionStorage.setItem(REPLACED, "yes");
      location.reload();
    } else if (!account() && this.place && !document.hasFocus()) {
      await refreshAccount();
    }
  }

  /** Listens to what happens to the account; a page that cannot learns of it at its next question to the server. */
  private async tuneIn(): Promise<void> {
    if (this.tuned) return;
    this.tuned = true;
    try {
      (await import("./live/tuned.js")).tuneIn();
    } catch (error) {
      this.tuned = false;
      console.warn(error);
    }
  }

  private readonly leave = async (): Promise<void> => {
    try {
      await signOut();
      go("/", { replace: true });
      announce(SIGNED_OUT);
    } catch (error) {
      announce(words(Refusal.of(error)));
    }
  };

  private readonly skip = (event: Event): void => {
    event.preventDefault();
    this.querySelector("main")?.focus();
  };

  /** What was said just before a page with another policy was loaded is said there, for what is left of its time. */
  private tellOn(): void {
    const { text = "", until = 0 } = JSON.parse(sessionStorage.getItem(TOLD) ?? "{}") as { text?: string; until?: number };
    if (until > Date.now()) this.tell(text, Math.min(until, Date.now() + TOLD_MS));
    else this.hush();
  }

  private tell(text: string, until = Date.now() + TOLD_MS): void {
    this.told = text;
    sessionStorage.setItem(TOLD, JSON.stringify({ text, until }));
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.hush(), until - Date.now());
  }

  private hush(): void {
    clearTimeout(this.timer);
    this.told = "";
    sessionStorage.removeItem(TOLD);
  }
}
customElements.define("bonafide-app", Shell);
