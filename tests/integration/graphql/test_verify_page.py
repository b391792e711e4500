"""The page behind the mailed link: what opens it, what it says, and that only the button proves anything."""

import base64
import hashlib
import json
import logging
import re
import shutil
import subprocess
from typing import Any

import pytest

from tests.fakes import Mailbox
from tests.serving import HOME, ME, Visitor

VERIFY = "mutation ($token: String) { verifyEmail(token: $token) }"

# Just enough of a browser to press what is asked for, and its own button else; each line is what the person then reads.
BROWSER = """
const element = () => ({
  hidden: true, textContent: "", value: "",
  addEventListener(_, act) { this.press = () => act({ preventDefault() {} }) }
});
const [hash, answers, script, fields, presses] = JSON.parse(require("fs").readFileSync(0, "utf8"));
const ids = ["confirm", "other", "address", "code", "send", "status"];
const found = Object.fromEntries(ids.map(id => [id, element()]));
for (const [id, value] of Object.entries(fields)) found[id].value = value;
globalThis.document = { getElementById: id => found[id] };
globalThis.location = { hash, pathname: "/verify" };
globalThis.history = { replaceState() { location.hash = "" } };
const asked = [];
globalThis.fetch = async (url, request) => {
  asked.push([url, request.method, request.credentials, JSON.parse(request.body)]);
  const answer = answers.shift();
  if (answer === "away") throw new TypeError("away");
  return { json: async () => answer };
};
const seen = [];
const shown = () => ["confirm", "other"].filter(id => !found[id].hidden);
const look = () => seen.push([found.status.textContent, shown(), location.hash]);
new Function(script)();
(async () => {
  look();
  while (answers.length) { await found[presses.shift() ?? "confirm"].press(); look(); }
  console.log(JSON.stringify({ asked, seen }));
})();
"""


async def page(visitor: Visitor) -> tuple[str, str]:
    """The document and its script."""
    answer = await visitor.http.get("/verify")
    assert answer.status_code == 200
    script = re.search(r"<script>(.*?)</script>", answer.text, re.DOTALL)
    assert script is not None
    return answer.text, script[1]


