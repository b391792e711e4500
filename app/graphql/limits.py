"""What a GraphQL document may ask for, decided from its text alone, and a bounded cache of the verdicts.

Validation is the dear part of a query (lab: 390-870 us against 14-80 us for execution), and clients repeat
themselves: a document is parsed and validated once while it stays among the most recently used.
"""

from collections import OrderedDict
from dataclasses import dataclass

from graphql import (
    BREAK,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    StringValueNode,
    Visitor,
    parse,
    validate,
    visit,
)

CREDENTIAL_DIRECTIVE = "credential"


@dataclass(frozen=True, kw_only=True)
class DocumentLimits:
    """Bounds on one document; the values are those of the standards, the rest has its reason beside it."""

    tokens: int = 1000
    depth: int = 10
    # Of what stands under __schema or __type: the standard introspection query has 15 levels (and a cost of 220).
    introspection_depth: int = 15
    # Fields after fragments are spread, mutations counted ten times. Our own clients' largest document costs 60; 1,000
    # tokens of nested spreads could ask for 2**300 fields; validation compares equal names pairwise (240 of them
    # took 205 ms, 120 take 50 ms).
    cost: int = 250
    # Compared pairwise too: 90 took 106 ms.
    fragments: int = 30
    credential_fields: int = 1
    # Large values (frames) travel as variables; the lexer reads text at about 10 MB/s.
    source_chars: int = 64 * 1024
    comments: int = 200
    errors: int = 20


MUTATION_COST = 10
_INTROSPECTION = ("__schema", "__type")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A parsed document; ready to execute when there are no errors."""

    document: DocumentNode | None
    errors: tuple[GraphQLError, ...] = ()


class Documents:
    """Prepares documents; keeps the most recently used good ones by their text.

    At most `remembered` of them, and `remembered_chars` of text: a character costs up to 300 bytes once it is parsed
    (measured), so a stranger's thousand different documents hold 40 MB at most.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        limits: DocumentLimits,
        introspection: bool,
        remembered: int = 512,
        remembered_chars: int = 128 * 1024,
        longest_remembered_chars: int = 8192,
    ) -> None:
        self._schema = schema
        self._limits = limits
        self._introspection = introspection
        self._credential_fields = credential_fields(schema)
        self._remembered = remembered
        self._remembered_chars = remembered_chars
        self._chars = 0
        self._longest = longest_remembered_chars
        self._cache: OrderedDict[str, Prepared] = OrderedDict()

    def __len__(self) -> int:
        return len(self._cache)

    def prepare(self, source: str) -> Prepared:
        """Parses, measures and validates `source`; never raises."""
        known = self._cache.get(source)
        if known is not None:
            self._cache.move_to_end(source)
            return known
        prepared = self._prepare(source)
        if not prepared.errors and len(source) <= self._longest:
            self._cache[source] = prepared
            self._chars += len(source)
            while len(self._cache) > self._remembered or self._chars > self._remembered_chars:
                self._chars -= len(self._cache.popitem(last=False)[0])
        return prepared

    def _prepare(self, source: str) -> Prepared:
        limits = self._limits
        try:
            document = parse(
                source,
                max_lexical_tokens=limits.tokens,
                max_comments=limits.comments,
                max_source_length=limits.source_chars,
            )
        except GraphQLError as error:
            return Prepared(None, (error,))
        faults = self._measure(document)
        if not faults:
            faults = validate(self._schema, document, max_errors=limits.errors, hide_suggestions=True)
        return Prepared(document, tuple(faults))

    def _measure(self, document: DocumentNode) -> list[GraphQLError]:
        limits, faults = self._limits, []
        measure = _Measure(document, credentials=self._credential_fields)
        if measure.depth > limits.depth:
            faults.append(GraphQLError(f"The document is {measure.depth} levels deep; {limits.depth} are allowed."))
        if measure.introspects and not self._introspection:
            # Before validation, which would compare every pair of its fields first.
            faults.append(GraphQLError("GraphQL introspection is not answered here."))
        if measure.introspection_depth > limits.introspection_depth:
            faults.append(GraphQLError(f"Introspection goes {limits.introspection_depth} levels deep at most."))
        if measure.cost > limits.cost:
            faults.append(
                GraphQLError(f"The document asks for too much at once; the limit is a cost of {limits.cost}.")
            )
        if measure.fragments > limits.fragments:
            faults.append(
                GraphQLError(f"The document has {measure.fragments} fragments; {limits.fragments} are allowed.")
            )
        if measure.credentials > limits.credential_fields:
            names = ", ".join(sorted(self._credential_fields))
            faults.append(GraphQLError(f"A document may hold one of these fields once: {names}."))
        if (text := _text_with_nul(document)) is not None:
            faults.append(GraphQLError("A text holds the character U+0000, which cannot be stored.", text))
        return faults


