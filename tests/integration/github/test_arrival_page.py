"""The page on which a browser arrives when no application asked for another one."""

import json
import re
import shutil
import subprocess
from typing import Any

import pytest

from tests.integration.github.conftest import Browser

# Just enough of a browser to read the page and send its form; each line printed is what the person then reads.
BROWSER = """
const listening = { focus() {}, addEventListener(_, act) { this.act = act } };
const element = () => ({ hidden: true, textContent: "", value: "", ...listening });
const found = { second: element(), code: element(), status: element() };
const [hash, answers, script] = JSON.parse(require("fs").readFileSync(0, "utf8"));
globalThis.document = { getElementById: id => found[id] };
globalThis.location = { hash, pathname: "/auth/callback" };
globalThis.history = { replaceState() { location.hash = "" } };
const asked = [];
globalThis.fetch = async (url, request) => {
  asked.push([url, request.method, JSON.parse(request.body).variables]);
  const answer = answers.shift();
  if (answer === "away") throw new TypeError("away");
  return { json: async () => answer };
};
const seen = [];
const look = () => seen.push([found.status.textContent, !found.second.hidden, location.hash]);
new Function(script)();
(async () => {
  look();
  while (!found.second.hidden && answers.length) {
    found.code.value = "123456";
    await found.second.act({ preventDefault() {} });
    look();
  }
  console.log(JSON.stringify({ asked, seen }));
})();
"""
IN = {"data": {"verify2FALogin": {"isNewUser": False}}}


def refusing(code: str, reason: str | None = None) -> dict[str, Any]:
    return {"errors": [{"extensions": {"code": code, "reason": reason}}]}


async def script_of(browser: Browser) -> str:
    text = (await browser.http.get("/auth/callback")).text
    script = re.search(r"<script>(.*?)</script>", text, re.DOTALL)
    assert script is not None
    return script[1]


def arrived(script: str, fragment: str, *answers: object) -> Any:
    """What the page asks and shows."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on this machine to run the page's script")
    said = json.dumps([fragment, answers, script])
    done = subprocess.run([node, "-e", BROWSER], input=said, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


async def test_the_page_where_everybody_arrives_is_there(browser: Browser) -> None:
    """Who signs in on a fresh installation would end on "not found"."""
    arrival = await browser.sign_in()
    page = await browser.http.get(arrival.page)
    assert (page.status_code, page.headers["cache-control"]) == (200, "no-store")
    assert "script-src 'sha256-" in page.headers["content-security-policy"]
    script = await script_of(browser)
    told = arrived(script, "#access_token=secret&token_type=Bearer")
    assert told == {"asked": [], "seen": [["You are signed in. You can close this page.", False, ""]]}


async def test_the_second_step_can_be_taken_there(browser: Browser) -> None:
    """Who has a second factor could not finish."""
    wrong, over = refusing("UNAUTHENTICATED", "WRONG_CODE"), refusing("UNAUTHENTICATED", "SECOND_STEP_OVER")
    script = await script_of(browser)
    fragment = "#temp_token=t-1&requires_two_factor=true"
    told = arrived(script, fragment, wrong, "away", refusing("RATE_LIMITED"), IN)
    assert told["asked"][0] == ["../graphql", "POST", {"tempToken": "t-1", "code": "123456"}]
    assert [asks for _, asks, _ in told["seen"]] == [True, True, True, True, False]
    assert "not right" in told["seen"][1][0]
    assert told["seen"][2] == told["seen"][3]
    assert "signed in" in told["seen"][4][0]
    assert arrived(script, fragment, over)["seen"][-1][:2] == [
        "Signing in did not work. Begin again where you sign in.",
        False,
    ]


async def test_a_refusal_is_told_in_our_own_words(browser: Browser) -> None:
    """Anybody could write a link that makes this page say what they like."""
    script = await script_of(browser)
    told = arrived(script, "#error=CONFLICT&reason=LINK_NEEDED&error_description=Call+0900")
    assert "link GitHub in the settings" in told["seen"][0][0]
    for reason in ("", "unknown", "in", "toString", "__proto__", "<b>"):
        told = arrived(script, f"#error=X&reason={reason}&error_description=Call+0900")
        assert told["seen"] == [["Signing in did not work. Begin again where you sign in.", False, ""]]
    assert "nothing to see" in arrived(script, "")["seen"][0][0]
