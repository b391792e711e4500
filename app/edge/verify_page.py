"""GET /verify: the page behind the link in the verification mail.

The token stands in the fragment, which a browser sends to nobody: it is in no log, no Referer and no proxy. Opening
the page proves nothing, because mail scanners open links; the person presses a button.
"""

import base64
import hashlib

from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

PATH = "/verify"

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 34rem; margin: 3rem auto; padding: 0 1rem }
button { font: inherit; padding: .6rem 1.2rem; min-height: 2.75rem; cursor: pointer }
button:focus-visible { outline: 3px solid; outline-offset: 2px }
"""

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


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


_POLICY = "; ".join(
    (
        "default-src 'none'",
        f"script-src {_hash(_SCRIPT)}",
        f"style-src {_hash(_STYLE)}",
        "connect-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
    )
)

_PAGE = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Confirm your e-mail address</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>Confirm your e-mail address</h1>
<p>Somebody, hopefully you, signed up with this address. If it was not you, close this page.</p>
<noscript><p>This page needs JavaScript. Open the link in a browser that has it.</p></noscript>
<p><button type="button" id="confirm" hidden>Yes, this is my address</button></p>
<p id="status" role="status"></p>
</main>
<script>{_SCRIPT}</script>
</body>
</html>
"""


def routes() -> list[Route]:
    """GET /verify, the same for everybody."""

    async def page(_: Request) -> HTMLResponse:
        return HTMLResponse(_PAGE, headers={"content-security-policy": _POLICY, "cache-control": "no-store"})

    return [Route(PATH, page, methods=["GET"])]
