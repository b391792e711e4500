"""Every limit of the accounts slice, as data.

All deny when Redis is away, the export of one's own data and letters of alarm aside: an uncounted guess at a password
is worse than a minute without sign-in.
Every attempt counts, right or wrong, so that the answer to the next one says nothing about the last.
"""

from app.rate_limits import Limit

# Seed B, section 2.
SIGNUP_PER_IP = Limit("ip.signup", 20, 3600, "deny")
REGISTER_PER_IP = Limit("ip.register", 20, 3600, "deny")
LOGIN_PER_EMAIL = Limit("email.login", 12, 60, "deny")

# Guessing one password for many addresses. Wide enough for a campus behind one address (NAT): at 12 s between
# sign-ins per person it serves 20 people at once.
LOGIN_PER_IP = Limit("ip.login", 100, 60, "deny")

# Seed B allows six attempts a minute to verify; a link token names no address, so the caller's network stands in.
VERIFY_PER_IP = Limit("ip.verify", 6, 60, "deny")

# Wrong codes of a second factor; right ones are given back. Of a million codes three are right at a time: ten tries
# an hour and thirty a day find one within a year with a chance of 3 %, and each row of five wrong ones after the right
# password is mailed to the owner. One counter for everything that takes a code, apart from that of passwords.
CODES_PER_ACCOUNT_HOURLY = Limit("account.second_factor", 10, 3600, "deny")
CODES_PER_ACCOUNT_DAILY = Limit("account.second_factor_daily", 30, 24 * 3600, "deny")
# Set-ups and new backup codes.
SECOND_FACTOR_SETUPS = Limit("account.second_factor_setup", 10, 3600, "deny")
# Backup codes that were right, too: the use of each is mailed, and ten of them buy ten new ones.
BACKUP_CODES_PER_ACCOUNT = Limit("account.backup_code", 10, 3600, "deny")

# Each is a letter that somebody with a like face can have sent; the codes of one count together with all others.
SIGN_IN_CODES_PER_ACCOUNT = Limit("account.sign_in_code", 5, 3600, "deny")

CODE_PER_EMAIL = Limit("email.code", 6, 60, "deny")
# A stranger who has new letters sent gets a new code to guess with each: at thirty a day, one of a million codes is
# found within a year with a chance of 1 %. Whoever is locked out by it still has the link.
CODE_PER_EMAIL_DAILY = Limit("email.code_daily", 30, 24 * 3600, "deny")
# Five guesses at each of many addresses; as wide as for passwords, and for the same campus.
CODE_PER_IP = Limit("ip.code", 100, 60, "deny")

# Seed B, RESEND_PER_HOUR; and nobody has a whole campus written to.
RESEND_PER_EMAIL = Limit("email.resend", 3, 3600, "deny")
RESEND_PER_IP = Limit("ip.resend", 100, 3600, "deny")
# Whoever registers an address again makes us write to its owner: seldom, and the caller never hears of it.
REPEATED_PER_EMAIL = Limit("email.register", 3, 3600, "deny")

# Links for a new password: three an hour for one address; and nobody has a whole campus written to.
RESET_LINK_PER_EMAIL = Limit("email.reset_link", 3, 3600, "deny")
RESET_LINK_PER_IP = Limit("ip.reset_link", 100, 3600, "deny")
# A link cannot be guessed; each use of one costs us an Argon2 hash.
RESET_PER_IP = Limit("ip.reset", 20, 60, "deny")

# Passwords tried by somebody who holds a session: on top of the sign-in's twelve a minute, less than one more.
REAUTHENTICATE_PER_ACCOUNT = Limit("account.reauthenticate", 10, 900, "deny")
# Changes in the five minutes of one proof: each costs an Argon2 hash and a letter, perhaps to a stranger whose address
# was never proved.
PASSWORD_CHANGES_PER_ACCOUNT = Limit("account.password_change", 10, 3600, "deny")
# Each change of address writes to the new one, which may be a stranger's.
EMAIL_CHANGE_PER_ACCOUNT = Limit("account.email_change", 5, 3600, "deny")
EMAIL_CHANGE_PER_EMAIL = Limit("email.email_change", 3, 3600, "deny")

# A passkey cannot be guessed; each begin makes us remember some 300 bytes for five minutes, each answer costs us the
# check of a signature. As wide as for passwords, and for the same campus.
PASSKEY_BEGIN_PER_IP = Limit("ip.passkey_begin", 100, 60, "deny")
PASSKEY_LOGIN_PER_IP = Limit("ip.passkey_login", 100, 60, "deny")
# Adding, renaming and removing: each addition and removal writes to the owner.
PASSKEY_CHANGES_PER_ACCOUNT = Limit("account.passkey", 60, 3600, "deny")
# Letters about a counter that went back: whoever made the key can have that happen at each sign-in.
PASSKEY_COPY_LETTERS_PER_ACCOUNT = Limit("account.passkey_copy", 5, 3600, "allow")
PASSKEY_PROOFS_PER_ACCOUNT = Limit("account.passkey_proof", 60, 3600, "deny")

# Everything about a person is a heavy read, and nobody needs it often.
EXPORT_PER_ACCOUNT = Limit("account.export", 6, 3600, "allow")

# Letters about suspicious sign-ins. Whoever has the password makes each sign-in a new device; the first letters say it
# all. With Redis away they are sent: the sign-ins themselves are not let through then.
ALARMS_PER_ACCOUNT_HOURLY = Limit("account.alarms", 5, 3600, "allow")
ALARMS_PER_ACCOUNT_DAILY = Limit("account.alarms_daily", 20, 24 * 3600, "allow")
# A link cannot be guessed.
NOT_ME_PER_IP = Limit("ip.not_me", 20, 60, "deny")
