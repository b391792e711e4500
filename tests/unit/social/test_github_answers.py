"""GitHub's answers, read without trust."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app.accounts.rules import normalised_email
from app.errors import Code, Problem
from app.social.github_client import GithubPerson, person_of

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner))
USER = st.fixed_dictionaries({"id": SCALARS | st.just(583231), "login": SCALARS | st.just("octocat"), "name": JSON})
EMAIL = st.fixed_dictionaries(
    {
        "email": JSON | st.emails() | st.just("octocat@example.org"),
        "primary": JSON | st.just(True),
        "verified": JSON | st.just(True),
    }
)


def answered(user: Any, emails: Any) -> tuple[GithubPerson | None, tuple[Code, str | None] | None]:
    """The person, or else code and reason of the refusal."""
    try:
        return person_of(user, emails, "gho_x"), None
    except Problem as problem:
        return None, (problem.code, problem.reason)


@settings(max_examples=300)
@given(JSON | USER, JSON | st.lists(EMAIL | JSON, max_size=4))
def test_whatever_github_answers_is_somebody_or_a_refusal(user: Any, emails: Any) -> None:
    """An answer that nobody thought of would be an error of ours, or an account of somebody else."""
    person, refused = answered(user, emails)
    if person is None:
        assert refused == (Code.BUSY, "GITHUB_AWAY")
        return
    assert type(user["id"]) is int
    assert person.subject == str(user["id"])
    assert person.login == user["login"]
    if person.email is not None:
        proved = [e for e in emails if isinstance(e, dict) and e.get("primary") is True and e.get("verified") is True]
        assert person.email in [normalised_email(e["email"]) for e in proved[:1]]
