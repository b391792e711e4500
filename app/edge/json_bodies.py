"""JSON request bodies, read alike by every edge: which media type, how large a document, which characters."""

import json
import re
from collections.abc import Mapping
from email.message import Message
from functools import lru_cache
from typing import Any

from starlette.datastructures import Headers

from app.errors import Code, Problem

JSON = "application/json"

# Every value of a JSON text after the first follows one of these. Our largest request (five pieces of evidence) has 30;
# a million held the event loop for seconds before anybody was asked to sign in. Frames are base64, which has none.
_MARKS = b",[{"
MAX_JSON_MARKS = 4000
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")  # as long as a field's name of ours might get


def check_body_type(headers: Headers) -> None:
    """Raises Problem(UNSUPPORTED_MEDIA_TYPE) unless the body is plain JSON in UTF-8.

    multipart/form-data, text/plain and urlencoded bodies are what a foreign page may send without asking.
    """
    given, parameters = media_type(headers.get("content-type", ""))
    encoding = headers.get("content-encoding", "identity").strip().lower()
    charset = parameters.get("charset", "utf-8").lower()
    if given != JSON or charset not in ("utf-8", "utf8") or encoding != "identity":
        raise Problem(Code.UNSUPPORTED_MEDIA_TYPE, f"Send the request as {JSON} in UTF-8, not compressed.")


# Clients repeat a handful of headers; parsing them anew took 27 us of a request.
@lru_cache(maxsize=64)
def media_type(text: str) -> tuple[str, Mapping[str, str]]:
    """A media type in lower case and its parameters."""
    message = Message()
    message["content-type"] = text.strip().replace("\r", "").replace("\n", "")
    found = message.get_params(failobj=[("", "")])
    return found[0][0].lower(), {name.lower(): value for name, value in found[1:]}


def parsed(text: str | bytes, what: str) -> Any:
    """JSON in UTF-8 (RFC 8259) without NaN, lone surrogates and U+0000, none of which can be stored or answered.

    Raises Problem(PAYLOAD_TOO_LARGE) for more values than any request of ours needs, before any of them is made.
    """
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if sum(raw.count(mark) for mark in _MARKS) > MAX_JSON_MARKS:
        detail = f"{what} holds too many values: at most {MAX_JSON_MARKS:,} commas and opening brackets are read."
        raise Problem(Code.PAYLOAD_TOO_LARGE, detail)
    try:
        decoded = raw.decode("utf-8")
        value = _DECODER.decode(decoded)
    except (ValueError, RecursionError) as error:
        raise Problem(Code.BAD_USER_INPUT, f"{what} is not valid JSON.") from error
    if "\\u" in decoded:
        _demand_plain_text(value, what)
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def could_be_ours(name: str) -> bool:
    """Whether a field could have this name; any other text that was sent is not told again."""
    return _NAME.fullmatch(name) is not None


def _demand_plain_text(value: Any, what: str) -> None:
    """Looks at every text inside `value`; only called when an escape could have made a bad one.

    Raises Problem(BAD_USER_INPUT) naming the innermost field around a bad one, where its name could be one of
    ours: whatever else was sent stays with the sender.
    """
    waiting: list[tuple[str | None, Any]] = [(None, value)]
    while waiting:
        name, item = waiting.pop()
        if isinstance(item, str):
            if _NO_TEXT.search(item):
                detail = f"{what} holds a character that is no text (U+0000 or a lone surrogate)."
                raise Problem(Code.BAD_USER_INPUT, detail, field=name)
        elif isinstance(item, dict):
            waiting.extend((name, key) for key in item)
            waiting.extend((key if could_be_ours(key) else name, each) for key, each in item.items())
        elif isinstance(item, list):
            waiting.extend((name, each) for each in item)
