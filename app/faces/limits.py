"""Every limit of the faces slice, as data. All deny when Redis is away: what nobody counts can be tried without end."""

from app.rate_limits import Limit

# Somebody without an account draws a challenge: as many as an account may, and a campus behind one address more.
CHALLENGE_PER_DEVICE = Limit("device.face_challenge", 30, 3600, "deny")
CHALLENGE_PER_NETWORK = Limit("ip.face_challenge", 120, 3600, "deny")
# Nobody needs many new faces, and each stays in everybody's gallery: more of them mean more false matches.
NEW_ACCOUNT_PER_NETWORK = Limit("ip.face_account", 5, 3600, "deny")
# A ticket cannot be guessed; each try costs us a transaction.
TICKET_PER_NETWORK = Limit("ip.face_ticket", 120, 60, "deny")

FAILURES_OF_A_NETWORK = 20
"""In a row, from one network: many people share one, so more than for one of them, and fewer than a search needs."""
