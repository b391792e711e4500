"""Bodies and answers of source D's two endpoints, in its camel case.

What D had and is not here: `confidence`, because no score is ever shown, and tokens in the answer to the first call,
because the second one hands them over. Nothing takes a `vectorId`.
"""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from app.accounts.rules import MAX_DISPLAY_NAME_CHARS
from app.edge.rest.models import ABSENT, EXAMPLE_ID, Answer, Body
from app.verification.model import VerificationError
from liveness.challenge import MAX_STEPS
from liveness.steps import LivenessStep

EXAMPLE_JPEG = "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh0aHBwg"
EXAMPLE_TICKET = "eyJ2IjoxLCJhY2NvdW50IjoiMDE5YWExYjIifQ.Zk3v0m2yWcQ1l7pXg8uRt5sNhJ4bKdFa9eTzYoLxVwM"

Jpeg = Annotated[
    str,
    Field(
        description="The base64 of a baseline JPEG, upright, not mirrored, 48x48 to 1280x960 pixels, at most 256 KiB.",
        examples=[EXAMPLE_JPEG],
    ),
]
Name = Annotated[
    str,
    Field(
        description="The name that others see, for a new account; without it the handle stands in.",
        examples=["Eileen Collins"],
        json_schema_extra={"maxLength": MAX_DISPLAY_NAME_CHARS},
    ),
]
Picture = Annotated[str | None, Field(description="Where the profile photo can be fetched; null without one.")]
VectorId = Annotated[
    UUID, Field(description="The enrolled view of the face by which it was found. Nothing accepts it.")
]
Message = Annotated[str, Field(description="One sentence for a person.")]


class FaceStepIn(Body):
    """One frame that shows one gesture being made."""

    step: str = Field(
        description="The gesture.",
        examples=["LOOK_LEFT"],
        json_schema_extra={"enum": [step.value for step in LivenessStep]},
    )
    frame: Jpeg
    capturedAtMs: int = Field(
        description="When it was taken, in milliseconds since the challenge began on the client.", examples=[2000]
    )


class FaceUploadRequest(Body):
    """A liveness challenge that a browser carried out, as JSON: multipart forms, which D sent, are refused everywhere.

    A foreign page can send a form without asking first.
    """

    token: str = Field(
        description="The token of createLivenessChallenge(purpose: LOGIN), drawn by this browser.",
        examples=["eyJ2IjoxLCJzdWIiOiJkZXZpY2U6In0.q0mS3zR1p9vXcW7tYhJ4bKdFa8eTzLoVwMqHiPrCjGn"],
    )
    image: Annotated[Jpeg, Field(description="The person looking straight at the camera, inside the challenge.")]
    evidence: list[FaceStepIn] = Field(
        default=ABSENT,
        description="One frame for each step, in order. Without them the check fails.",
        json_schema_extra={"maxItems": MAX_STEPS},
    )
    name: Name = ABSENT
    keepPhoto: bool = Field(
        default=ABSENT,
        description="For a new account: keep `image` as its profile photo. Otherwise no picture is kept.",
    )


class FaceUserOut(Answer):
    """Whose face it is."""

    id: UUID = Field(description="The account.", examples=[EXAMPLE_ID])
    username: str = Field(description="The @handle.", examples=["quiet-otter-4821"])
    fullName: str = Field(description="The name that others see.", examples=["Eileen Collins"])
    profilePictureUrl: Picture


class FaceDataOut(Answer):
    """What was found."""

    vectorId: VectorId
    cloudinaryUrl: Picture
    userName: str = Field(description="The name that others see.", examples=["Eileen Collins"])
    user: FaceUserOut = Field(description="Whose face it is.")


class FaceFoundOut(Answer):
    """The check was passed, and it could be said whose face it is; the ticket opens the session."""

    success: Literal[True] = Field(description="Always true.")
    matchFound: bool = Field(description="Whether somebody with this face was known.")
    isNewUser: bool = Field(description="Whether an account was made.")
    data: FaceDataOut | None = Field(
        description="Whose face it is; null where more than the face is asked for: then nobody is told before that."
    )
    ticket: str = Field(
        description="For /api/auth/face-verification, within 60 seconds, once, from the same browser.",
        examples=[EXAMPLE_TICKET],
    )
    message: Message


class FaceNotFoundOut(Answer):
    """The check was not passed; an answer, not a fault."""

    success: Literal[False] = Field(description="Always false.")
    matchFound: Literal[False] = Field(description="Always false.")
    isNewUser: Literal[False] = Field(description="Always false.")
    error: VerificationError = Field(description="Why; the same words as in GraphQL.")
    retryAfterS: int = Field(default=ABSENT, description="Seconds to wait before another try makes sense.")
    message: Message


class FaceTicketRequest(Body):
    """What the first call gave."""

    ticket: str = Field(description="The ticket.", examples=[EXAMPLE_TICKET])
    name: Name = ABSENT


class FaceOwnerOut(Answer):
    """Who is signed in."""

    id: UUID = Field(description="The account.", examples=[EXAMPLE_ID])
    vectorId: VectorId
    fullName: str = Field(description="The name that others see.", examples=["Eileen Collins"])
    username: str = Field(description="The @handle.", examples=["quiet-otter-4821"])
    profilePictureUrl: Picture
    email: str = Field(default=ABSENT, description="The address, for an account that has one.")


class FaceTokensOut(Answer):
    """The session's tokens."""

    accessToken: str = Field(description="For `Authorization: Bearer`; 15 minutes.")
    refreshToken: str = Field(
        default=ABSENT, description="Only with `X-Token-Delivery: body`; otherwise it is in an httpOnly cookie."
    )


class FaceSignedInOut(Answer):
    """The session is open."""

    success: Literal[True] = Field(description="Always true.")
    isNewUser: bool = Field(description="Whether the account was made by the first call.")
    user: FaceOwnerOut = Field(description="Who is signed in.")
    tokens: FaceTokensOut = Field(description="The session's tokens.")
    message: Message


class FaceSecondStepOut(Answer):
    """The face was right; a code together with `tempToken` opens the session at /auth/login/second-factor."""

    success: Literal[False] = Field(description="Always false: no session is open yet.")
    requiresTwoFactor: Literal[True] = Field(description="Always true.")
    tempToken: str = Field(description="Within five minutes.")
    message: Message
