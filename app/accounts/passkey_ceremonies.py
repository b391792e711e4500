"""The two ceremonies of WebAuthn, pure: what a device is asked, and whether its answer is right (Level 3, chapter 7).

The signature is checked by the `webauthn` package. What it leaves open, or decides before the signature is checked,
stands here: no page inside another page, keys of the three kinds that we ask for only, no attestation but none (or a
key's own signature), and the counter is judged by whoever holds the account's row.

Import it where a ceremony begins: the package and what it stands on take 5 MB, which only those who have passkeys need.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from cbor2 import CBORError
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    decode_credential_public_key,
    decoded_public_key_to_cryptography,
    parse_attestation_object,
    parse_authentication_credential_json,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AttestationFormat,
    AuthenticationCredential,
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    RegistrationCredential,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from app.accounts.passkey_challenges import CHALLENGE_TTL, Challenge
from app.accounts.passkey_model import Asked, Known, NewKey, NotProved, Person, Use
from app.errors import Code, Problem

T = TypeVar("T")

MAX_ANSWER_CHARS = 16 * 1024
# The parts of an answer, as large as they can be for the keys that we take: an RSA key of 4,096 bits in a credential
# with an id of 1,023 bytes, its self attestation beside it, comes to 2.2 KB.
_MAX_CLIENT_DATA_BYTES = 4096
_MAX_ATTESTATION_BYTES = 4096
_MAX_ASSERTION_BYTES = 1024
_MAX_SIGNATURE_BYTES = 1024
_CREDENTIAL_ID_BYTES = range(16, 1023 + 1)  # Level 3, 5.8.1 (credential id)
_MAX_PUBLIC_KEY_BYTES = 1024
_RSA_BITS = range(2048, 4096 + 1)
_MAX_RSA_EXPONENT = 2**32  # a large one makes each check as dear as a signature
_TIMEOUT_MS = int(CHALLENGE_TTL.total_seconds() * 1000)

# What a stranger's bytes bring about in `webauthn` and in the JSON, CBOR and key parsers below it.
_PARSERS_RAISE = (
    WebAuthnException,
    NotProved,
    Problem,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    CBORError,
    UnsupportedAlgorithm,
)
# In the order of our liking.
_ALGORITHMS = [
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
]


def registration_options(rp_id: str, challenge: Challenge, person: Person, *, known: Sequence[Known]) -> str:
    """The JSON for `navigator.credentials.create`: a key that its device finds by itself and unlocks for its owner."""
    options = generate_registration_options(
        rp_id=rp_id,
        rp_name=rp_id,
        user_id=person.handle,
        user_name=person.name,
        user_display_name=person.display_name,
        challenge=challenge.value,
        timeout=_TIMEOUT_MS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=_descriptors(known),
        supported_pub_key_algs=_ALGORITHMS,
    )
    return options_to_json(options)


def use_options(rp_id: str, challenge: Challenge, *, known: Sequence[Known] = (), must_verify: bool) -> str:
    """The JSON for `navigator.credentials.get`; without `known` the device offers what it has for us."""
    # Preferred, not discouraged, where it need not be: a security key may have been told to answer for its owner only,
    # as browsers do for keys that are registered as ours are.
    wish = UserVerificationRequirement.REQUIRED if must_verify else UserVerificationRequirement.PREFERRED
    options = generate_authentication_options(
        rp_id=rp_id,
        challenge=challenge.value,
        timeout=_TIMEOUT_MS,
        allow_credentials=_descriptors(known),
        user_verification=wish,
    )
    return options_to_json(options)


def read_registration(answer: str) -> RegistrationCredential:
    """The answer of `create` in JSON; raises Problem(BAD_USER_INPUT) with the field for what is none."""
    credential = _guarded(lambda: parse_registration_credential_json(_json(answer)), _malformed)
    response = credential.response
    _bound(response.client_data_json, _MAX_CLIENT_DATA_BYTES)
    _bound(response.attestation_object, _MAX_ATTESTATION_BYTES)
    return credential


def read_use(answer: str) -> AuthenticationCredential:
    """The answer of `get` in JSON; raises Problem(BAD_USER_INPUT) with the field for what is none."""
    credential = _guarded(lambda: parse_authentication_credential_json(_json(answer)), _malformed)
    response = credential.response
    _bound(response.client_data_json, _MAX_CLIENT_DATA_BYTES)
    _bound(response.authenticator_data, _MAX_ASSERTION_BYTES)
    _bound(response.signature, _MAX_SIGNATURE_BYTES)
    return credential


def new_key(credential: RegistrationCredential, asked: Asked) -> NewKey:
    """The key, made for this challenge on a page of ours by a device that knows its owner; raises NotProved."""
    return _guarded(lambda: _new_key(credential, asked), NotProved)


def check_use(credential: AuthenticationCredential, asked: Asked, *, public_key: bytes) -> Use:
    """What the device says, signed with the key for this challenge on a page of ours; raises NotProved."""
    return _guarded(lambda: _check_use(credential, asked, public_key), NotProved)


def _new_key(credential: RegistrationCredential, asked: Asked) -> NewKey:
    response = credential.response
    _demand_top_page(response.client_data_json)
    attestation = parse_attestation_object(response.attestation_object)
    # None was asked for; browsers let through what a key says of itself. A certificate would name a kind of device.
    is_self = attestation.fmt == AttestationFormat.PACKED and not attestation.att_stmt.x5c
    if attestation.fmt != AttestationFormat.NONE and not is_self:
        raise NotProved("attestation that nobody asked for")
    verified = verify_registration_response(
        credential=credential,
        expected_challenge=asked.challenge,
        expected_rp_id=asked.rp_id,
        expected_origin=sorted(asked.origins),
        require_user_verification=True,
        supported_pub_key_algs=_ALGORITHMS,
    )
    if verified.credential_id != credential.raw_id or len(verified.credential_id) not in _CREDENTIAL_ID_BYTES:
        raise NotProved("credential id")
    _demand_usable(verified.credential_public_key)
    return NewKey(
        credential_id=verified.credential_id,
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
        transports=tuple(dict.fromkeys(transport.value for transport in response.transports or ())),
        aaguid=UUID(verified.aaguid),
        backup_eligible=verified.credential_device_type is CredentialDeviceType.MULTI_DEVICE,
        backed_up=verified.credential_backed_up,
    )


def _check_use(credential: AuthenticationCredential, asked: Asked, public_key: bytes) -> Use:
    response = credential.response
    _demand_top_page(response.client_data_json)
    verified = verify_authentication_response(
        credential=credential,
        expected_challenge=asked.challenge,
        expected_rp_id=asked.rp_id,
        expected_origin=sorted(asked.origins),
        credential_public_key=public_key,
        # The package would judge the counter before the signature: a stranger could have the owner warned of a copy.
        credential_current_sign_count=0,
    )
    return Use(
        sign_count=verified.new_sign_count,
        user_verified=verified.user_verified,
        backup_eligible=verified.credential_device_type is CredentialDeviceType.MULTI_DEVICE,
        backed_up=verified.credential_backed_up,
    )


def _demand_top_page(client_data: bytes) -> None:
    """A page that frames one of ours could guide the person's click (Level 3, 13.4.2)."""
    if parse_client_data_json(client_data).cross_origin:
        raise NotProved("a page inside another page")


