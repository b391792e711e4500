"""What a document may ask for, decided before anything runs."""

import time
from pathlib import Path

import pytest
from graphql import build_schema, get_introspection_query
from hypothesis import given, settings
from hypothesis import strategies as st

from app.graphql.limits import DocumentLimits, Documents, credential_fields

SCHEMA = build_schema((Path(__file__).parents[3] / "schema.graphql").read_text(encoding="utf-8"))
LOGIN = 'login(email: "a@example.org", password: "guess") { isNewUser }'


@pytest.fixture
def documents() -> Documents:
    return Documents(SCHEMA, limits=DocumentLimits(), introspection=True)


def refusal(documents: Documents, source: str) -> str:
    """The first fault of a document, empty when it has none."""
    errors = documents.prepare(source).errors
    return errors[0].message if errors else ""


def test_an_ordinary_query_is_prepared(documents: Documents) -> None:
    """Without this nothing can be asked at all."""
    prepared = documents.prepare("{ me { id handle } }")
    assert prepared.document is not None
    assert prepared.errors == ()


@pytest.mark.parametrize(
    "source",
    [
        f"mutation {{ {LOGIN} second: {LOGIN} }}",
        f"mutation {{ ...a }} fragment a on Mutation {{ one: {LOGIN} two: {LOGIN} }}",
        f"mutation {{ ...a ...b }} fragment a on Mutation {{ one: {LOGIN} }} fragment b on Mutation {{ two: {LOGIN} }}",
        f"mutation {{ ... on Mutation {{ one: {LOGIN} }} ... {{ two: {LOGIN} }} }}",
        f"mutation A {{ {LOGIN} }} mutation B {{ {LOGIN} }}",
        f"mutation {{ {LOGIN} logout }}",
        f"mutation {{ one: {LOGIN} ... @skip(if: true) {{ two: {LOGIN} }} }}",
        "mutation { " + " ".join(f"a{i}: {LOGIN}" for i in range(60)) + " }",
    ],
    ids=["aliases", "one fragment", "two fragments", "inline", "two operations", "mixed", "skipped", "sixty"],
)
def test_one_document_tries_one_credential(documents: Documents, source: str) -> None:
    """Otherwise one request that counts once could try a thousand passwords of somebody's account."""
    assert any("one of these fields once" in error.message for error in documents.prepare(source).errors)


def test_one_credential_with_other_fields_is_fine(documents: Documents) -> None:
    """A sign-in that also asks for the account would be refused."""
    assert refusal(documents, f"mutation {{ {LOGIN} createLivenessChallenge {{ token }} }}") == ""


def test_every_mutation_that_checks_a_secret_is_marked() -> None:
    """A credential field without its mark could be tried a thousand times in one document."""
    expected = {"signup", "login", "refreshToken", "logout", "verifyEmail", "confirmLiveness"}
    expected |= {"loginWithGithub", "linkGithub"}
    expected |= {"register", "resendVerification"}
    expected |= {"enable2FA", "verify2FA", "disable2FA", "verify2FALogin", "regenerateBackupCodes"}
    expected |= {"socialLogin", "linkIdentity", "linkByCode", "unlinkIdentity"}
    expected |= {"beginPasskeyRegistration", "finishPasskeyRegistration", "removePasskey"}
    expected |= {"passkeyLogin", "beginPasskeySecondStep", "passkeySecondStep", "confirmWithPasskey"}
    expected |= {"confirmIdentity"}
    expected |= {
        "requestPasswordReset",
        "resetPassword",
        "reportNotMe",
        "changePassword",
        "changeEmail",
        "deleteAccount",
    }
    expected |= {"faceLogin", "tradeFaceTicket", "enrollFace", "confirmWithFace", "forgetFace"}
    expected |= {"beginHandoff", "openHandoff", "confirmHandoff"}
    assert credential_fields(SCHEMA) == expected


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{ " + "a " * 1200 + "}", "more than 1000 tokens"),
        ("{ a " + "{ b " * 11 + "}" * 11 + "}", "12 levels deep"),
        ("{ a { ...f } } fragment f on Query { b " + "{ c " * 9 + "}" * 9 + "}", "levels deep"),
        ("{ " + "me { id } " * 130 + "}", "too much at once"),
        ("mutation { " + " ".join(f"a{i}: presignAvatar" for i in range(26)) + " }", "too much at once"),
        ("{ me { ...f0 } }" + "".join(f" fragment f{i} on User {{ id }}" for i in range(31)), "31 fragments"),
        ("#\n" * 201 + "{ me { id } }", "more than 200 comments"),
        ('{ me(a: "' + "x" * 70_000 + '") { id } }', "65536"),
        ('mutation { verifyEmail(token: "\\u0000") }', "U+0000"),
        ("{ me(a: " + "[" * 450 + "]" * 450 + ") { id } }", "nested too deeply"),
        ("{ " + "a { " * 300, "nested too deeply"),
    ],
    ids=[
        "tokens",
        "depth",
        "fragment-depth",
        "cost",
        "mutations",
        "fragments",
        "comments",
        "length",
        "nul",
        "list-nesting",
        "nesting",
    ],
)
def test_a_document_over_a_limit_is_refused_by_name(documents: Documents, source: str, words: str) -> None:
    """One crafted document could otherwise hold a core for everybody else."""
    assert words in refusal(documents, source)


