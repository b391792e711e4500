"""What the web client asks is what the server answers."""

import json
from pathlib import Path

import pytest
from graphql import OperationDefinitionNode, build_schema, parse, validate

ROOT = Path(__file__).parents[3]
WEB = ROOT / "app" / "web"


def faults(operations: str) -> list[str]:
    """What the schema has against them."""
    schema = build_schema((ROOT / "schema.graphql").read_text())
    return [fault.message for fault in validate(schema, parse(operations))]


@pytest.fixture(scope="module")
def operations() -> str:
    return "\n".join(path.read_text() for path in sorted((WEB / "src" / "operations").glob("*.graphql")))


def test_every_operation_fits_the_schema(operations: str) -> None:
    """The page and the schema would drift apart, and buttons would fail; the build says so too, where there is Node."""
    assert faults(operations) == []
    assert faults(operations.replace("twoFactorEnabled", "twoFactorSwitchedOn", 1)) != []


def test_every_operation_is_used(operations: str) -> None:
    """What nobody asks would be kept, and looked after, for nothing."""
    written = "\n".join(
        path.read_text() for path in (WEB / "src").rglob("*.ts") if "generated" not in path.relative_to(WEB).parts
    )
    for definition in parse(operations).definitions:
        if isinstance(definition, OperationDefinitionNode):
            assert definition.name is not None
            assert definition.name.value in written, definition.name.value


def test_every_page_has_its_code() -> None:
    """An address would lead to an empty page."""
    loaders = (WEB / "src" / "pages.ts").read_text()
    for route in json.loads((WEB / "routes.json").read_text()):
        page = route["page"]
        assert f'import("./pages/{page}.js")' in loaders
        assert f'customElements.define("page-{page}"' in (WEB / "src" / "pages" / f"{page}.ts").read_text()


def test_the_lock_names_no_host() -> None:
    """Who installs from a mirror of their own would be sent elsewhere."""
    lock = json.loads((WEB / "package-lock.json").read_text())
    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []
