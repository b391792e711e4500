"""The social slice, put together."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

import httpx

from app.accounts.wiring import AccountServices
from app.foundation import Foundation
from app.settings import Settings
from app.social.bearer import BearerTokens
from app.social.code_client import CodeClient
from app.social.code_providers import CODE_PROVIDERS, code_providers_from
from app.social.code_sign_in import CodeSignIn
from app.social.departures import Departures, PendingSignIns
from app.social.github import GithubSignIn
from app.social.github_client import GithubApp, GithubClient
from app.social.id_tokens import IdTokens
from app.social.identities import Identities
from app.social.jwks import KeySets
from app.social.limits import (
    CODE_BEGIN_PER_IP,
    CODE_FINISH_PER_IP,
    GITHUB_BEGIN_PER_IP,
    GITHUB_FINISH_PER_IP,
)
from app.social.links import IdentityLinks
from app.social.model import Provider
from app.social.providers import providers_from
from app.social.replays import TradedTokens
from app.social.service import SocialSignIn
from app.tls import outgoing_tls


@dataclass(frozen=True, kw_only=True)
class SocialServices:
    """The services of the social slice."""

    identities: Identities
    social: SocialSignIn
    github: GithubSignIn
    code_sign_ins: Mapping[Provider, CodeSignIn]
    bearer_tokens: BearerTokens


def wire_social(stack: AsyncExitStack, base: Foundation, accounts: AccountServices) -> SocialServices:
    """Builds them; what needs closing goes onto `stack`."""
    identities = Identities(
        database=base.database, entry=accounts.entry, audit=base.audit, post=base.post, clock=base.clock, ids=base.ids
    )
    http = httpx.AsyncClient(verify=outgoing_tls())
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
        departures=Departures(
            pending=PendingSignIns(redis=base.redis, clock=base.clock, name="github"),
            limits=base.limits,
            ids=base.ids,
            begin=GITHUB_BEGIN_PER_IP,
            finish=GITHUB_FINISH_PER_IP,
            unknown="GITHUB_STATE_UNKNOWN",
        ),
        identities=identities,
        links=links,
        reauthentication=accounts.reauthentication,
        encryption=base.encryption,
        limits=base.limits,
        metrics=base.metrics,
    )
    code_sign_ins = {
        provider: CodeSignIn(
            provider=provider,
            client=client,
            departures=Departures(
                pending=PendingSignIns(redis=base.redis, clock=base.clock, name=provider.value.lower()),
                limits=base.limits,
                ids=base.ids,
                begin=CODE_BEGIN_PER_IP,
                finish=CODE_FINISH_PER_IP,
                unknown="PROVIDER_STATE_UNKNOWN",
            ),
            id_tokens=id_tokens,
            identities=identities,
            links=links,
            reauthentication=accounts.reauthentication,
            limits=base.limits,
            metrics=base.metrics,
        )
        for provider, client in _code_clients(stack, base.settings).items()
    }
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
        code_sign_ins=code_sign_ins,
        bearer_tokens=bearer_tokens,
    )


def _code_clients(stack: AsyncExitStack, settings: Settings) -> Mapping[Provider, CodeClient | None]:
    """One for each provider that is set up, None for the others."""
    clients = {provider: CodeClient(row=row) for provider, row in code_providers_from(settings).items()}
    for client in clients.values():
        stack.push_async_callback(client.close)
    return {provider: clients.get(provider) for provider in CODE_PROVIDERS}
