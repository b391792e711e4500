"""What schemathesis adds to each request it makes up; its command loads this file by tests/schemathesis.toml."""

import ipaddress
import itertools
import os
from typing import Any

import schemathesis

# Our limits stay as they are, and a 429 is an answer like others. But they count by network, and all requests come from
# one: a network of its own for each lets them through to what lies behind. TRUST_FORWARDED_FOR is on in the test.
_NETWORKS = (ipaddress.IPv4Address("10.0.0.0") + number for number in itertools.count())


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: dict[str, Any]) -> None:
    """A network of its own for each request."""
    case.headers["X-Forwarded-For"] = str(next(_NETWORKS))


# A sign-out would end the session that every other request needs.
@schemathesis.auth().skip_for(path="/auth/logout")
class Bearer:
    """The access token of the person that the test signed up."""

    def get(self, _case: Any, _context: Any) -> str:
        return os.environ["BONAFIDE_TEST_TOKEN"]

    def set(self, case: Any, token: str, _context: Any) -> None:
        case.headers["Authorization"] = f"Bearer {token}"
