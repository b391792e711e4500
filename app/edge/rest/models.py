"""Bodies and answers of the REST edge (seed B, section 5).

A model checks shape alone: types, missing and unknown fields. What a value may be is the services' to say, for every
edge alike; their limits stand here as documentation, taken from where they are enforced.
"""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from app.accounts.model import Viewer
from app.accounts.passwords import MAX_CHARS as MAX_PASSWORD_CHARS
from app.accounts.rules import (
    MAX_CAMPUS_DISPLAY_NAME_CHARS,
    MAX_CAMPUS_HANDLE_CHARS,
    MAX_DISPLAY_NAME_CHARS,
    MAX_EMAIL_CHARS,
    MAX_HANDLE_CHARS,
)
from app.clock import rfc3339
from app.profiles.limits import MAX_PHOTO_BYTES, PHOTO_MIMES
from app.profiles.model import PhotoUpload, Privacy, Status, Visibility
from app.profiles.rules import MAX_BIO_CHARS, MAX_STATUS_CHARS

PASSWORD_MIN_LEN = 8  # seed B, section 10; PASSWORD_MIN_LENGTH may ask for more

EXAMPLE_ID = UUID("019aa1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b")
EXAMPLE_EMAIL = "eileen@utoronto.ca"
EXAMPLE_PASSWORD = "orbiter-discovery-1995"  # noqa: S105 - an example, nobody's
EXAMPLE_CAMPUS = UUID("01900000-0000-7000-8000-00000000000c")  # the University of Toronto of the migrations
EXAMPLE_KEY = f"avatars/{EXAMPLE_ID}/019aa1b2-9d8c-7b6a-9f4e-3d2c1b0a9f8e"

