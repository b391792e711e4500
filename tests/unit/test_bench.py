"""The bench modules can be run; what they measure is not judged here."""

import importlib
from pathlib import Path

import pytest

MODULES = sorted(path.stem for path in (Path(__file__).parents[1] / "bench").glob("[a-z]*.py"))


@pytest.mark.parametrize("module", MODULES)
def test_every_module_can_be_run(module: str) -> None:
    """`make bench` would end in a traceback instead of figures."""
    bench = importlib.import_module(f"tests.bench.{module}")
    assert module == bench.NAME
    assert callable(bench.run)
