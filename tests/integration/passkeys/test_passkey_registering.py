"""Keys that an attacker would have added: each is refused."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.integration.passkeys.conftest import (
    BEGIN_ADD,
    BEGIN_LOGIN,
    FINISH_ADD,
    FINISH_LOGIN,
    MINE,
    NOT_OURS,
    Begun,
    Town,
)
from tests.passkey_device import HONEST, UP, Device, Says, decoded, encoded, saying


async def test_a_key_that_is_not_as_it_should_be_is_not_added(town: Town) -> None:
    """A person would have a key that a look-alike page made, or that never opens anything."""
    ada = await town.owner()

    async def refusal(device: Device, says: Says = HONEST, **changes: Any) -> dict[str, Any]:
        await town.forget_limits()
        begun = Begun.of(await ada.visitor.data(BEGIN_ADD))
        answer = {"challengeId": begun.id, "credential": device.create(begun.options, says, **changes)}
        return await ada.visitor.refusal(FINISH_ADD, answer)

    not_ours = {"code": "BAD_USER_INPUT", "field": "credential", "reason": "PASSKEY_REFUSED"}
    for says in (*NOT_OURS, saying(kind="webauthn.get"), saying(flags=UP)):
        assert await refusal(Device(algorithm="EdDSA"), says) == not_ours, says
    for algorithm in ("ES512-curve", "RS256-short"):
        assert await refusal(Device(algorithm=algorithm)) == not_ours, algorithm
    certificate = {"alg": -7, "sig": b"x", "x5c": [b"x"]}
    for fmt, statement in (
        ("packed", certificate),
        ("packed", {"alg": -7, "sig": b"x"}),
        ("none", certificate),
        ("fido-u2f", certificate),
        ("tpm", certificate),
        ("android-safetynet", {"response": b"x", "ver": "1"}),
        (7, {}),
    ):
        assert await refusal(Device(algorithm="EdDSA"), fmt=fmt, attStmt=statement) == not_ours, fmt
    for length in (0, 15, 1024):
        device = Device(algorithm="EdDSA")
        device.credential_id = bytes(length)
        assert await refusal(device) == not_ours, length
    assert len((await ada.visitor.data(MINE))["me"]["passkeys"]) == 1


async def test_what_a_key_says_of_itself_is_let_through(town: Town) -> None:
    """Some security keys vouch for themselves though nobody asked: their owners could add none."""
    ada = await town.owner()
    begun = Begun.of(await ada.visitor.data(BEGIN_ADD))
    device = Device(algorithm="ES256")
    answer = json.loads(device.create(begun.options))
    auth_data = cbor2.loads(decoded(answer["response"]["attestationObject"]))["authData"]
    signed = auth_data + hashlib.sha256(decoded(answer["response"]["clientDataJSON"])).digest()
    statement = {"alg": -7, "sig": device.sign(signed)}
    answer["response"]["attestationObject"] = encoded(
        cbor2.dumps({"fmt": "packed", "attStmt": statement, "authData": auth_data})
    )
    finish = {"challengeId": begun.id, "credential": json.dumps(answer)}
    assert (await ada.visitor.data(FINISH_ADD, finish))["finishPasskeyRegistration"]["id"]


async def test_a_device_that_shows_its_papers_is_refused(town: Town) -> None:
    """We asked for none: a certificate names the kind of device, and nobody here would check who issued it."""
    ada, papers = await town.owner(), ec.generate_private_key(ec.SECP256R1())
    begun = Begun.of(await ada.visitor.data(BEGIN_ADD))
    answer = json.loads(Device().create(begun.options))
    auth_data = cbor2.loads(decoded(answer["response"]["attestationObject"]))["authData"]
    signed = auth_data + hashlib.sha256(decoded(answer["response"]["clientDataJSON"])).digest()
    signature = papers.sign(signed, ec.ECDSA(SHA256()))
    statement = {"alg": -7, "sig": signature, "x5c": [_certificate(papers)]}
    attestation = {"fmt": "packed", "attStmt": statement, "authData": auth_data}
    answer["response"]["attestationObject"] = encoded(cbor2.dumps(attestation))
    finish = {"challengeId": begun.id, "credential": json.dumps(answer)}
    assert (await ada.visitor.refusal(FINISH_ADD, finish))["reason"] == "PASSKEY_REFUSED"


def _certificate(key: ec.EllipticCurvePrivateKey) -> bytes:
    """As Level 3, 8.2.1, wants it for a packed attestation."""
    words = {
        NameOID.COUNTRY_NAME: "SE",
        NameOID.ORGANIZATION_NAME: "Maker",
        NameOID.ORGANIZATIONAL_UNIT_NAME: "Authenticator Attestation",
        NameOID.COMMON_NAME: "Key",
    }
    name = x509.Name([x509.NameAttribute(oid, word) for oid, word in words.items()])
    begins = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(begins).not_valid_after(begins + timedelta(days=3650))
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    return builder.sign(key, SHA256()).public_bytes(Encoding.DER)


async def test_one_key_opens_one_account(town: Town) -> None:
    """A key that opens two accounts opens either of them, as its holder likes."""
    ada, grace = await town.owner(), await town.owner("grace")
    for owner in (grace, ada):
        begun = Begun.of(await owner.visitor.data(BEGIN_ADD))
        device = Device()
        device.credential_id = ada.device.credential_id
        finish = {"challengeId": begun.id, "credential": device.create(begun.options)}
        taken = {"code": "CONFLICT", "field": "credential", "reason": "PASSKEY_TAKEN"}
        assert await owner.visitor.refusal(FINISH_ADD, finish) == taken
    stranger = town.stranger()
    begun = Begun.of(await stranger.data(BEGIN_LOGIN))
    assert (await stranger.data(FINISH_LOGIN, begun.answer(ada.device)))["passkeyLogin"]["user"]["handle"] == "ada"
