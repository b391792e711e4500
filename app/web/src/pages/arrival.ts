import { html, type TemplateResult } from "lit";
import { state } from "lit/decorators.js";
import { account, setAccount } from "../account.js";
import { announce, Element } from "../element.js";
import { arrive, enter, needSecondStep } from "../entering.js";
import { fragment } from "../fragment.js";
import { SocialLogin } from "../generated/entry.js";
import { LinkByCode, LinkGithub, LinkIdentity } from "../generated/security.js";
import { ask, askAsNobody } from "../graphql.js";
import { withProof } from "../parts/proof.js";
import { type Away, back } from "../parts/ways-in.js";
import { Refusal, words } from "../refusals.js";
import { go, href } from "../router.js";
import { resume } from "../session.js";

// Our own words for our own reasons: anybody can write a link with a fragment, so nothing of it is shown.
const REASONS: Readonly<Record<string, string>> = {
  GITHUB_DENIED: "You did not allow GitHub to sign you in, so nothing has changed.",
  GITHUB_STATE_UNKNOWN: "This sign-in was begun in another browser, is finished already, or took longer than ten minutes. Begin again.",
  GITHUB_EMAIL_NOT_VERIFIED: "Your GitHub account has no verified primary e-mail address. Verify one at GitHub, then begin again.",
  GITHUB_AWAY: "GitHub did not answer. Wait a moment, then begin again.",
  GITHUB_RATE_LIMITED: "GitHub lets nobody in through us for the moment. Try again later.",
  PROVIDER_DENIED: "You did not allow it to sign you in, so nothing has changed.",
  PROVIDER_STATE_UNKNOWN: "This sign-in was begun in another browser, is finished already, or took longer than ten minutes. Begin again.",
  PROVIDER_CODE_REFUSED: "This sign-in was used already or took too long. Begin again.",
  PROVIDER_AWAY: "They did not answer. Wait a moment, then begin again.",
  PROVIDER_REFUSES_SERVER: "This way in does not work at the moment. Use another one, and please tell the people who run this site.",
  LINK_NEEDED: "An account with your e-mail address exists here, and the address was never confirmed. Sign in to it with its password and link this provider in the settings, or choose a new password.",
  IDENTITY_UNLINKED: "This provider was unlinked from the account with your e-mail address. Sign in to it another way and link it again in the settings.",
  IDENTITY_TAKEN: "This account of yours opens another account here already. Sign in to that one and unlink it there first.",
  PROVIDER_LINKED: "Another account at this provider is linked already. Unlink it first.",
  EMAIL_NOT_PROVED: "Confirm your e-mail address first, then link again.",
  TOKEN_REPLAYED: "This sign-in was used already. Begin again.",
};
const FAILED = "Signing in did not work. Begin again where you sign in.";

/** What a reason means; a link may name anything, `__proto__` for one. */
const wordsFor = (reason: string | null | undefined): string | undefined =>
  reason && Object.hasOwn(REASONS, reason) ? REASONS[reason] : undefined;

/** Where a browser comes back from a provider. */
export class Arrival extends Element {
  @state() private said = "";
  private readonly told = fragment();
  private readonly query = new URLSearchParams(location.search);

  override connectedCallback(): void {
    super.connectedCallback();
    void this.take();
  }

  override render(): TemplateResult {
    return html`<section class="card narrow">
      <h1 tabindex="-1">${this.said ? "That did not work" : "Signing in"}</h1>
      <p role="status">${this.said || "One moment…"}</p>
      ${this.said
        ? html`<p><a class="primary button" href=${href(account() ? "/settings/accounts" : "/login")}>
            ${account() ? "Back to the settings" : "Back to signing in"}</a></p>`
        : ""}
    </section>`;
  }

  private async take(): Promise<void> {
    const away = back();
    try {
      await this.follow(away);
    } catch (error) {
      const refusal = Refusal.of(error);
      this.said = wordsFor(refusal.reason) ?? (refusal.code === "UNAUTHENTICATED" ? FAILED : words(refusal));
    }
  }

  private async follow(away: Away | null): Promise<void> {
    const { told, query } = this;
    const ours = away !== null && (told.get("state") ?? "") === away.state;
    const idToken = told.get("id_token");
    const [code, state] = [query.get("code"), query.get("state")];
    const denied = away?.purpose === "link" && query.has("error");
    if ((code && state) || denied) history.replaceState(history.state, "", location.pathname);
    if (idToken && away && ours) {
      if (away.purpose === "link") await this.link(() => ask(LinkIdentity, { provider: away.provider, idToken }), ({ linkIdentity }) => linkIdentity);
      else await enter((await askAsNobody(SocialLogin, { provider: away.provider, idToken, nonce: away.nonce })).socialLogin, away.next);
    } else if (code && state && away?.purpose === "link") {
      if (away.provider === "GITHUB") await this.link(() => ask(LinkGithub, { code, state }), ({ linkGithub }) => linkGithub);
      else await this.link(() => ask(LinkByCode, { provider: away.provider, code, state }), ({ linkByCode }) => linkByCode);
    } else if (denied) {
      this.said = "Nothing was linked, because you did not allow it or they refused. You can begin again.";
    } else if (told.has("access_token")) {
      // The cookie that came with it says whose session this is; a token in a link could be anybody's.
      if (!(await resume())) throw new Refusal({ code: "UNAUTHENTICATED" });
      await arrive(away?.next ?? null);
    } else if (told.has("temp_token")) {
      needSecondStep(told.get("temp_token") ?? "", away?.next ?? null);
    } else if (told.has("error") || idToken) {
      this.said = wordsFor(told.get("reason")) ?? FAILED;
    } else {
      this.said = "There is nothing to see here. Begin where you sign in.";
    }
  }

  private async link<T>(act: Parameters<typeof withProof<T>>[0], accountOf: (result: T) => Parameters<typeof setAccount>[0]): Promise<void> {
    setAccount(accountOf(await withProof(act)));
    announce("Linked. It opens your account from now on.");
    go("/settings/accounts", { replace: true });
  }
}
customElements.define("page-arrival", Arrival);
