"""Every limit of the social slice, as data. All deny when Redis is away: they guard ways in."""

from app.rate_limits import Limit

# As wide as a campus behind one address needs (app.accounts.limits). The first also bounds what departures a stranger
# can make us remember, 600 of some 400 bytes in ten minutes; the second how often we call GitHub for one.
GITHUB_BEGIN_PER_IP = Limit("ip.github_begin", 60, 60, "deny")
GITHUB_FINISH_PER_IP = Limit("ip.github", 60, 60, "deny")

# The same for the providers of ID tokens that want a code traded, all of them together.
CODE_BEGIN_PER_IP = Limit("ip.code_provider_begin", 60, 60, "deny")
CODE_FINISH_PER_IP = Limit("ip.code_provider", 60, 60, "deny")

# As sign-in by password: wide enough for a campus behind one address, too narrow to wear out a provider's keys.
SOCIAL_LOGIN_PER_IP = Limit("ip.social_login", 100, 60, "deny")

# Each try checks a signature and tells whether an identity opens some other account; nobody does it more often by hand.
LINK_PER_ACCOUNT = Limit("account.link_identity", 20, 3600, "deny")
