"""The thresholds that a browser judges by are the server's own."""

from dataclasses import asdict, fields

from liveness.policy import DEFAULT_POLICY, Policy
from tests.serving import Visitor


async def test_a_page_is_told_every_threshold_in_use(visitor: Visitor) -> None:
    """The page would guide people by other rules than the server judges by, and they would fail without knowing why."""
    answer = await visitor.http.get("/client/liveness-policy")
    assert answer.json() == asdict(DEFAULT_POLICY)
    assert set(answer.json()) == {field.name for field in fields(Policy)}
    assert answer.headers["cache-control"] == "public, max-age=300"
