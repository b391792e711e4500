"""The profiles slice, put together."""

from dataclasses import dataclass

from app.accounts.wiring import AccountServices
from app.foundation import Foundation
from app.profiles.directory import Directory
from app.profiles.onboarding import Onboarding
from app.profiles.photos import PhotoService
from app.profiles.service import ProfileService
from app.verification.wiring import VerificationServices


@dataclass(frozen=True, kw_only=True)
class ProfileServices:
    """The services of the profiles slice."""

    photos: PhotoService
    profiles: ProfileService
    directory: Directory
    onboarding: Onboarding


def wire_profiles(base: Foundation, accounts: AccountServices, verification: VerificationServices) -> ProfileServices:
    """Builds them."""
    photos = PhotoService(
        database=base.database,
        redis=base.redis,
        store=base.store,
        faces=verification.faces,
        verification=verification.verification_store,
        limits=base.limits,
        metrics=base.metrics,
        clock=base.clock,
        ids=base.ids,
        executor=verification.photo_threads,
    )
    profiles = ProfileService(
        database=base.database,
        reservations=accounts.handles,
        audit=base.audit,
        limits=base.limits,
        metrics=base.metrics,
        clock=base.clock,
    )
    return ProfileServices(
        photos=photos,
        profiles=profiles,
        directory=Directory(database=base.database, limits=base.limits),
        onboarding=Onboarding(
            database=base.database,
            campuses=accounts.campuses,
            outbox=base.outbox,
            limits=base.limits,
            clock=base.clock,
        ),
    )
