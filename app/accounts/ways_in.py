"""What opens an account, and the rule that something always does."""

from dataclasses import dataclass
from datetime import datetime

from app.errors import Code, Problem


@dataclass(frozen=True, kw_only=True)
class WaysIn:
    """What opens an account, and what is proved of its address.

    Faces are not counted: a face is looked for in a gallery, where it may be refused as ambiguous, and an operator may
    switch face login off.
    """

    email: str | None
    email_verified_at: datetime | None
    has_password: bool
    identities: int
    passkeys: int

    def demand_another(self, *, field: str) -> None:
        """Raises Problem(CONFLICT) with reason LAST_SIGN_IN_METHOD where a provider or a passkey that goes is the last.

        A password counts together with the address that it is given with.
        """
        has_usable_password = self.has_password and self.email is not None
        if self.identities + self.passkeys + has_usable_password <= 1:
            raise Problem(
                Code.CONFLICT,
                "Nothing else opens this account. Set a password, add a passkey or link a provider first.",
                field=field,
                reason="LAST_SIGN_IN_METHOD",
            )
