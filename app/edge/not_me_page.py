"""GET /not-me: the page behind the link in a letter about something suspicious.

The token stands in the fragment, as in the verification link, and opening the page closes nothing, because mail
scanners open links: the person presses the one button.
"""

from starlette.routing import Route

from app.edge.pages import page_route

PATH = "/not-me"

# The address is relative: PUBLIC_URL may have a path of its own.
_SCRIPT = """
"use strict";
const [button, status] = ["close", "status"].map(id => document.getElementById(id));
const token = new URLSearchParams(location.hash.slice(1)).get("token");
const query = "mutation ($token: String!) { reportNotMe(token: $token) }";
const words = {
  done: "Every device is signed out, and what was added to your account since is taken back. If you sign in with a " +
    "password, the old one no longer works: a link to choose a new one is on its way to you by mail.",
  gone: "This link does not work any more: it was used already, or it is older than a week. If somebody else can " +
    "still sign in to your account, choose a new password, which signs every device out.",
  incomplete: "Open the whole link from the mail.",
  wait: seconds => `Too many tries. Wait ${seconds} seconds, then press the button again.`,
  away: "The server did not answer as it should. Wait a moment, then press the button again.",
};
function say(text, again) {
  status.textContent = text;
  button.hidden = !again;
  button.disabled = false;
}
button.addEventListener("click", async () => {
  button.disabled = true;
  status.textContent = "One moment…";
  let fault = { code: "AWAY" };
  try {
    const answer = await fetch("graphql", {
      method: "POST",
      credentials: "omit",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify({ query, variables: { token } }),
    });
    const body = await answer.json();
    fault = body.errors ? body.errors[0].extensions : {};
  } catch {
    // Said below, as any other answer that is none.
  }
  if (!fault.code) {
    history.replaceState(null, "", location.pathname);
    say(words.done, false);
  } else if (fault.code === "GONE") {
    say(words.gone, false);
  } else if (fault.code === "RATE_LIMITED") {
    say(words.wait(fault.retryAfter), true);
  } else {
    say(words.away, true);
  }
});
say(token ? "" : words.incomplete, Boolean(token));
"""

_MAIN = """<p>You got a letter about your account. If it was you after all, close this page. If not, press the button:
it signs every device out, takes back what was added to your account since, and asks for a new password.</p>
<noscript><p>This page needs JavaScript. Open the link in a browser that has it.</p></noscript>
<p><button type="button" id="close" hidden>This was not me</button></p>
<p id="status" role="status"></p>
<p><a href="reset">Choose a new password</a></p>"""


def routes() -> list[Route]:
    """GET /not-me, the same for everybody."""
    return [page_route(PATH, title="This was not me", main=_MAIN, script=_SCRIPT)]
