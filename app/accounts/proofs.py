"""Which proof is good for what: the rules of step-up as data, and the few lines that read them.

A deed may be confirmed by a proof given with the call, which counts for that deed alone, or by one given in the
session within the last five minutes (`sessions.proved_at`), which counts for every deed. Hence:

- **The proof of a session is as strong as the account's sign-in.** Where a second factor is on, a password alone or a
  face alone never begins those five minutes: they would let whoever stole session and password add a passkey, which
  needs no code afterwards. The password given with the call still confirms what it guards itself, because the code is
  asked for all the same at the next sign-in.
- **A face does not vouch for a face.** Where a face has opened the session, the same face once more is no second
  opinion: an unlucky match in the search of the gallery (one in many, so the likelier to be wrong) would match again.
  An account with another proof gives that one; one that has nothing but its face is asked for the face.
- **To have signed in is not to have confirmed.** A sign-in of the last five minutes counts only for adding and
  taking away ways in, as it always did, and for an account that has nothing else to show. A sign-in by face never
  counts, for the same reason as above. A session carried on by refresh is as old as its sign-in.

Ending sessions and exporting one's data ask for nothing: the first must be easy for whoever was robbed, the second
gives out nothing that the session could not read piece by piece, six times an hour at most and written down.
Switching the second factor off and new backup codes take a code with the call, which is used up by the deed itself
(`SecondFactors`): no proof given before does, so that nobody rides on an owner's five minutes to be rid of it.
(ASVS 5.0, 7.5.1 and 7.5.3; NIST SP 800-63B, 5.2.3: a biometric is no authenticator by itself.)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from app.accounts.model import Proof, SignInMethod, Viewer
from app.errors import Code, Problem

FRESH = timedelta(minutes=5)
REASON = "REAUTHENTICATION_NEEDED"

# What a second factor is worth: something that the owner has, and that a stolen password does not replace.
_SECOND_FACTORS = frozenset({Proof.CODE, Proof.PASSKEY})


class SensitiveDeed(StrEnum):
    """What asks for a proof."""

    CHANGE_PASSWORD = "change_password"  # noqa: S105 - the name of a deed
    CHANGE_EMAIL = "change_email"
    DELETE_ACCOUNT = "delete_account"
    LINK_IDENTITY = "link_identity"
    UNLINK_IDENTITY = "unlink_identity"
    ENABLE_SECOND_FACTOR = "enable_second_factor"
    ADD_PASSKEY = "add_passkey"
    REMOVE_PASSKEY = "remove_passkey"
    ENROL_FACE = "enrol_face"
    FORGET_FACE = "forget_face"


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What a deed accepts, besides a code and the proof of the session, which every deed does."""

    after_sign_in: bool = False
    """Whether a sign-in of the last five minutes is enough."""
    as_second_factor: bool = False
    """Whether it adds or removes what stands in for a second factor: where one is on, password and sign-in do not."""


DEMANDS: Mapping[SensitiveDeed, Demand] = MappingProxyType(
    {
        SensitiveDeed.CHANGE_PASSWORD: Demand(),
        SensitiveDeed.CHANGE_EMAIL: Demand(),
        SensitiveDeed.DELETE_ACCOUNT: Demand(),
        SensitiveDeed.LINK_IDENTITY: Demand(after_sign_in=True),
        SensitiveDeed.UNLINK_IDENTITY: Demand(after_sign_in=True),
        SensitiveDeed.ENABLE_SECOND_FACTOR: Demand(after_sign_in=True),
        # A passkey signs in by itself: on an account with a code it would be the way around the code.
        SensitiveDeed.ADD_PASSKEY: Demand(after_sign_in=True, as_second_factor=True),
        SensitiveDeed.REMOVE_PASSKEY: Demand(as_second_factor=True),
        SensitiveDeed.ENROL_FACE: Demand(after_sign_in=True),
        SensitiveDeed.FORGET_FACE: Demand(),
    }
)


def held(viewer: Viewer) -> frozenset[Proof]:
    """Every proof that the account has to give: the one place to add to when there is another."""
    has = {
        Proof.PASSWORD: viewer.has_password,
        Proof.CODE: viewer.two_factor_enabled,
        Proof.PASSKEY: viewer.has_passkeys,
        Proof.FACE: viewer.has_faces,
    }
    return frozenset(proof for proof, is_there in has.items() if is_there)


def is_enough(proof: Proof, viewer: Viewer) -> bool:
    """Whether the proof is as strong as what the five minutes after it open."""
    if viewer.two_factor_enabled:
        return proof in _SECOND_FACTORS
    if proof is Proof.FACE and viewer.signed_in_by is SignInMethod.FACE:
        return held(viewer) <= {Proof.FACE}
    return True


def confirmation_methods(viewer: Viewer, *, face_login: bool) -> tuple[Proof, ...]:
    """What a page can offer to begin the five minutes with; empty where only signing in again helps.

    Where sign-in by face is off (`face_login`), a face that was enrolled earlier confirms nothing either.
    """
    own = held(viewer) - (frozenset() if face_login else {Proof.FACE})
    return tuple(proof for proof in Proof if proof in own and is_enough(proof, viewer))


def confirmed_until(viewer: Viewer, now: datetime) -> datetime | None:
    """When the five minutes of the session's last proof end; None when they have, or never began."""
    if viewer.proved_at is None or now - viewer.proved_at > FRESH:
        return None
    return viewer.proved_at + FRESH


def believed_for_sign_in(viewer: Viewer, demand: Demand, now: datetime) -> bool:
    """Whether the sign-in itself is proof enough for a deed."""
    if viewer.signed_in_by is SignInMethod.FACE or now - viewer.signed_in_at > FRESH:
        return False
    if demand.as_second_factor and viewer.two_factor_enabled:
        return False
    return demand.after_sign_in or not (viewer.has_password or viewer.two_factor_enabled)


def demand_enough(proof: Proof, viewer: Viewer) -> None:
    """Raises Problem(FORBIDDEN) with the reason REAUTHENTICATION_NEEDED unless `is_enough`."""
    if not is_enough(proof, viewer):
        raise needed(
            "Confirm this with a code or a passkey: this account has a second factor."
            if viewer.two_factor_enabled
            else "You signed in by your face: confirm this in another way."
        )


def needed(detail: str, *, field: str | None = None) -> Problem:
    """The refusal that asks for a proof; `field` names one that was given and is wrong."""
    return Problem(Code.FORBIDDEN, detail, field=field, reason=REASON)
