"""`bonafide stream` as a person runs it: clear words and exit codes before any server is needed."""

from pathlib import Path

import pytest

from app.cli import main
from app.commands.stream import _handle, _line

ACCOUNT = ["--email", "ada@example.org", "--password", "correct horse"]


def test_a_missing_source_is_exit_code_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without it: a script cannot tell a wrong path from a refused person."""
    assert main(["stream", str(tmp_path / "no.mp4"), "--url", "ws://127.0.0.1:9", *ACCOUNT]) == 2
    assert "there is no file" in capsys.readouterr().err


def test_a_server_that_is_down_is_exit_code_two(astronaut_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without it: a server that is down is reported as a stack trace."""
    assert main(["stream", str(astronaut_path), "--url", "ws://127.0.0.1:9", *ACCOUNT]) == 2
    assert "nothing can be reached at http://127.0.0.1:9" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--exclude", "WINK"], "WINK is no step"),
        (["--photo", "nowhere.jpg"], "there is no file nowhere.jpg"),
        (["--url", "127.0.0.1"], "is not an address"),
    ],
)
def test_unusable_options_are_exit_code_two(
    astronaut_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], words: str
) -> None:
    """Without it: the account is created before a typing error is found."""
    assert main(["stream", str(astronaut_path), "--url", "ws://127.0.0.1:9", *ACCOUNT, *more]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("option", [["--fps", "0"], ["--drop", "1"], ["--delay-ms", "-1"], ["--fps", "fast"]])
def test_numbers_outside_their_range_are_refused_by_the_parser(option: list[str]) -> None:
    """Without it: a drop of 1 streams nothing for ever."""
    with pytest.raises(SystemExit) as caught:
        main(["stream", "x", "--url", "ws://127.0.0.1:9", *ACCOUNT, *option])
    assert caught.value.code == 2


def test_every_event_is_one_readable_line() -> None:
    """Without it: a person cannot follow why an attempt failed."""
    assert (
        _line({"type": "ready", "step": "LOOK_LEFT", "of": 3}) == "ready: LOOK_LEFT, turn the head to its left (1 of 3)"
    )
    assert _line({"type": "step", "index": 0, "passed": True, "next": "SMILE"}) == "step 1 passed; now: SMILE, smile"
    assert _line({"type": "step", "index": 2, "passed": True, "next": None}) == "step 3 passed"
    assert _line({"type": "feedback", "seq": 7, "hint": "OK", "progress": 0.5}).split() == ["frame", "7", "OK", "50%"]
    failed = _line({"type": "result", "success": False, "error": "FACE_MISMATCH", "retryAfterS": 30})
    assert failed == "not verified: FACE_MISMATCH, the face is not the one on the profile photo; try again in 30 s"
    assert _line({"type": "result", "success": True, "verifiedAt": "now"}) == "verified at now"


def test_a_handle_is_made_of_the_address() -> None:
    """Without it: `--sign-up` without `--handle` is refused for most addresses."""
    assert _handle("Ada.Lovelace+test@example.org") == "ada-lovelace-test"
    assert _handle("al@example.org") == "al-user"