def _demand_usable(public_key: bytes) -> None:
    """Whether a signature of the key could be checked one day, and at what cost."""
    decoded = decode_credential_public_key(public_key)
    key = decoded_public_key_to_cryptography(decoded)
    match decoded.alg:
        case COSEAlgorithmIdentifier.EDDSA:
            is_usable = isinstance(key, Ed25519PublicKey)
        case COSEAlgorithmIdentifier.ECDSA_SHA_256:
            is_usable = isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1)
        case COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256:
            is_usable = (
                isinstance(key, RSAPublicKey)
                and key.key_size in _RSA_BITS
                and key.public_numbers().e <= _MAX_RSA_EXPONENT
            )
        case _:
            is_usable = False
    if not is_usable or len(public_key) > _MAX_PUBLIC_KEY_BYTES:
        raise NotProved("a key of a kind that nobody asked for")


def _descriptors(known: Sequence[Known]) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(
            id=each.credential_id, transports=[AuthenticatorTransport(word) for word in each.transports] or None
        )
        for each in known
    ]


def _json(answer: str) -> dict[str, Any]:
    if len(answer) > MAX_ANSWER_CHARS:
        raise ValueError("too long")
    value = json.loads(answer)
    if not isinstance(value, dict):
        raise ValueError("no object")
    return value


def _bound(part: bytes, most_bytes: int) -> None:
    if len(part) > most_bytes:
        raise _malformed()


def _guarded(work: Callable[[], T], refusal: Callable[[], Exception]) -> T:
    """What `work` makes of a stranger's bytes; what the parsers raise over them is a refusal, no fault of ours."""
    try:
        return work()
    except _PARSERS_RAISE as error:
        raise refusal() from error


def _malformed() -> Problem:
    return Problem(
        Code.BAD_USER_INPUT, "This is not what a browser answers with (PublicKeyCredential.toJSON).", field="credential"
    )
