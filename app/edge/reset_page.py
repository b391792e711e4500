"""GET /reset: the page behind the link in the mail for a forgotten password.

The token stands in the fragment, as in the verification link. Without a link that works the page asks for a new one.
"""

from starlette.routing import Route

from app.edge.pages import page_route

PATH = "/reset"

# The address is relative: PUBLIC_URL may have a path of its own.
_SCRIPT = """
"use strict";
const part = id => document.getElementById(id);
const [choose, password, save, ask, address, send, status] =
  ["choose", "password", "save", "ask", "address", "send", "status"].map(part);
const token = new URLSearchParams(location.hash.slice(1)).get("token");
const reset = "mutation ($token: String!, $password: String!) { resetPassword(token: $token, password: $password) }";
const request = "mutation ($email: String!) { requestPasswordReset(email: $email) }";
const words = {
  done: "Your password is changed and every device is signed out. Sign in with the new password.",
  gone: "This link does not work any more: it was used already, a newer one replaced it, or it is older than an " +
    "hour. Have a new one sent.",
  incomplete: "Open the whole link from the mail, or have a new one sent.",
  sent: "If an account has this address, a link is on its way. Earlier ones no longer work.",
  wait: seconds => `Too many tries. Wait ${seconds} seconds, then press the button again.`,
  away: "The server did not answer as it should. Wait a moment, then press the button again.",
};
function say(text, shown) {
  status.textContent = text;
  choose.hidden = shown !== choose;
  ask.hidden = shown !== ask;
  save.disabled = send.disabled = false;
}
async function tell(form, query, variables, done) {
  save.disabled = send.disabled = true;
  status.textContent = "One moment…";
  let fault = { code: "AWAY" };
  try {
    const answer = await fetch("graphql", {
      method: "POST",
      credentials: "omit",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify({ query, variables }),
    });
    const body = await answer.json();
    fault = body.errors ? { message: body.errors[0].message, ...body.errors[0].extensions } : {};
  } catch {
    // Said below, as any other answer that is none.
  }
  if (!fault.code) {
    history.replaceState(null, "", location.pathname);
    say(done, null);
  } else if (fault.code === "GONE") {
    say(words.gone, ask);
  } else if (fault.code === "RATE_LIMITED") {
    say(words.wait(fault.retryAfter), form);
  } else if (fault.code === "BAD_USER_INPUT") {
    say(fault.message, form);
  } else {
    say(words.away, form);
  }
}
choose.addEventListener("submit", event => {
  event.preventDefault();
  return tell(choose, reset, { token, password: password.value }, words.done);
});
ask.addEventListener("submit", event => {
  event.preventDefault();
  return tell(ask, request, { email: address.value }, words.sent);
});
if (token) {
  say("", choose);
} else {
  say(words.incomplete, ask);
}
"""

_MAIN = """<noscript><p>This page needs JavaScript. Open the link in a browser that has it.</p></noscript>
<p id="status" role="status"></p>
<form id="choose" hidden>
<p><label for="password">New password</label>
<input id="password" type="password" autocomplete="new-password" required></p>
<p><button type="submit" id="save">Save the new password</button></p>
</form>
<form id="ask" hidden>
<p><label for="address">E-mail address</label>
<input id="address" type="email" autocomplete="email" required></p>
<p><button type="submit" id="send">Send me a link</button></p>
</form>"""


def routes() -> list[Route]:
    """GET /reset, the same for everybody."""
    return [page_route(PATH, title="Choose a new password", main=_MAIN, script=_SCRIPT)]
