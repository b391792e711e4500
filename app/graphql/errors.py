"""What a GraphQL client reads when something was refused: `extensions.code` from the one table, never our internals."""

import logging
import math
import re
from collections.abc import Callable
from typing import Any

from graphql import (
    BREAK,
    ArgumentNode,
    DocumentNode,
    GraphQLError,
    Node,
    ObjectFieldNode,
    VariableNode,
    Visitor,
    visit,
)

from app.errors import Code, Problem

log = logging.getLogger(__name__)

INTERNAL_MESSAGE = "Something broke on our side. The request id helps us find it."

# graphql-core's own wording; tests fail when it changes.
_VARIABLE = re.compile(r"Variable '\$(?P<variable>\w+)' has invalid value(?: at (?P<path>[^:]+))?:")
_NAMED = re.compile(
    r"Argument '[\w.]+\((?P<argument>\w+):\)' of type .* is required"
    r"|to include (?:required|unknown) field '(?P<field>[A-Za-z_]\w{0,63})'",
    re.ASCII,
)
_PATH_NAME = re.compile(r"\.(\w+)")
# What was sent stays with the sender: it may be a password, and messages end up in other people's error reports.
_ECHO = re.compile(r"(?:, found|\. Found|(?<=value)(?<!invalid value)): .*", re.DOTALL)
_SUGGESTION = re.compile(r" Did you mean .*?\?")


def formatted(error: GraphQLError, *, request_id: str, document: DocumentNode | None) -> dict[str, Any]:
    """One entry of `errors`; what nobody expected is logged here, once, and answered as INTERNAL."""
    entry: dict[str, Any] = {"message": error.message}
    if error.locations:
        entry["locations"] = [location.formatted for location in error.locations]
    if error.path:
        entry["path"] = error.path
    cause = error.original_error
    if isinstance(cause, Problem):
        entry["message"] = cause.detail
        entry["extensions"] = problem_extensions(cause)
    elif _is_in_the_request(error):
        field = field_at_fault(error, document)
        entry["message"] = _SUGGESTION.sub("", _ECHO.sub(".", error.message))
        entry["extensions"] = {"code": Code.BAD_USER_INPUT.value} | ({"field": field} if field else {})
    else:
        log.error("unexpected error at %s, request %s", error.path, request_id, exc_info=cause)
        entry["message"] = INTERNAL_MESSAGE
        entry["extensions"] = {"code": Code.INTERNAL.value, "requestId": request_id}
    return entry


def problem_extensions(problem: Problem) -> dict[str, Any]:
    """code, and field, retryAfter (whole seconds), reason and suggestions where the problem has them."""
    extensions: dict[str, Any] = {"code": problem.code.value}
    if problem.field is not None:
        extensions["field"] = problem.field
    if problem.retry_after_s is not None:
        extensions["retryAfter"] = math.ceil(problem.retry_after_s)
    if problem.reason is not None:
        extensions["reason"] = problem.reason
    if problem.suggestions:
        extensions["suggestions"] = problem.suggestions
    return extensions


def _is_in_the_request(error: GraphQLError) -> bool:
    """Whether the caller can put it right; a value of ours that fits no type has a path and a cause without nodes."""
    cause = error.original_error
    return cause is None or (isinstance(cause, GraphQLError) and (error.path is None or bool(cause.nodes)))


def field_at_fault(error: GraphQLError, document: DocumentNode | None) -> str | None:
    """The argument or input field that an error of graphql-core is about, if it is about one."""
    if named := _NAMED.search(error.message):
        return named["argument"] or named["field"]
    variable = _VARIABLE.match(error.message)
    if variable and (names := _PATH_NAME.findall(variable["path"] or "")):
        return str(names[-1])
    if document is None:
        return None
    if variable:
        name = variable["variable"]
        return _argument_around(document, lambda node: isinstance(node, VariableNode) and node.name.value == name)
    faulty = error.nodes[0] if error.nodes else None
    return _argument_around(document, lambda node: node is faulty)


class _ArgumentAround(Visitor):
    """Finds the innermost argument or input field around the first node that `is_it` accepts."""

    def __init__(self, is_it: Callable[[Node], bool]) -> None:
        super().__init__()
        self._is_it = is_it
        self._open: list[str] = []
        self.found: str | None = None

    def enter(self, node: Node, *_: object) -> object:
        if isinstance(node, ArgumentNode | ObjectFieldNode):
            self._open.append(node.name.value)
        if self._open and self._is_it(node):
            self.found = self._open[-1]
            return BREAK
        return None

    def leave(self, node: Node, *_: object) -> None:
        if isinstance(node, ArgumentNode | ObjectFieldNode):
            self._open.pop()


def _argument_around(document: DocumentNode, is_it: Callable[[Node], bool]) -> str | None:
    finder = _ArgumentAround(is_it)
    visit(document, finder)
    return finder.found
