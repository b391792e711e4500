"""Structured logs: one JSON object a line in production, one readable line in development.

Messages never carry a password, token, code, frame, template or full e-mail address: call sites log ids only.
"""

import json
import logging
import sys
import warnings
from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="-")

# `databases` logs every argument, passwords included, at DEBUG; the others log whole requests there.
_PINNED = (
    "databases",
    "aiosqlite",
    "asyncio",
    "botocore",
    "aiobotocore",
    "httpx",
    "httpcore",
    "websockets",
    "ariadne",
)


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": request_id.get(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def configure(*, production: bool, level: int = logging.INFO) -> None:
    """Sends every log line to stderr in one shape, and keeps chatty libraries from logging secrets."""
    # No format of ours shows them, and finding them out takes a third of a line's time (Python's logging HOWTO).
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if production else logging.Formatter("%(levelname)-7s %(name)s  %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # joserfc announces RFC 9864's new name for the same signature; verifiers in the field know "EdDSA".
    warnings.filterwarnings("ignore", message="EdDSA is deprecated via RFC 9864")
    pin_chatty_loggers()


def pin_chatty_loggers() -> None:
    """Keeps libraries that log their arguments above DEBUG, whatever level the operator asks for."""
    for name in _PINNED:
        logging.getLogger(name).setLevel(logging.WARNING)
