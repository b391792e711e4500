"""The browser client's files: complete, and JavaScript."""

import re
import subprocess

import pytest

from app.edge.client_files import FILES, WEB
from tests.node_peers import NODE

FOLDERS = (WEB, WEB.parents[1] / "tests" / "browser")


def test_everything_that_is_there_is_served() -> None:
    """A browser would load the session, and not find what it imports."""
    modules = {path.name for path in WEB.glob("*.js") if not path.name.endswith(".config.js")}
    assert modules == set(FILES)
    for name in FILES:
        imported = re.findall(r'from "\./([^"]+)"', (WEB / name).read_text())
        assert set(imported) <= set(FILES)


@pytest.mark.parametrize("path", [path for folder in FOLDERS for path in folder.glob("*.*js")], ids=lambda p: p.name)
def test_it_is_javascript(path: object) -> None:
    """A slip of the keyboard would be found by the first visitor."""
    checked = subprocess.run([str(NODE), "--check", str(path)], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
