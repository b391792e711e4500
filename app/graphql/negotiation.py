"""Media types of GraphQL over HTTP: what we answer with, and which bodies we read."""

from collections.abc import Mapping
from email.message import Message
from functools import lru_cache

from starlette.datastructures import Headers

from app.errors import Code, Problem

GRAPHQL_RESPONSE = "application/graphql-response+json"
JSON = "application/json"

_MAX_ACCEPT_CHARS = 2048


# Clients repeat a handful of headers; parsing them anew took 27 us of a request.
@lru_cache(maxsize=64)
def answer_type(accept: str | None) -> str | None:
    """The media type to answer with, None when nothing we speak is acceptable.

    The draft lets a server choose application/json for clients that name no preference.
    """
    if not accept or not accept.strip():
        return JSON
    best: tuple[float, bool] | None = None
    chosen: str | None = None
    for part in accept[:_MAX_ACCEPT_CHARS].split(","):
        media_type, parameters = _media_type(part)
        quality = _quality(parameters.get("q", "1"))
        if quality <= 0 or parameters.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
            continue
        if media_type == GRAPHQL_RESPONSE:
            offered = GRAPHQL_RESPONSE
        elif media_type in (JSON, "application/*", "*/*"):
            offered = JSON
        else:
            continue
        rank = (quality, offered == GRAPHQL_RESPONSE)
        if best is None or rank > best:
            best, chosen = rank, offered
    return chosen


def check_body_type(headers: Headers) -> None:
    """Raises Problem(UNSUPPORTED_MEDIA_TYPE) unless the body is plain JSON in UTF-8.

    multipart/form-data, text/plain and urlencoded bodies are what a foreign page may send without asking.
    """
    media_type, parameters = _media_type(headers.get("content-type", ""))
    encoding = headers.get("content-encoding", "identity").strip().lower()
    charset = parameters.get("charset", "utf-8").lower()
    if media_type != JSON or charset not in ("utf-8", "utf8") or encoding != "identity":
        raise Problem(Code.UNSUPPORTED_MEDIA_TYPE, f"Send the request as {JSON} in UTF-8, not compressed.")


@lru_cache(maxsize=64)
def _media_type(text: str) -> tuple[str, Mapping[str, str]]:
    message = Message()
    message["content-type"] = text.strip().replace("\r", "").replace("\n", "")
    parsed = message.get_params(failobj=[("", "")])
    return parsed[0][0].lower(), {name.lower(): value for name, value in parsed[1:]}


def _quality(text: str) -> float:
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 0.0
