"""The page behind the link for a new password: what it asks, what it says, and what it leaves behind."""

import json
import re
import shutil
import subprocess
from typing import Any

import pytest

from app.wiring import Services
from tests.fakes import Mailbox
from tests.serving import HOME, LOGIN, Visitor

NEW = "a brand new wheelbarrow"
DONE: dict[str, Any] = {"data": {}}
GONE = {"errors": [{"message": "Gone.", "extensions": {"code": "GONE"}}]}
LIMITED = {"errors": [{"message": "Wait.", "extensions": {"code": "RATE_LIMITED", "retryAfter": 42}}]}
COMMON = {"errors": [{"message": "Choose another.", "extensions": {"code": "BAD_USER_INPUT"}}]}

# Just enough of a browser: sends the form that is shown, once for each answer.
BROWSER = """
const element = () => ({
  hidden: true, textContent: "", value: "",
  addEventListener(_, act) { this.send = () => act({ preventDefault() {} }) }
});
const [hash, answers, script] = JSON.parse(require("fs").readFileSync(0, "utf8"));
const ids = ["choose", "password", "save", "ask", "address", "send", "status"];
const found = Object.fromEntries(ids.map(id => [id, element()]));
found.password.value = "typed password";
found.address.value = "ada@example.org";
globalThis.document = { getElementById: id => found[id] };
globalThis.location = { hash, pathname: "/reset" };
globalThis.history = { replaceState() { location.hash = "" } };
const asked = [];
globalThis.fetch = async (url, request) => {
  asked.push([url, request.credentials, JSON.parse(request.body)]);
  const answer = answers.shift();
  if (answer === "away") throw new TypeError("away");
  return { json: async () => answer };
};
const seen = [];
const shown = () => ["choose", "ask"].find(id => !found[id].hidden) ?? null;
const look = () => seen.push([found.status.textContent, shown(), location.hash]);
new Function(script)();
(async () => {
  look();
  while (answers.length) { await found[shown()].send(); look(); }
  console.log(JSON.stringify({ asked, seen }));
})();
"""


async def script_of(visitor: Visitor) -> str:
    answer = await visitor.http.get("/reset")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    script = re.search(r"<script>(.*?)</script>", answer.text, re.DOTALL)
    assert script is not None
    return script[1]


def sent(script: str, *answers: object, fragment: str = "#token=abc-_1") -> Any:
    """What a browser asks and shows while the form is sent for each answer."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on this machine to run the page's script")
    said = json.dumps([fragment, answers, script])
    done = subprocess.run([node, "-e", BROWSER], input=said, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


async def test_the_mailed_link_opens_the_page(visitor: Visitor, services: Services, mailbox: Mailbox) -> None:
    """The link would be dead, or opening it would already use it up."""
    await visitor.signup()
    reset, request = re.findall(r'"(mutation [^"]*)"', await script_of(visitor))
    await visitor.data(request, {"email": "ada@example.org"})
    await services.background.settled()
    link = re.search(r"http\S+", mailbox.sent[-1].text)
    assert link is not None
    address, _, token = link[0].partition("#token=")
    assert address == f"{HOME}/reset"
    assert (await visitor.http.get(link[0])).status_code == 200
    assert await visitor.data(reset, {"token": token, "password": NEW}) == {"resetPassword": True}
    await visitor.data(LOGIN, {"email": "ada@example.org", "password": NEW})


async def test_a_new_password_is_saved_and_the_link_leaves_the_address_bar(visitor: Visitor) -> None:
    """A person would press, and nothing would happen; or the link would stay in the history of a shared computer."""
    told = sent(await script_of(visitor), "away", LIMITED, COMMON, DONE)
    url, credentials, body = told["asked"][0]
    assert (url, credentials) == ("graphql", "omit")
    assert body["variables"] == {"token": "abc-_1", "password": "typed password"}
    start, away, limited, common, done = told["seen"]
    assert start == ["", "choose", "#token=abc-_1"]
    assert "press the button again" in away[0]
    assert "Wait 42 seconds" in limited[0]
    assert common == ["Choose another.", "choose", "#token=abc-_1"]
    assert "is changed" in done[0]
    assert done[1:] == [None, ""]


@pytest.mark.parametrize("fragment", ["", "#", "#token=", "#token=old"])
async def test_a_link_that_is_no_good_leads_to_a_new_one(visitor: Visitor, fragment: str) -> None:
    """A person with an old or cut link would stand before a closed door."""
    answers = [GONE, DONE] if fragment == "#token=old" else [DONE]
    told = sent(await script_of(visitor), *answers, fragment=fragment)
    assert told["asked"][-1][2]["variables"] == {"email": "ada@example.org"}
    assert told["seen"][-2][1] == "ask"
    assert "a link is on its way" in told["seen"][-1][0]


async def test_everybody_can_use_the_page(visitor: Visitor) -> None:
    """A person with a screen reader, a password manager, or without a script could not go on."""
    text = (await visitor.http.get("/reset")).text
    for wanted in (
        "<title>Choose a new password</title>",
        'role="status"',
        '<label for="password">',
        'autocomplete="new-password"',
        '<label for="address">',
        "<noscript>",
    ):
        assert wanted in text, wanted
