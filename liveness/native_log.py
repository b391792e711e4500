"""Keeps MediaPipe's start-up chatter off stderr without swallowing anything else.

The wheel's native code writes the same few warnings each time a graph starts, and reads no environment
variable or flag that would lower its level before it does. The file descriptor is therefore diverted for
the few milliseconds of a graph's start and first frame, and every line that is not on the list below is
written through afterwards, in order.
"""

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

_STDERR = 2
# Exact phrases of mediapipe 0.10.21 that mean nothing for our use; anything unknown is passed on.
_CHATTER = (
    b"Created TensorFlow Lite XNNPACK delegate for CPU",
    b"All log messages before absl::InitializeLog() is called are written to STDERR",
    b"Feedback manager requires a model with a single signature inference",
    b"Using NORM_RECT without IMAGE_DIMENSIONS is only supported for the square ROI",
)

_lock = threading.Lock()
_inside = 0
_saved: int | None = None
_sink: BinaryIO | None = None


@contextmanager
def known_chatter_dropped() -> Iterator[None]:
    """Drops the known lines written to stderr inside the block; other lines appear when it ends.

    Blocks may nest and overlap across threads; the descriptor is restored when the last one ends.
    """
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _inside, _saved, _sink
    with _lock:
        _inside += 1
        if _inside > 1:
            return
        try:
            sys.stderr.flush()
            saved = os.dup(_STDERR)
        except (OSError, ValueError, AttributeError):  # a daemon may run with stderr closed
            return
        _sink = tempfile.TemporaryFile("w+b", buffering=0)  # noqa: SIM115 - closed in _leave
        _saved = saved
        os.dup2(_sink.fileno(), _STDERR)


def _leave() -> None:
    global _inside, _saved, _sink
    with _lock:
        _inside -= 1
        if _inside > 0 or _saved is None or _sink is None:
            return
        os.dup2(_saved, _STDERR)
        os.close(_saved)
        _sink.seek(0)
        written = _sink.read()
        _sink.close()
        _saved = _sink = None
        kept = b"".join(line for line in written.splitlines(keepends=True) if not _is_chatter(line))
        if kept:
            os.write(_STDERR, kept)


def _is_chatter(line: bytes) -> bool:
    return any(phrase in line for phrase in _CHATTER)
