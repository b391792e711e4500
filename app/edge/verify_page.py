"""GET /verify: the page behind the link in the verification mail.

The token stands in the fragment, which a browser sends to nobody: it is in no log, no Referer and no proxy. Opening
the page proves nothing, because mail scanners open links; the person presses a button.
"""

from starlette.routing import Route

from app.edge.pages import page_route

PATH = "/verify"

# The address is relative: PUBLIC_URL may have a path of its own.
_SCRIPT = """
"use strict";
const button = document.getElementById("confirm");
const status = document.getElementById("status");
const token = new URLSearchParams(location.hash.slice(1)).get("token");
const words = {
  done: "Thank you. Your address is confirmed. You can close this page.",
  gone: "This link does not work any more: it was used already, or it is older than a day. If you have confirmed " +
    "before, nothing is left to do. If not, sign in as usual, your account works without it, and ask the people who " +
    "run this service for a new mail.",
  incomplete: "This link is not complete. Open it from the mail again, or copy the whole line into the address bar.",
  wait: seconds => `Too many tries from your network. Wait ${seconds} seconds, then press the button again.`,
  away: "The server did not answer as it should. Wait a moment, then press the button again. The link stays good.",
};
function say(text, again) {
  status.textContent = text;
  button.hidden = !again;
  button.disabled = false;
}
async function confirm() {
  button.disabled = true;
  status.textContent = "One moment…";
  try {
    const query = "mutation ($token: String) { verifyEmail(token: $token) }";
    const answer = await fetch("graphql", {
      method: "POST",
      credentials: "omit",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify({ query, variables: { token } }),
    });
    const body = await answer.json();
    const fault = body.errors && body.errors[0].extensions;
    if (!fault && body.data.verifyEmail) {
      history.replaceState(null, "", location.pathname);
      say(words.done, false);
    } else if (fault && fault.code === "GONE") {
      say(words.gone, false);
    } else if (fault && fault.code === "RATE_LIMITED") {
      say(words.wait(fault.retryAfter), true);
    } else {
      say(words.away, true);
    }
  } catch {
    say(words.away, true);
  }
}
if (token) {
  button.hidden = false;
  button.addEventListener("click", confirm);
} else {
  say(words.incomplete, false);
}
"""

_MAIN = """<p>Somebody, hopefully you, signed up with this address. If it was not you, close this page.</p>
<noscript><p>This page needs JavaScript. Open the link in a browser that has it.</p></noscript>
<p><button type="button" id="confirm" hidden>Yes, this is my address</button></p>
<p id="status" role="status"></p>"""


def routes() -> list[Route]:
    """GET /verify, the same for everybody."""
    return [page_route(PATH, title="Confirm your e-mail address", main=_MAIN, script=_SCRIPT)]
