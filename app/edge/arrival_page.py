"""GET /auth/callback: where a browser arrives after a provider's sign-in when no page of an application asked for it.

It takes the tokens out of the address bar and says what came of it. Nothing of the fragment is shown, because anybody
can write a link with one.
"""

from starlette.routing import Route

from app.edge.pages import page_route

PATH = "/auth/callback"

# The addresses are relative: PUBLIC_URL may have a path of its own.
_SCRIPT = """
"use strict";
const form = document.getElementById("second");
const code = document.getElementById("code");
const status = document.getElementById("status");
const told = new URLSearchParams(location.hash.slice(1));
history.replaceState(null, "", location.pathname);
const words = {
  in: "You are signed in. You can close this page.",
  code: "Your account asks for a second step. Type the code that your authenticator shows, or a backup code.",
  wrong: "This code was not right. Type the one that is shown now.",
  away: "The server cannot check the code at the moment. Wait a minute, then try again.",
  nothing: "There is nothing to see here. Begin where you sign in.",
  failed: "Signing in did not work. Begin again where you sign in.",
};
const refusals = {
  __proto__: null,
  GITHUB_DENIED: "You did not allow GitHub to sign you in, so nothing has changed.",
  GITHUB_STATE_UNKNOWN: "This sign-in was begun in another browser, is finished already, or took longer than ten " +
    "minutes. Begin again.",
  GITHUB_EMAIL_NOT_VERIFIED: "Your GitHub account has no verified primary e-mail address. Verify one at GitHub, then " +
    "begin again.",
  GITHUB_AWAY: "GitHub did not answer. Wait a moment, then begin again.",
  GITHUB_RATE_LIMITED: "GitHub lets nobody in through us for the moment. Try again later.",
  LINK_NEEDED: "An account with your e-mail address exists here, and the address was never confirmed. Sign in to it " +
    "with its password and link GitHub in the settings, or reset its password.",
  IDENTITY_UNLINKED: "GitHub was unlinked from the account with your e-mail address. Sign in to it another way and " +
    "link GitHub again in the settings.",
};
function say(text, asks) {
  status.textContent = text;
  form.hidden = !asks;
  if (asks) code.focus();
}
async function second(event) {
  event.preventDefault();
  try {
    const query = "mutation ($tempToken: String!, $code: String!) " +
      "{ verify2FALogin(tempToken: $tempToken, code: $code) { isNewUser } }";
    const answer = await fetch("../graphql", {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify({ query, variables: { tempToken: told.get("temp_token"), code: code.value } }),
    });
    const body = await answer.json();
    const fault = body.errors && body.errors[0].extensions;
    code.value = "";
    if (!fault) say(words.in, false);
    else if (fault.reason === "SECOND_STEP_OVER") say(words.failed, false);
    else if (fault.code === "UNAUTHENTICATED" || fault.code === "BAD_USER_INPUT") say(words.wrong, true);
    else say(words.away, true);
  } catch {
    say(words.away, true);
  }
}
form.addEventListener("submit", second);
if (told.has("access_token")) say(words.in, false);
else if (told.has("temp_token")) say(words.code, true);
else if (told.has("error")) say(refusals[told.get("reason")] || words.failed, false);
else say(words.nothing, false);
"""

_MAIN = """<noscript><p>This page needs JavaScript. Open it in a browser that has it.</p></noscript>
<p id="status" role="status"></p>
<form id="second" hidden>
<p><label for="code">Code</label>
<input id="code" autocomplete="one-time-code" autocapitalize="off" spellcheck="false" required>
<button type="submit">Continue</button></p>
</form>"""


def routes() -> list[Route]:
    """GET /auth/callback, the same for everybody."""
    return [page_route(PATH, title="Signing in", main=_MAIN, script=_SCRIPT)]
