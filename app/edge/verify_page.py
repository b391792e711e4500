"""GET /verify: the page behind the link in the verification mail.

The token stands in the fragment, which a browser sends to nobody: it is in no log, no Referer and no proxy. Opening
the page proves nothing, because mail scanners open links; the person presses a button. Without a link that works it
takes the code from the mail, or has a new mail sent.
"""

from starlette.routing import Route

from app.edge.pages import page_route

PATH = "/verify"

# The address is relative: PUBLIC_URL may have a path of its own.
_SCRIPT = """
"use strict";
const part = id => document.getElementById(id);
const [button, form, address, code, send, status] =
  ["confirm", "other", "address", "code", "send", "status"].map(part);
const token = new URLSearchParams(location.hash.slice(1)).get("token");
const byLink = "mutation ($token: String) { verifyEmail(token: $token) }";
const byCode = "mutation ($code: String, $email: String) { verifyEmail(code: $code, email: $email) }";
const again = "mutation ($email: String!) { resendVerification(email: $email) }";
const words = {
  done: "Thank you. Your address is confirmed. You can close this page.",
  link: "This link does not work any more: it was used already, or it is older than a day. If you have confirmed " +
    "before, nothing is left to do. If not, have a new mail sent; until then your account works without it.",
  code: "This code is wrong, was used already, or is older than 15 minutes. Look again, or have a new mail sent.",
  incomplete: "Open the whole link from the mail, or enter the code beside it.",
  sent: "If an account with this address is still to be confirmed, a new mail is on its way. Earlier ones no longer " +
    "work.",
  wait: seconds => `Too many tries. Wait ${seconds} seconds, then press the button again.`,
  away: "The server did not answer as it should. Wait a moment, then press the button again.",
};
function say(text, shown) {
  status.textContent = text;
  button.hidden = shown !== button;
  form.hidden = shown !== form;
  button.disabled = send.disabled = false;
}
async function ask(query, variables) {
  button.disabled = send.disabled = true;
  status.textContent = "One moment…";
  try {
    const answer = await fetch("graphql", {
      method: "POST",
      credentials: "omit",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify({ query, variables }),
    });
    const body = await answer.json();
    return body.errors ? { message: body.errors[0].message, ...body.errors[0].extensions } : {};
  } catch {
    return { code: "AWAY" };
  }
}
function tell(fault, done, gone, from) {
  if (!fault.code) {
    history.replaceState(null, "", location.pathname);
    say(done, done === words.sent ? form : null);
  } else if (fault.code === "GONE") {
    say(gone, form);
  } else if (fault.code === "RATE_LIMITED") {
    say(words.wait(fault.retryAfter), from);
  } else if (fault.code === "BAD_USER_INPUT" || fault.code === "CONFLICT") {
    say(fault.message, form);
  } else {
    say(words.away, from);
  }
}
button.addEventListener("click", async () => tell(await ask(byLink, { token }), words.done, words.link, button));
form.addEventListener("submit", async event => {
  event.preventDefault();
  const variables = { code: code.value.trim(), email: address.value };
  tell(await ask(byCode, variables), words.done, words.code, form);
});
send.addEventListener("click", async () =>
  tell(await ask(again, { email: address.value }), words.sent, words.away, form));
if (token) {
  say("", button);
} else {
  say(words.incomplete, form);
}
"""

_MAIN = """<p>Somebody, hopefully you, signed up with this address. If it was not you, close this page.</p>
<noscript><p>This page needs JavaScript. Open the link in a browser that has it.</p></noscript>
<p><button type="button" id="confirm" hidden>Yes, this is my address</button></p>
<p id="status" role="status"></p>
<form id="other" hidden>
<p><label for="address">E-mail address</label>
<input id="address" type="email" autocomplete="email" required></p>
<p><label for="code">Code from the mail</label>
<input id="code" inputmode="numeric" autocomplete="one-time-code" maxlength="6" required></p>
<p><button type="submit">Confirm with the code</button> <button type="button" id="send">Send me a new mail</button></p>
</form>"""


def routes() -> list[Route]:
    """GET /verify, the same for everybody."""
    return [page_route(PATH, title="Confirm your e-mail address", main=_MAIN, script=_SCRIPT)]