def credential_fields(schema: GraphQLSchema) -> frozenset[str]:
    """The mutations that the schema marks with @credential."""
    mutation = schema.mutation_type
    return frozenset(
        name
        for name, field in (mutation.fields if mutation else {}).items()
        if field.ast_node and any(d.name.value == CREDENTIAL_DIRECTIVE for d in field.ast_node.directives or ())
    )


@dataclass(slots=True)
class _Size:
    """How much a selection asks for; `roots` and `credentials` count its own level only."""

    depth: int = 0
    cost: int = 0
    roots: int = 0
    credentials: int = 0

    def add(self, other: "_Size") -> None:
        self.depth = max(self.depth, other.depth)
        self.cost += other.cost
        self.roots += other.roots
        self.credentials += other.credentials


class _Measure:
    """Sizes a whole document, each fragment measured once however often it is spread.

    Runs before validation, so a fragment may be unknown or part of a cycle: both count nothing here and are refused
    there.
    """

    def __init__(self, document: DocumentNode, *, credentials: frozenset[str]) -> None:
        self._fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        self._credentials = credentials
        self.fragments = len(self._fragments)
        self._sizes: dict[str, _Size] = {}
        self.depth = self.cost = self.credentials = self.introspection_depth = 0
        for operation in document.definitions:
            if isinstance(operation, OperationDefinitionNode):
                size = self._size(operation.selection_set)
                self.depth = max(self.depth, size.depth)
                self.cost += size.cost
                if operation.operation is OperationType.MUTATION:
                    self.cost += (MUTATION_COST - 1) * size.roots
                    self.credentials += size.credentials
        # Validation reads what nobody spreads as well, before it refuses it.
        for name in self._fragments.keys() - self._sizes.keys():
            self.cost += self._fragment(name).cost

    @property
    def introspects(self) -> bool:
        """Whether the schema itself is asked for, in whatever fragment."""
        return self.introspection_depth > 0

    def _size(self, selections: SelectionSetNode | None) -> _Size:
        total = _Size()
        for selection in selections.selections if selections else ():
            if isinstance(selection, FieldNode):
                total.add(self._field(selection))
            elif isinstance(selection, InlineFragmentNode):
                total.add(self._size(selection.selection_set))
            elif isinstance(selection, FragmentSpreadNode):
                total.add(self._fragment(selection.name.value))
        return total

    def _field(self, field: FieldNode) -> _Size:
        below = self._size(field.selection_set)
        if field.name.value in _INTROSPECTION:
            self.introspection_depth = max(self.introspection_depth, below.depth + 1)
            return _Size(1, below.cost + 1, 1)
        is_credential = field.name.value in self._credentials
        return _Size(below.depth + 1, below.cost + 1, 1, int(is_credential))

    def _fragment(self, name: str) -> _Size:
        if name not in self._sizes:
            self._sizes[name] = _Size()  # what a cycle finds
            fragment = self._fragments.get(name)
            if fragment is not None:
                self._sizes[name] = self._size(fragment.selection_set)
        return self._sizes[name]


class _NulFinder(Visitor):
    found: StringValueNode | None = None

    def enter_string_value(self, node: StringValueNode, *_: object) -> object:
        if "\0" not in node.value:
            return None
        self.found = node
        return BREAK


def _text_with_nul(document: DocumentNode) -> StringValueNode | None:
    finder = _NulFinder()
    visit(document, finder)
    return finder.found
