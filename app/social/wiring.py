"""The social slice, put together."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

import httpx

from app.accounts.wiring import AccountServices
from app.foundation import Foundation
from app.social.bearer import BearerTokens
from app.social.github import GithubSignIn
from app.social.github_client import GithubApp, GithubClient
from app.social.github_pending import PendingSignIns
from app.social.id_tokens import IdTokens
from app.social.identities import Identities
from app.social.jwks import KeySets
from app.social.links import IdentityLinks
from app.social.providers import providers_from
from app.social.replays import TradedTokens
from app.social.service import SocialSignIn


@dataclass(frozen=True, kw_only=True)
class SocialServices:
    """The services of the social slice."""

    identities: Identities
    social: SocialSignIn
    github: GithubSignIn
    bearer_tokens: BearerTokens


def wire_social(stack: AsyncExitStack, base: Foundation, accounts: AccountServices) -> SocialServices:
    """Builds them; what needs closing goes onto `stack`."""
    identities = Identities(
        database=base.database, entry=accounts.entry, audit=base.audit, post=base.post, clock=base.clock, ids=base.ids
    )
    http = httpx.AsyncClient()
    stack.push_async_callback(http.aclose)
    key_sets = KeySets(http=http, clock=base.clock)
    stack.push_async_callback(key_sets.close)
    id_tokens = IdTokens(providers=providers_from(base.settings), key_sets=key_sets, clock=base.clock)
    links = IdentityLinks(
        database=base.database,
        sessions=accounts.sessions,
        identities=identities,
        audit=base.audit,
        post=base.post,
        clock=base.clock,
    )
    social = SocialSignIn(
        id_tokens=id_tokens,
        traded=TradedTokens(redis=base.redis, clock=base.clock),
        identities=identities,
        links=links,
        reauthentication=accounts.reauthentication,
        limits=base.limits,
        metrics=base.metrics,
    )
    github_app = GithubApp.of(base.settings)
    github_client = None if github_app is None else GithubClient(app=github_app, clock=base.clock)
    if github_client is not None:
        stack.push_async_callback(github_client.close)
    github = GithubSignIn(
        client=github_client,
        pending=PendingSignIns(redis=base.redis, clock=base.clock),
        identities=identities,
        links=links,
        reauthentication=accounts.reauthentication,
        encryption=base.encryption,
        limits=base.limits,
        metrics=base.metrics,
        ids=base.ids,
    )
    bearer_tokens = BearerTokens(
        database=base.database,
        sessions=accounts.sessions,
        identities=identities,
        id_tokens=id_tokens,
        limits=base.limits,
        metrics=base.metrics,
        clock=base.clock,
    )
    return SocialServices(
        identities=identities,
        social=social,
        github=github,
        bearer_tokens=bearer_tokens,
    )
