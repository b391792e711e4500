"""JSON as nobody meant to send it."""

import random

WORDS = (
    b"null",
    b"{}",
    b"[]",
    b"-0",
    b"1e999",
    b"\\u0000",
    b"\\ud800",
    b"\xff",
    b'"',
    b"\\",
    b"NaN",
    b"\xe2\x80\xae",
    b"[" * 40,
)


def damaged(rng: random.Random, raw: bytes) -> bytes:
    """The text with a few of its bytes changed, cut, doubled or replaced by something nasty."""
    text = bytearray(raw)
    for _ in range(rng.randint(1, 4)):
        at, upto = sorted((rng.randrange(len(text) + 1), rng.randrange(len(text) + 1)))
        match rng.randrange(5):
            case 0:
                text[at:at] = bytes([rng.randrange(256)])
            case 1:
                del text[at:upto]
            case 2:
                text[at:at] = text[at:upto]
            case 3:
                text[at : at + rng.randrange(8)] = rng.choice(WORDS)
            case _:
                text[at : at + 1] = bytes([rng.randrange(256)])
    return bytes(text)
