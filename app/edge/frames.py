"""Pictures as clients send them inside JSON."""

import base64
import binascii

from app.errors import Code, Problem


def jpeg_bytes(text: str, *, field: str) -> bytes:
    """The bytes of base64 text, with or without the `data:image/jpeg;base64,` that a canvas puts in front."""
    encoded = text.partition(",")[2] if text.startswith("data:") else text
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Problem(Code.BAD_USER_INPUT, "The frame is not the base64 of a JPEG.", field=field) from error