def pressed(
    script: str,
    *answers: object,
    fragment: str = "#token=abc-_1",
    fields: dict[str, str] | None = None,
    presses: tuple[str, ...] = (),
) -> Any:
    """What a browser asks and shows while something is pressed for each answer."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on this machine to run the page's script")
    said = json.dumps([fragment, answers, script, fields or {}, presses])
    done = subprocess.run([node, "-e", BROWSER], input=said, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


async def test_the_mailed_link_opens_a_page_and_opening_proves_nothing(visitor: Visitor, mailbox: Mailbox) -> None:
    """A mail scanner that opens every link would confirm addresses of people who never asked; or the link is dead."""
    await visitor.signup()
    link = re.search(r"http\S+", mailbox.sent[0].text)
    assert link is not None
    address, _, token = link[0].partition("#token=")
    assert address == f"{HOME}/verify"
    answer = await visitor.http.get(link[0])
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert (await visitor.data(ME))["me"]["emailVerified"] is False
    assert await visitor.data(VERIFY, {"token": token}) == {"verifyEmail": True}


async def test_the_page_runs_its_own_script_and_nothing_else(visitor: Visitor) -> None:
    """Somebody else's script, put into the page, could take the token; or the browser would refuse the page's own."""
    text, script = await page(visitor)
    rules = (await visitor.http.get("/verify")).headers["content-security-policy"].split("; ")
    policy = dict(rule.split(" ", 1) for rule in rules)
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["connect-src"] == "'self'"
    assert policy["script-src"] == f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
    assert not re.search(r"\son\w+=|javascript:|https?://", text)


async def test_everybody_can_use_the_page(visitor: Visitor) -> None:
    """A person with a screen reader, or without a script, would not know what happened."""
    text, _ = await page(visitor)
    for wanted in (
        '<html lang="en">',
        "<title>",
        "<main>",
        "<h1>",
        'role="status"',
        '<button type="button"',
        '<label for="address">',
        '<label for="code">',
        'autocomplete="one-time-code"',
        "<noscript>",
    ):
        assert wanted in text, wanted


GONE = {"errors": [{"extensions": {"code": "GONE"}}]}
LIMITED = {"errors": [{"extensions": {"code": "RATE_LIMITED", "retryAfter": 42}}]}
DONE = {"data": {"verifyEmail": True}}


async def test_the_button_proves_the_address_and_says_so(visitor: Visitor) -> None:
    """A person would press, and nothing would happen; or a token would stay in the history of a shared computer."""
    told = pressed((await page(visitor))[1], "away", {"errors": [{"extensions": {"code": "BUSY"}}]}, LIMITED, DONE)
    assert told["asked"][0] == [
        "graphql",
        "POST",
        "omit",
        {"query": VERIFY, "variables": {"token": "abc-_1"}},
    ]
    start, away, busy, limited, done = told["seen"]
    assert start == ["", ["confirm"], "#token=abc-_1"]
    assert away == busy
    assert "press the button again" in away[0]
    assert "Wait 42 seconds" in limited[0]
    assert "is confirmed" in done[0]
    assert done[1:] == [[], ""]


async def test_a_link_that_is_no_good_leads_to_another_way(visitor: Visitor) -> None:
    """A person with an old or cut link would stand before a closed door without a word."""
    _, script = await page(visitor)
    said, shown, _ = pressed(script, GONE)["seen"][-1]
    assert "used already" in said
    assert "have a new mail sent" in said
    assert shown == ["other"]
    for fragment in ("", "#", "#token="):
        told = pressed(script, fragment=fragment)
        assert told["asked"] == []
        assert told["seen"][0] == [
            "Open the whole link from the mail, or enter the code beside it.",
            ["other"],
            fragment,
        ]


async def test_the_page_takes_a_code_and_has_a_new_mail_sent(visitor: Visitor) -> None:
    """Whoever reads their mail on another device, or has lost it, could not go on."""
    _, script = await page(visitor)
    refused = {"errors": [{"message": "A code has 6 digits.", "extensions": {"code": "BAD_USER_INPUT"}}]}
    told = pressed(
        script,
        refused,
        GONE,
        {"data": {"resendVerification": True}},
        DONE,
        fragment="",
        fields={"address": "ada@example.org", "code": " 123456 "},
        presses=("other", "other", "send", "other"),
    )
    asked = [body["variables"] for _, _, _, body in told["asked"]]
    by_code = {"code": "123456", "email": "ada@example.org"}
    assert asked == [by_code, by_code, {"email": "ada@example.org"}, by_code]
    said = [text for text, _, _ in told["seen"]]
    assert said[1] == "A code has 6 digits."
    assert "wrong, was used already" in said[2]
    assert "If an account with this address" in said[3]
    assert "is confirmed" in said[4]
    assert [shown for _, shown, _ in told["seen"]] == [["other"]] * 4 + [[]]


async def test_what_the_page_asks_is_what_the_server_answers(visitor: Visitor, mailbox: Mailbox) -> None:
    """The page and the schema would drift apart, and every button would fail."""
    _, script = await page(visitor)
    await visitor.signup()
    code = re.search(r"^\d{6}$", mailbox.sent[0].text, re.MULTILINE)
    assert code is not None
    queries = re.findall(r'"(mutation [^"]*)"', script)
    by_link, by_code, again = queries
    assert (await visitor.refusal(by_link, {"token": "x"}))["code"] == "GONE"
    assert await visitor.data(by_code, {"code": code[0], "email": "ada@example.org"}) == {"verifyEmail": True}
    assert await visitor.data(again, {"email": "ada@example.org"}) == {"resendVerification": True}


async def test_the_log_never_holds_what_stands_in_a_path(visitor: Visitor, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever reads the logs could use people's links, and whoever sends requests could forge lines in them."""
    with caplog.at_level(logging.INFO, logger="app.edge.requests"):
        for path in ("/verify/SECRET", "/objects/avatars/SECRET/SECRET", "/healthz", "/x%0aINFO%20forged%1b[31m", "/"):
            await visitor.http.get(path)
        await visitor.http.get("/" + "S" * 30 + "ECRET" * 20)
    logged = [record.getMessage().split(" in ")[0] for record in caplog.records]
    assert logged == [
        "GET /verify… 404",
        "GET /objects/{key:path} 404",
        "GET /healthz 200",
        "GET /x%0AINFO%20forged%1B%5B31m 404",
        "GET / 200",
        "GET /" + "S" * 30 + "EC… 404",
    ]
