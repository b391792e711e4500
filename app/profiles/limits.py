"""The limits of the profiles slice, and what a profile photo may be."""

from datetime import timedelta

from app.rate_limits import Limit

# Generous to people, a bound for scripts. Reading goes on while Redis is away; who could have a handle cannot be said
# then, because reservations lie there.
UPDATE_PROFILE = Limit("account.profile_update", 120, 3600, "allow")
COMPLETE_ONBOARDING = Limit("account.onboarding", 60, 3600, "allow")
PROFILE_LOOKUPS = Limit("asker.profile", 300, 60, "allow")
SEARCHES = Limit("asker.search", 120, 60, "allow")
HANDLE_LOOKUPS = Limit("asker.handle", 60, 60, "deny")

HANDLE_CHANGE_EVERY = timedelta(days=30)
HANDLE_HELD_FOR = timedelta(days=30)

# A person trying photos changes it a few times in a row; each commit costs about 100 ms of CPU.
PRESIGN_PHOTO = Limit("account.photo_presign", 30, 3600, "deny")
COMMIT_PHOTO = Limit("account.photo_commit", 30, 3600, "deny")

# Seed B, sections 6.5 and 10.
PHOTO_MIMES = ("image/jpeg", "image/png", "image/webp")
MAX_PHOTO_BYTES = 5 * 1024 * 1024
UPLOAD_EXPIRES_S = 600

MAX_PHOTO_PIXELS = 25_000_000
# An upload that began in the last second of its URL may still be committed.
COMMIT_WITHIN_S = 3600
# A 25-megapixel photo takes 75 MB while it is decoded.
PHOTOS_AT_ONCE = 2
