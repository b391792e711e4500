"""Binds schema.graphql to resolvers and dataclasses, and refuses to start with a field that nothing answers.

Ariadne answers null for a field without a resolver; here such a field must be an attribute of the type's dataclass.
"""

import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from ariadne import EnumType, ScalarType, load_schema_from_path, make_executable_schema
from graphql import (
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
)

from app.accounts.campuses import Campus
from app.accounts.model import Passkey, PasskeyOptions, Proof, SecondFactorSetup, Session, SignInMethod, Viewer
from app.accounts.registration import Registered
from app.audit import AuditDetail, AuditEntry, AuditEvent
from app.clock import rfc3339
from app.graphql import (
    accounts,
    confirmation,
    directory,
    faces,
    github,
    handoffs,
    live,
    onboarding,
    passkeys,
    profiles,
    registration,
    second_factors,
    security,
    social,
    verification,
)
from app.graphql.context import AuthPayload, Info
from app.graphql.faces import FaceLoginPayload
from app.graphql.handoffs import HandoffLink
from app.graphql.live import SessionEvent
from app.pages import Connection, Edge, PageInfo
from app.profiles.model import (
    AvatarSize,
    ContactLink,
    HandleAvailability,
    HandleRefusal,
    PhotoUpload,
    Privacy,
    Profile,
    Skill,
    Status,
    UploadHeader,
    Visibility,
)
from app.profiles.personas import Persona
from app.social.model import LinkedIdentity
from app.verification.handoffs import HandoffTask
from app.verification.model import IssuedChallenge, Outcome, VerificationError
from facecore.quality import PhotoFinding
from liveness.challenge import LivenessPurpose
from liveness.steps import LivenessStep

SCHEMA_PATH = Path(__file__).parents[2] / "schema.graphql"

DATACLASSES: Mapping[str, type] = {
    "User": Viewer,
    "AuthPayload": AuthPayload,
    "Campus": Campus,
    "RegisterResult": Registered,
    "TwoFactorSetup": SecondFactorSetup,
    "Passkey": Passkey,
    "PasskeyOptions": PasskeyOptions,
    "Profile": Profile,
    "ProfileEdge": Edge,
    "ProfileConnection": Connection,
    "HandleAvailability": HandleAvailability,
    "Skill": Skill,
    "Status": Status,
    "Privacy": Privacy,
    "ContactLink": ContactLink,
    "PresignedUpload": PhotoUpload,
    "UploadHeader": UploadHeader,
    "LivenessChallenge": IssuedChallenge,
    "HandoffLink": HandoffLink,
    "HandoffTask": HandoffTask,
    "VerificationResult": Outcome,
    "FaceLoginPayload": FaceLoginPayload,
    "Session": Session,
    "Identity": LinkedIdentity,
    "AuditEvent": AuditEntry,
    "AuditDetail": AuditDetail,
    "AuditEventEdge": Edge,
    "AuditEventConnection": Connection,
    "PageInfo": PageInfo,
    "VerificationEvent": Outcome,
    "SessionEvent": SessionEvent,
}
ENUMS: Mapping[str, Mapping[str, object]] = {
    "AvatarSize": AvatarSize.__members__,
    "Persona": Persona.__members__,
    "Visibility": Visibility.__members__,
    "HandleRefusal": HandleRefusal.__members__,
    "FaceFinding": PhotoFinding.__members__,
    "LivenessPurpose": LivenessPurpose.__members__,
    "LivenessStep": LivenessStep.__members__,
    "VerificationError": VerificationError.__members__,
    "SignInMethod": SignInMethod.__members__,
    "ConfirmationMethod": Proof.__members__,
    "AuditEventKind": AuditEvent.__members__,
}

date_time = ScalarType("DateTime")


class SchemaGap(Exception):
    """Raised when schema.graphql promises a field that neither a resolver nor a dataclass answers."""


@date_time.serializer
def serialize_date_time(value: datetime) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return rfc3339(value)


@cache
def load_schema(path: Path = SCHEMA_PATH) -> GraphQLSchema:
    """The executable schema; raises SchemaGap unless every field is answered.

    Read once for a process (0.15 s): nothing changes it afterwards, and each application of a test has one.
    """
    schema = make_executable_schema(
        load_schema_from_path(str(path)),
        profiles.query,
        security.query,
        directory.query,
        directory.profile,
        profiles.user,
        second_factors.user,
        confirmation.user,
        accounts.mutation,
        registration.query,
        registration.mutation,
        second_factors.mutation,
        passkeys.mutation,
        passkeys.user,
        confirmation.mutation,
        github.mutation,
        profiles.mutation,
        security.mutation,
        security.session,
        security.audit_event,
        social.mutation,
        social.user,
        verification.mutation,
        handoffs.mutation,
        faces.mutation,
        faces.user,
        live.subscription,
        onboarding.mutation,
        date_time,
        *(EnumType(name, dict(values)) for name, values in ENUMS.items()),
    )
    for type_ in schema.type_map.values():
        if type_.name.startswith("__"):
            continue
        if isinstance(type_, GraphQLInputObjectType):
            for name, input_field in type_.fields.items():
                input_field.out_name = snake_case(name)
        elif isinstance(type_, GraphQLObjectType):
            for name, field in type_.fields.items():
                _bind(type_.name, name, field)
    return schema


def snake_case(name: str) -> str:
    """`capturedAtMs` as `captured_at_ms`."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def _bind(type_name: str, name: str, field: GraphQLField) -> None:
    for argument_name, argument in field.args.items():
        argument.out_name = snake_case(argument_name)
    if field.resolve is not None:
        return
    attribute = snake_case(name)
    answered_by = DATACLASSES.get(type_name)
    if answered_by is None or attribute not in {known.name for known in fields(answered_by)}:
        raise SchemaGap(f"nothing answers {type_name}.{name}")

    def read(source: Any, _: Info) -> Any:
        return getattr(source, attribute)

    field.resolve = read