def test_spreading_fragments_in_fragments_costs_what_it_asks_for(documents: Documents) -> None:
    """Seventy doubling fragments ask for 2**70 fields: without this the server would set out to answer them."""
    doubling = " ".join(f"fragment f{i} on User {{ ...f{i + 1} ...f{i + 1} }}" for i in range(28))
    source = f"{{ me {{ ...f0 }} }} {doubling} fragment f28 on User {{ id }}"
    began_s = time.process_time()  # of the processor: other programs do not count
    assert "too much at once" in refusal(documents, source)
    assert time.process_time() - began_s < 1


def test_a_cycle_of_fragments_is_refused(documents: Documents) -> None:
    """A cycle measured without end would hang the server."""
    source = "{ me { ...a } } fragment a on User { ...b } fragment b on User { ...a }"
    assert "within itself" in refusal(documents, source)


def test_production_tells_nothing_about_the_schema() -> None:
    """Introspection and spelling hints hand an attacker the list of operations."""
    production = Documents(SCHEMA, limits=DocumentLimits(), introspection=False)
    assert "introspection" in refusal(production, get_introspection_query())
    assert "introspection" in refusal(production, '{ __type(name: "User") { name } }')
    assert "Did you mean" not in refusal(production, "{ mee { id } }")
    assert refusal(production, "{ __typename }") == ""


@pytest.mark.parametrize(
    "source",
    [
        "{ __schema { " + "description " * 900 + "} }",
        '{ ...a } fragment a on Query { __type(name: "User") { ' + "name " * 900 + "} }",
        "{ me { id } } fragment a on User { " + "id " * 900 + "}",
        "{ __schema { types { " + "fields { name } " * 150 + "} } }",
    ],
    ids=["schema", "type in a fragment", "fragment that nobody spreads", "fields"],
)
@pytest.mark.parametrize("introspection", [True, False], ids=["on", "off"])
def test_looking_at_the_schema_costs_what_it_asks_for(source: str, introspection: bool) -> None:
    """One signed-out request could hold a core for seconds: a thousand equal names are compared pair by pair."""
    documents = Documents(SCHEMA, limits=DocumentLimits(), introspection=introspection)
    began_s = time.process_time()
    assert any(word in refusal(documents, source) for word in ("too much at once", "introspection"))
    assert time.process_time() - began_s < 1  # 0.05 s when nothing else runs


def test_the_schema_is_not_looked_at_without_end(documents: Documents) -> None:
    """A deep enough question about types would have an answer of gigabytes."""
    deep = "{ __schema { types { fields { " + "type { ofType { " * 8 + "name" + " } }" * 8 + " } } } }"
    assert "15 levels" in refusal(documents, deep)


def test_strangers_documents_take_little_memory() -> None:
    """A stranger who sends ever new documents would fill the memory of the server with them."""
    documents = Documents(SCHEMA, limits=DocumentLimits(), introspection=False, remembered_chars=10_000)
    for number in range(40):
        documents.prepare(f"{{ a{number}: me {{ id }} }}" + " " * 1_000)
    assert 5 <= len(documents) <= 10
    kept = len(documents)
    documents.prepare("{ a39: me { id } }" + " " * 1_000)
    assert len(documents) == kept, "the newest are kept"


def test_development_answers_introspection(documents: Documents) -> None:
    """Editors and code generators could not read the schema."""
    assert refusal(documents, get_introspection_query()) == ""


def test_a_known_document_is_not_validated_again(documents: Documents) -> None:
    """Validation costs ten times what execution does: sign-ins per second would fall."""
    first = documents.prepare("{ me { id } }")
    assert documents.prepare("{ me { id } }") is first


def test_the_memory_of_documents_is_bounded() -> None:
    """A client that never repeats itself would fill the server's memory."""
    documents = Documents(SCHEMA, limits=DocumentLimits(), introspection=False, remembered=3)
    for number in range(20):
        documents.prepare(f"{{ a{number}: me {{ id }} }}")
        documents.prepare("{ kept: me { id } }")
    assert len(documents) == 3
    kept = documents.prepare("{ kept: me { id } }")
    assert documents.prepare("{ kept: me { id } }") is kept


def test_refused_and_long_documents_are_not_remembered(documents: Documents) -> None:
    """Junk would push out the documents that real clients repeat."""
    documents.prepare("{ nonsense }")
    documents.prepare("{ me { id } }" + " " * 9000)
    assert len(documents) == 0


WORDS = '{ } ( ) [ ] : ... on $v @skip query mutation fragment me login User id "text" """ 1 - 1e9999 null ! = | &'


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([*WORDS.split(), "\x00", "\ud800"]), max_size=60))
def test_any_text_gets_an_answer(words: list[str]) -> None:
    """A document that crashes the measuring would cost everyone a 500."""
    documents = Documents(SCHEMA, limits=DocumentLimits(), introspection=False)
    assert documents.prepare(" ".join(words)) is not None
