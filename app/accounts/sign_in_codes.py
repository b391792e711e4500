"""The second step of an account that has no second factor of its own: a code that is mailed to its proved address."""

from uuid import UUID

from app.accounts import second_factor_letters as letters
from app.accounts.limits import SIGN_IN_CODES_PER_ACCOUNT
from app.accounts.model import SecondFactorNeeded, SignInMethod
from app.accounts.second_steps import SECOND_STEP_TTL, SecondSteps
from app.background import Post
from app.database import Transaction
from app.ids import Ids
from app.rate_limits import RateLimits

DIGITS = 6


class SignInCodes:
    """Asks for what only whoever reads the account's mail can give."""

    def __init__(self, *, steps: SecondSteps, limits: RateLimits, post: Post, ids: Ids) -> None:
        self._steps = steps
        self._limits = limits
        self._post = post
        self._ids = ids

    async def ask(self, tx: Transaction, account_id: UUID, *, to: str, method: SignInMethod) -> SecondFactorNeeded:
        """The second step; the code goes out once `tx`, which must hold the account's row, has committed.

        `to` is the address that the account has proved. Raises Problem: RATE_LIMITED, BUSY.
        """
        await self._limits.spend(SIGN_IN_CODES_PER_ACCOUNT, str(account_id))
        code = f"{self._ids.below(10**DIGITS):0{DIGITS}}"
        temp_token = await self._steps.begin(tx, account_id, method=method, mailed_code=code)
        letter = letters.sign_in_code(to, code, lives=SECOND_STEP_TTL)
        tx.once_committed(lambda: self._post.send(letter, account_id=account_id))
        return SecondFactorNeeded(temp_token=temp_token)
