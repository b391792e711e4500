import { html, type TemplateResult } from "lit";
import { account, FollowsAccount } from "../account.js";
import { Element } from "../element.js";
import { href } from "../router.js";

export class Home extends Element {
  constructor() {
    super();
    new FollowsAccount(this);
  }

  override render(): TemplateResult {
    const someone = account();
    return html`
      <section class="hero">
        <h1 tabindex="-1">Prove that it is really you</h1>
        <p class="lead">
          One account for your sign-ins and your profile. Whoever wants to can answer three small prompts in front of the camera
          and carry the <strong>Verified</strong> badge: a live person stands behind this account.
        </p>
        <p class="row">
          ${someone
            ? html`<a class="primary button" href=${href("/profile")}>Your profile</a>
                <a class="button" href=${href("/people")}>Find people</a>`
            : html`<a class="primary button" href=${href("/signup")}>Sign up</a>
                <a class="button" href=${href("/login")}>Sign in</a>`}
        </p>
      </section>
      <section class="three">
        <article class="card">
          <h2>Your pictures stay yours</h2>
          <p>What the camera sees is looked at once, on this server, and kept nowhere. No other company is asked.</p>
        </article>
        <article class="card">
          <h2>Verified, if you like</h2>
          <p>The badge is never needed. Without it everything works, and you can take it up any day.</p>
        </article>
        <article class="card">
          <h2>You see what happens</h2>
          <p>Every device that is signed in, every change to your security, and everything held about you: read it, end it, take it with you.</p>
        </article>
      </section>
      <section class="developers">
        <h2>For developers</h2>
        <p>
          <a href=${href("/schema.graphql")}>schema.graphql</a> has every operation,
          <a href=${href("/openapi.json")}>openapi.json</a> the plain HTTP ones,
          <a href=${href("/.well-known/jwks.json")}>jwks.json</a> the keys of our tokens;
          <a href=${href("/healthz")}>healthz</a> and <a href=${href("/readyz")}>readyz</a> say how the server is.
        </p>
      </section>
    `;
  }
}
customElements.define("page-home", Home);
