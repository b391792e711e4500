"""The codes of a second factor, against the standard's own vectors and a reader of QR codes."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.accounts.one_time_codes import (
    BACKUP_CODES,
    SECRET_BYTES,
    matching_step,
    new_backup_codes,
    new_secret,
    normalised_code,
    otpauth_url,
    qr_code,
)
from app.errors import Code, Problem
from app.ids import Ids

RFC_SECRET = b"12345678901234567890"
# RFC 6238, appendix B, SHA-1: the last six of its eight digits.
RFC_VECTORS = [
    (59, "287082"),
    (1111111109, "081804"),
    (1111111111, "050471"),
    (1234567890, "005924"),
    (2000000000, "279037"),
    (20000000000, "353130"),
]


@pytest.mark.parametrize(("unix_s", "code"), RFC_VECTORS)
def test_the_vectors_of_the_standard(unix_s: int, code: str) -> None:
    """No authenticator app would show a code that we take."""
    moment = datetime.fromtimestamp(unix_s, UTC)
    assert matching_step(RFC_SECRET, code, moment) == unix_s // 30


@pytest.mark.parametrize(("late_s", "is_taken"), [(-31, False), (-30, True), (0, True), (59, True), (60, False)])
def test_one_step_of_skew_each_way(late_s: int, is_taken: bool) -> None:
    """A phone whose clock is half a minute off would lock its owner out, or a code would live for minutes."""
    begin = datetime.fromtimestamp(1234567890, UTC)  # the first second of its step
    step = matching_step(RFC_SECRET, "005924", begin + timedelta(seconds=late_s))
    assert step == (1234567890 // 30 if is_taken else None)


def test_secrets_and_backup_codes_cannot_be_guessed(ids: Ids) -> None:
    """A backup code short enough to guess would be the weakest way in."""
    assert SECRET_BYTES * 8 == 160
    assert len({new_secret(ids) for _ in range(100)}) == 100
    codes = new_backup_codes(ids)
    assert len(set(codes)) == BACKUP_CODES == 10
    for code in codes:
        assert re.fullmatch(r"([0-9a-hjkmnp-tv-z]{4}-){3}[0-9a-hjkmnp-tv-z]{4}", code), "no i, l, o or u"
        assert 5 * len(code.replace("-", "")) >= 64, "bits"


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("123456", "123456"),
        (" 123 456\n", "123456"),
        ("123\u00a0456", "123456"),
        ("123-456", "123456"),
        ("7k2m-9qxa-04tz-c8hw", "7k2m9qxa04tzc8hw"),
        ("7K2M 9QXA O4TZ C8HW", "7k2m9qxa04tzc8hw"),
        ("7k2m9qxaIltzc8hw", "7k2m9qxa11tzc8hw"),
    ],
)
def test_codes_are_read_as_people_type_them(typed: str, read: str) -> None:
    """A code copied with its space, or read off paper in capitals, would be refused."""
    assert normalised_code(typed) == read


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "12345",
        "1234567",
        "12345a",
        "１２３４５６",  # full width
        "١٢٣٤٥٦",  # Arabic-Indic
        "123\u200b456",  # zero-width space
        "\u202e123456",  # right-to-left override
        "123456\0",
        "7k2m-9qxa-04tz-c8h",
        "7k2m-9qxa-04tz-c8hu",
        "7k2м-9qxa-04tz-c8hw",  # a Cyrillic м
        "' or 1=1 --",
        "<b>123456</b>",
        "\ud800",
        "1" * 100_000,
        " " * 100_000 + "123456",
    ],
)
def test_what_can_be_no_code_is_said_to_be_none(typed: str) -> None:
    """Odd input would cost a try, or answer with an internal error."""
    with pytest.raises(Problem) as caught:
        normalised_code(typed)
    assert (caught.value.code, caught.value.field) == (Code.BAD_USER_INPUT, "code")


@given(st.text(max_size=80) | st.from_regex(r"[0-9A-Za-z -]{6,20}", fullmatch=True))
def test_whatever_is_typed_is_a_code_or_none(typed: str) -> None:
    """Some odd input would end in an internal error, or be read as another code when it is read again."""
    try:
        read = normalised_code(typed)
    except Problem:
        return
    assert re.fullmatch(r"[0-9]{6}|[0-9a-hjkmnp-tv-z]{16}", read)
    assert normalised_code(read) == read


@pytest.mark.parametrize("name", ["ada@example.org", "ö:/?&#%'\"<>@例え.jp", "a" * 64 + "@" + "b" * 180 + ".example"])
def test_a_phone_can_scan_what_is_shown(name: str) -> None:
    """The camera of an authenticator app would find nothing, or another secret."""
    url = otpauth_url(RFC_SECRET, issuer="id.example.org", name=name)
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert unquote(parts.path) == f"/id.example.org:{name}"
    assert parse_qs(parts.query) == {"secret": ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"], "issuer": ["id.example.org"]}
    image = qr_code(url)
    assert image.startswith("data:image/svg+xml;charset=utf-8,")
    assert read_qr(image) == url


def read_qr(image: str) -> str:
    """What OpenCV's reader sees on the SVG that a data: URL holds."""
    modules = drawn(unquote(image.partition(",")[2]))
    pixels = np.kron(modules, np.ones((6, 6), np.uint8))
    text, _, _ = cv2.QRCodeDetector().detectAndDecode(pixels)
    return text


def drawn(svg: str) -> NDArray[np.uint8]:
    """The dark strokes of segno's SVG on white: moves (M, m) and horizontal lines (h) of one module's width."""
    side = int(re.search(r"viewBox='0 0 (\d+) \d+'", svg)[1])  # type: ignore[index]
    stroke = re.search(r"stroke='#000' d='([^']+)'", svg)[1]  # type: ignore[index]
    modules = np.full((side, side), 255, np.uint8)
    x = y = 0.0
    for command, numbers in re.findall(r"([Mmh])([-\d. ]+)", stroke):
        values = [float(value) for value in re.findall(r"-?\d*\.?\d+", numbers)]
        if command == "M":
            x, y = values
        elif command == "m":
            x, y = x + values[0], y + values[1]
        else:
            modules[int(y), int(x) : int(x + values[0])] = 0
            x += values[0]
    return modules
