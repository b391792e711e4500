"""Choosing a persona."""

from typing import Any

from ariadne import MutationType

from app.accounts.model import Viewer
from app.graphql.context import Info
from app.profiles.onboarding import OnboardingInput

mutation = MutationType()


@mutation.field("completeOnboarding")
async def resolve_complete_onboarding(
    _: object, info: Info, *, input: dict[str, Any] | None = None, primary_role: str | None = None
) -> Viewer:
    """The account with its persona."""
    viewer = await info.context.signed_in()
    told = None if input is None else OnboardingInput(**input)
    return await info.context.services.onboarding.complete(viewer, told, primary_role=primary_role)
