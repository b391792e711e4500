"""One OpenID provider as the code flow needs it: where the browser goes, and a code traded for an ID token.

Follows OpenID Connect Core 1.0, 3.1, and RFC 6749, 4.1; the client's secret goes in the form (`client_secret_post`).
Every fault leaves here as a Problem, before anything of ours has been written, and no code or token is logged.
"""

import asyncio
import logging
import re
from typing import Any
from urllib.parse import urlencode

import httpx

from app.errors import Code, Problem
from app.social.code_providers import CodeProvider
from app.social.pkce import challenge_of, nonce_of
from app.social.provider_http import (
    RETRY_S,
    TOTAL_TIMEOUT_S,
    AnswerTooLarge,
    ProviderHttp,
    bounded_wait,
    whole_seconds,
)

log = logging.getLogger(__name__)

_WORD = re.compile(r"[a-z_]{1,64}")


class CodeClient:
    """Speaks to the provider; one per process, closed at shutdown."""

    def __init__(self, *, row: CodeProvider, total_timeout_s: float = TOTAL_TIMEOUT_S) -> None:
        self.row = row
        self._shown = row.provider.shown
        self._total_timeout_s = total_timeout_s
        self._http = ProviderHttp(total_timeout_s=total_timeout_s)

    async def close(self) -> None:
        """Ends the connections."""
        await self._http.close()

    def authorize_url(self, *, state: str, verifier: str, redirect_uri: str) -> str:
        """Where the browser goes to be asked."""
        query = {
            "response_type": "code",
            "client_id": self.row.client_id,
            "redirect_uri": redirect_uri,
            "scope": self.row.scope,
            "state": state,
            "nonce": nonce_of(verifier),
        }
        if self.row.uses_pkce:
            query |= {"code_challenge": challenge_of(verifier), "code_challenge_method": "S256"}
        address = self.row.authorize_url
        return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"

    async def id_token(self, *, code: str, verifier: str, redirect_uri: str) -> str:
        """Trades the code; the token is the provider's word, not verified yet.

        Raises Problem: UNAUTHENTICATED for what a new sign-in can put right, BUSY with the seconds to wait for what
        only time or the operator can.
        """
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "client_id": self.row.client_id,
            "client_secret": self.row.client_secret,
        }
        if self.row.uses_pkce:
            form["code_verifier"] = verifier
        try:
            async with asyncio.timeout(self._total_timeout_s):
                status, headers, answer = await self._http.send(self._http.form(self.row.token_url, form))
        except (httpx.TransportError, TimeoutError) as error:
            log.warning("%s away: %s", self._shown, type(error).__name__)
            raise self._away() from error
        except AnswerTooLarge as error:
            raise self._unreadable(error.status) from error
        if status == httpx.codes.TOO_MANY_REQUESTS:
            log.warning("%s limits us", self._shown)
            raise self._away(bounded_wait(whole_seconds(headers.get("retry-after"))))
        told = answer if isinstance(answer, dict) else {}
        if status < httpx.codes.INTERNAL_SERVER_ERROR and told.get("error") is not None:
            raise self._refused(told["error"])
        token = told.get("id_token")
        if status != httpx.codes.OK or not isinstance(token, str):
            raise self._unreadable(status)
        return token

    def denied(self, error: str) -> Problem:
        """The refusal for an `error` that came back instead of a code."""
        if error in self.row.denied:
            return Problem(Code.FORBIDDEN, f"You did not allow {self._shown} to sign you in.", reason="PROVIDER_DENIED")
        if error in ("server_error", "temporarily_unavailable"):
            log.warning("%s says %s", self._shown, error)
            return self._away()
        return self._not_set_up_rightly(error)

    def _refused(self, error: Any) -> Problem:
        if isinstance(error, str) and error in self.row.code_refused:
            # Where the words stand for a wrong address too, only the operator can tell: by this line, each time.
            log.warning("%s refuses a code: %s", self._shown, error)
            return Problem(
                Code.UNAUTHENTICATED,
                f"{self._shown} does not know this code: it was used already or is too old. Start again.",
                field="code",
                reason="PROVIDER_CODE_REFUSED",
            )
        return self._not_set_up_rightly(error)

    def _not_set_up_rightly(self, error: Any) -> Problem:
        word = error if isinstance(error, str) and _WORD.fullmatch(error) else "unknown"
        name = self.row.provider.value
        log.error(
            "%s refuses this server: %s; look at %s_CLIENT_ID, %s_CLIENT_SECRET and the addresses registered there",
            self._shown,
            word,
            name,
            name,
        )
        return Problem(
            Code.BUSY,
            f"Sign-in with {self._shown} does not work on this server at the moment. "
            "Please tell the people who run it.",
            reason="PROVIDER_REFUSES_SERVER",
        )

    def _unreadable(self, status: int) -> Problem:
        log.warning("%s' answer for a code cannot be read: status %d", self._shown, status)
        return self._away()

    def _away(self, retry_after_s: float = RETRY_S) -> Problem:
        return Problem(
            Code.BUSY,
            f"{self._shown} does not answer as it should.",
            retry_after_s=retry_after_s,
            reason="PROVIDER_AWAY",
        )
