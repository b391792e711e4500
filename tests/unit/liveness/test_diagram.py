"""The diagram in the docs: drawn from the table, and fresh."""

import re
from pathlib import Path

import pytest

from liveness.diagram import BEGIN, END, NoMarkers, draw_diagram, main, with_diagram
from liveness.session import TRANSITIONS, State

README = Path(__file__).parents[3] / "README.md"


def test_the_readme_shows_the_machine_that_runs() -> None:
    """A reader would design a client against states that no longer exist."""
    document = README.read_text(encoding="utf-8")
    assert with_diagram(document) == document, "run: python -m liveness.diagram --write README.md"


def test_every_transition_and_every_end_is_drawn() -> None:
    """A missing arrow would hide how an attempt can end."""
    drawn = set(re.findall(r"^ +(\S+) --> (\S+?)(?::|$)", draw_diagram(), flags=re.MULTILINE))
    between = {(str(source), str(target)) for (source, _), target in TRANSITIONS.items()}
    assert drawn == between | {("[*]", "SEEKING_NEUTRAL"), ("COMPLETE", "[*]"), ("FAILED", "[*]")}
    assert all(f"    {state}: " in draw_diagram() for state in State)


def test_only_the_part_between_the_markers_changes(tmp_path: Path) -> None:
    """Writing the diagram would damage the rest of the README."""
    file = tmp_path / "doc.md"
    file.write_text(f"# Über\n\n{BEGIN}\nold\n{END}\n\nafter\n", encoding="utf-8")
    assert main(["--write", str(file)]) == 0
    text = file.read_text(encoding="utf-8")
    assert text == f"# Über\n\n{BEGIN}\n{draw_diagram()}{END}\n\nafter\n"
    assert main(["--write", str(file)]) == 0
    assert file.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("document", ["", BEGIN, END + BEGIN, BEGIN + END + END, BEGIN + BEGIN + END])
def test_a_document_without_clear_markers_is_left_alone(
    document: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half a README would be overwritten."""
    with pytest.raises(NoMarkers):
        with_diagram(document)
    file = tmp_path / "doc.md"
    file.write_text(document, encoding="utf-8")
    assert main(["--write", str(file)]) == 2
    assert file.read_text(encoding="utf-8") == document
    assert "diagram:begin" in capsys.readouterr().err


def test_a_missing_file_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A typing mistake would end in a stack trace."""
    assert main(["--write", str(tmp_path / "none.md")]) == 2
    assert "none.md" in capsys.readouterr().err


def test_without_a_file_it_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Somebody who wants it elsewhere could not have it."""
    assert main([]) == 0
    assert capsys.readouterr().out == draw_diagram()
