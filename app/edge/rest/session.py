"""Who is signed in, asked by the web shell before it opens a page."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from app.accounts.model import Viewer
from app.edge.page_list import Access
from app.edge.paths import page_path
from app.edge.rest.models import EXAMPLE_ID, Answer, Moment, Query
from app.edge.rest.operations import Operation
from app.edge.return_to import MAX_CHARS
from app.edge.visit import Visit
from app.errors import Code
from app.faces.model import FaceLoginMode


class SessionQuery(Query):
    """Which page is to be opened."""

    path: str = Field(
        description="The path of a page of the web shell, with its query if it has one.",
        examples=["/profile"],
        json_schema_extra={"pattern": "^/", "maxLength": MAX_CHARS},
    )


class SessionUserOut(Answer):
    """Who is signed in."""

    id: UUID = Field(description="The account.", examples=[EXAMPLE_ID])
    handle: str = Field(description="The @handle.", examples=["eileen_c"])
    display_name: str = Field(description="The name that others see.", examples=["Eileen Collins"])
    avatar_url: str | None = Field(description="The profile photo; null without one.")
    verified_at: Moment | None = Field(description="When the Verified badge was earned; null without it.")

    @classmethod
    def of(cls, viewer: Viewer, *, avatar_url: str | None) -> "SessionUserOut":
        """The little of the account that every page shows."""
        return cls(
            id=viewer.account_id,
            handle=viewer.handle,
            display_name=viewer.display_name,
            avatar_url=avatar_url,
            verified_at=viewer.verified_at,
        )


class SessionOut(Answer):
    """Who is signed in, and whether the page may be opened."""

    signed_in: bool = Field(description="Whether anybody is.")
    path: str = Field(description="The page, in the form in which it was compared.", examples=["/profile"])
    access: Literal["public", "protected"] = Field(description="Who may see it: anybody, or who is signed in.")
    redirect_to: str | None = Field(
        description="Where to go instead, and to come back from by its `return_to`; null when the page may be opened.",
        examples=["/realtime?return_to=%2Fprofile"],
    )
    user: SessionUserOut | None = Field(description="Who is signed in; null when nobody is.")
    expires_at: Moment | None = Field(description="When the session ends unless it is carried on.")


async def session(visit: Visit, query: SessionQuery) -> SessionOut:
    """Whether the page may be opened, by whom, and where to go instead.

    Who is signed in is known by the access token, or else by the cookie where a page of this server asks
    (Sec-Fetch-Site, or Origin in browsers without it). It only looks: no token is renewed, no session carried on, and
    a token that is no longer good means that nobody is signed in.
    """
    page = page_path(query.path, field="path")
    viewer, services = await visit.known_viewer(), visit.services
    is_open = viewer is not None or page.access is Access.PUBLIC
    return SessionOut(
        signed_in=viewer is not None,
        path=str(page),
        access=page.access.value,
        redirect_to=None if is_open else page.gate(by_face=services.settings.face_login == FaceLoginMode.STANDALONE),
        user=None if viewer is None else SessionUserOut.of(viewer, avatar_url=services.photos.photo_url(viewer)),
        expires_at=None if viewer is None else await services.sessions.ends_at(viewer),
    )


OPERATIONS = (
    Operation(
        "GET",
        "/auth/session",
        session,
        # A Firebase token seen for the first time finds or makes its account (app.social.bearer).
        (Code.CONFLICT, Code.RATE_LIMITED),
        seen_by_cookie=True,
    ),
)