Moment = Annotated[
    datetime,
    PlainSerializer(rfc3339, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]
"""RFC 3339 in UTC with milliseconds."""

# A field with this default may be absent, and is never null: what a model was not given is not sent.
ABSENT: Any = None

# Sources C, D and E say username where B says handle; what is answered has B's word.
_HANDLE = AliasChoices("handle", "username")


def _limits(**rules: Any) -> dict[str, Any]:
    """JSON Schema words that tell a client what the service will refuse."""
    return rules


class Body(BaseModel):
    """What is sent: no type is converted, no unknown field passes."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class Query(BaseModel):
    """What stands in the address: no unknown name passes."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class Answer(BaseModel):
    """What is answered."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Email = Annotated[
    str,
    Field(
        description="An e-mail address; capital letters do not count.",
        examples=[EXAMPLE_EMAIL],
        json_schema_extra=_limits(maxLength=MAX_EMAIL_CHARS),
    ),
]
Password = Annotated[
    str,
    Field(
        description="The password.",
        examples=[EXAMPLE_PASSWORD],
        json_schema_extra=_limits(maxLength=MAX_PASSWORD_CHARS, format="password"),
    ),
]
LinkToken = Annotated[
    str,
    Field(
        description="The token from the link in the mail.",
        examples=["Zk3v0m2yWcQ1l7pXg8uRt5sNhJ4bKdFa9eTzYoLxVwMqHiPrCjGnBs6fUkEd2Aa0"],
    ),
]
RefreshToken = Annotated[
    str,
    Field(
        description="A refresh token that was handed over in a body; leave it out where the cookie carries it.",
        examples=["q0mS3zR1p9vXcW7tYhJ4bKdFa8eTzLoVwMqHiPrCjGn"],
    ),
]


class RegisterRequest(Body):
    """A member of a campus who wants an account."""

    email: Email
    password: Annotated[Password, Field(json_schema_extra=_limits(minLength=PASSWORD_MIN_LEN))]
    handle: str = Field(
        validation_alias=_HANDLE,
        description="The @handle, in any case; some are reserved. `username` is taken in its place.",
        examples=["eileen"],
        json_schema_extra=_limits(pattern=f"^[A-Za-z0-9_]{{3,{MAX_CAMPUS_HANDLE_CHARS}}}$"),
    )
    display_name: str = Field(
        default=ABSENT,
        description="The name that others see.",
        examples=["Eileen Collins"],
        json_schema_extra=_limits(maxLength=MAX_CAMPUS_DISPLAY_NAME_CHARS),
    )
    campus_id: str = Field(
        description="The campus, one of /auth/campuses; the address must be of its domain.",
        examples=[str(EXAMPLE_CAMPUS)],
        json_schema_extra=_limits(format="uuid"),
    )


class RegisteredOut(Answer):
    """The same whether or not the address had an account before; what differs goes by mail."""

    user_id: UUID = Field(description="The account to be.", examples=[EXAMPLE_ID])
    email: str = Field(description="Where the mail went.", examples=[EXAMPLE_EMAIL])


class VerifyRequest(Body):
    """The token of the link, or the code together with its address."""

    token: LinkToken = ABSENT
    code: str = Field(default=ABSENT, description="Six digits from the mail, within 15 minutes.", examples=["492039"])
    email: Email = ABSENT


class ResendRequest(Body):
    """The address to prove."""

    email: Email


class DoneOut(Answer):
    """It is done."""

    ok: Literal[True] = Field(description="Always true; what failed is a problem document.")


class CampusOut(Answer):
    """A campus whose members may register."""

    id: UUID = Field(description="For `campus_id`.", examples=[EXAMPLE_CAMPUS])
    name: str = Field(description="Its name.", examples=["University of Toronto"])
    domain: str = Field(description="The domain of its addresses.", examples=["utoronto.ca"])


class LoginRequest(Body):
    """E-mail address and password."""

    email: Email
    password: Password


class SecondFactorRequest(Body):
    """The second step of a sign-in."""

    temp_token: str = Field(
        description="What the first step gave, within five minutes.",
        examples=["Yp2kR8wVx0QmZc4tJ6hNbLs1uEaGfDi9oTzKvXyWqCr"],
    )
    code: str = Field(description="Six digits of the app, or a backup code.", examples=["492039"])


class RefreshRequest(Body):
    """The refresh token of a client without cookies; empty, or no body at all, where the cookie carries it."""

    refresh_token: RefreshToken = ABSENT


class TokensOut(Answer):
    """A session's tokens."""

    access_token: str = Field(description="For `Authorization: Bearer`; verifiable by /.well-known/jwks.json.")
    refresh_token: str = Field(
        default=ABSENT,
        description="Only with `X-Token-Delivery: body`; otherwise it is in an httpOnly cookie.",
    )
    token_type: Literal["bearer"] = Field(description="How to send the access token.")
    expires_in: int = Field(description="Seconds until the access token expires.", examples=[900])


class SecondFactorOut(Answer):
    """The first factor was right; a code together with `temp_token` opens the session."""

    requires_two_factor: Literal[True] = Field(description="Always true: no session is open yet.")
    temp_token: str = Field(description="For /auth/login/second-factor, within five minutes.")


class SignedOutOut(Answer):
    """How a sign-out went."""

    ended: bool = Field(description="Whether a session ended by it; false when none was left.")


class PrivacyOut(Answer):
    """Who may see a profile."""

    visibility: Visibility = Field(description="Who finds and sees the profile.")
    ghost_mode: bool = Field(description="Whether presence is hidden.")


class StatusOut(Answer):
    """What a person says of the moment."""

    text: str = Field(description="At most 120 characters.", examples=["In orbit"])
    emoji: str = Field(description="One emoji, or empty.", examples=["🚀"])
    updated_at: Moment = Field(description="When it was set.")


class ProfileOut(Answer):
    """The account as its owner sees it."""

    id: UUID = Field(description="The account.", examples=[EXAMPLE_ID])
    email: str | None = Field(description="The address; null for an account without one.")
    email_verified: bool = Field(description="Whether the address has been proved.")
    handle: str = Field(description="The @handle.", examples=["eileen"])
    display_name: str = Field(description="The name that others see.", examples=["Eileen Collins"])
    bio: str = Field(description="What the person says of themselves.")
    avatar_url: str | None = Field(description="Where the photo can be fetched; null without one.")
    campus_id: UUID | None = Field(description="The campus, null without one.", examples=[EXAMPLE_CAMPUS])
    privacy: PrivacyOut = Field(description="Who may see the profile.")
    status: StatusOut = Field(description="The status.")
    verified_at: Moment | None = Field(description="When the Verified badge was earned, null without it.")

    @classmethod
    def of(cls, viewer: Viewer, *, avatar_url: str | None) -> "ProfileOut":
        """The viewer's own."""
        privacy, status = Privacy.of(viewer.privacy), Status.of(viewer.status)
        return cls(
            id=viewer.account_id,
            email=viewer.email,
            email_verified=viewer.email_verified_at is not None,
            handle=viewer.handle,
            display_name=viewer.display_name,
            bio=viewer.bio,
            avatar_url=avatar_url,
            campus_id=viewer.campus_id,
            privacy=PrivacyOut(visibility=privacy.visibility, ghost_mode=privacy.ghost_mode),
            # Source B gives a new account an empty status of the same age.
            status=StatusOut(text=status.text, emoji=status.emoji, updated_at=status.updated_at or viewer.created_at),
            verified_at=viewer.verified_at,
        )


class PrivacyPatch(Body):
    """What should change about who sees the profile."""

    visibility: str = Field(
        default=ABSENT,
        description="Who finds and sees the profile.",
        examples=["friends"],
        json_schema_extra=_limits(enum=[each.value for each in Visibility]),
    )
    ghost_mode: bool = Field(default=ABSENT, description="Whether presence is hidden.")


class StatusPatch(Body):
    """What should change about the status."""

    text: str = Field(
        default=ABSENT,
        description="One line; empty takes it away.",
        examples=["In orbit"],
        json_schema_extra=_limits(maxLength=MAX_STATUS_CHARS),
    )
    emoji: str = Field(default=ABSENT, description="One emoji; empty takes it away.", examples=["🚀"])


class ProfilePatchRequest(Body):
    """What should change; what is absent stays as it is."""

    display_name: str = Field(
        default=ABSENT,
        description=f"The name that others see; at a campus at most {MAX_CAMPUS_DISPLAY_NAME_CHARS} characters.",
        examples=["Eileen Collins"],
        json_schema_extra=_limits(minLength=1, maxLength=MAX_DISPLAY_NAME_CHARS),
    )
    bio: str = Field(
        default=ABSENT,
        description="What the person says of themselves, perhaps in several lines.",
        examples=["Pilot, commander, mathematician."],
        json_schema_extra=_limits(maxLength=MAX_BIO_CHARS),
    )
    privacy: PrivacyPatch = Field(default=ABSENT, description="Who may see the profile.")
    status: StatusPatch = Field(default=ABSENT, description="The status.")
    handle: str = Field(
        default=ABSENT,
        validation_alias=_HANDLE,
        description=(
            "Another @handle, once in 30 days; the old one is kept for its owner as long. "
            "`username` is taken in its place."
        ),
        examples=["eileen_c"],
        json_schema_extra=_limits(pattern=f"^[A-Za-z0-9_-]{{3,{MAX_HANDLE_CHARS}}}$"),
    )


class PresignRequest(Body):
    """The photo that will be uploaded."""

    mime: str = Field(
        description="Its media type.", examples=["image/jpeg"], json_schema_extra=_limits(enum=list(PHOTO_MIMES))
    )
    bytes: int = Field(
        description="Its exact length.",
        examples=[48_213],
        json_schema_extra=_limits(minimum=1, maximum=MAX_PHOTO_BYTES),
    )


class PresignResponse(Answer):
    """Where and how to upload it, with PUT."""

    key: str = Field(description="What to commit afterwards.", examples=[EXAMPLE_KEY])
    url: str = Field(description="Where to PUT exactly the announced bytes.")
    expires_s: int = Field(description="Seconds that the URL lives.", examples=[600])
    headers: dict[str, str] = Field(
        description="Headers that the PUT must carry.", examples=[{"Content-Type": "image/jpeg"}]
    )

    @classmethod
    def of(cls, upload: PhotoUpload) -> "PresignResponse":
        """The upload that the service signed."""
        headers = {header.name: header.value for header in upload.headers}
        return cls(key=upload.key, url=upload.url, expires_s=upload.expires_s, headers=headers)


class CommitRequest(Body):
    """An upload that is complete."""

    key: str = Field(description="The key that presign gave.", examples=[EXAMPLE_KEY])


class ProblemOut(Answer):
    """A refusal (RFC 9457), as application/problem+json."""

    type: str = Field(description="A URN of the code.", examples=["urn:bonafide:problem:rate-limited"])
    title: str = Field(description="What the code means.", examples=["Too many attempts"])
    status: int = Field(description="The HTTP status.", examples=[429])
    detail: str = Field(description="One sentence for a person.", examples=["Too many attempts. Wait 40 seconds."])
    code: str = Field(description="The same word as GraphQL's extensions.code.", examples=["RATE_LIMITED"])
    requestId: str = Field(description="The same as X-Request-Id and in the server's log.")
    field: str = Field(default=ABSENT, description="The field at fault, where there is one.", examples=["email"])
    reason: str = Field(
        default=ABSENT, description="A finer word where a client must branch.", examples=["email.login"]
    )
    suggestions: list[str] = Field(
        default=ABSENT, description="Values of `field` that would be taken.", examples=[["eileen1", "eileen_c"]]
    )
    retryAfter: int = Field(default=ABSENT, description="Seconds to wait.", examples=[40])
