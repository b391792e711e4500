"""The schema keeps its promises: described, bound, stable."""

from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    find_breaking_changes,
    parse,
    print_ast,
    print_schema,
)

from app.graphql.schema import ENUMS, SCHEMA_PATH, SchemaGap, load_schema, snake_case

OWN_PURPOSES = {"VERIFY", "LOGIN", "ENROLL", "STEP_UP"}


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return load_schema()


def own_types(schema: GraphQLSchema) -> list[object]:
    """Every type that schema.graphql itself declares."""
    return [type_ for type_ in schema.type_map.values() if type_.ast_node is not None]


def test_everything_is_described(schema: GraphQLSchema) -> None:
    """Developers read nothing but the schema; an undescribed argument is one they must guess."""
    bare = [f"@{d.name}" for d in schema.directives if d.ast_node and not d.description]
    for type_ in own_types(schema):
        bare += [] if type_.description else [type_.name]  # type: ignore[attr-defined]  # every named type has both
        if isinstance(type_, GraphQLObjectType):
            bare += [f"{type_.name}.{name}" for name, field in type_.fields.items() if not field.description]
            bare += [
                f"{type_.name}.{name}({argument_name}:)"
                for name, field in type_.fields.items()
                for argument_name, argument in field.args.items()
                if not argument.description
            ]
        elif isinstance(type_, GraphQLInputObjectType):
            bare += [f"{type_.name}.{name}" for name, field in type_.fields.items() if not field.description]
        elif isinstance(type_, GraphQLEnumType):
            bare += [f"{type_.name}.{name}" for name, value in type_.values.items() if not value.description]
    assert bare == []


def test_every_field_is_answered(schema: GraphQLSchema) -> None:
    """Ariadne answers null for a field that nobody bound: people would see an empty profile and no error."""
    objects = [type_ for type_ in own_types(schema) if isinstance(type_, GraphQLObjectType)]
    assert objects
    assert [
        f"{type_.name}.{name}" for type_ in objects for name, field in type_.fields.items() if not field.resolve
    ] == []


def test_a_field_that_nothing_answers_stops_the_start(tmp_path: Path) -> None:
    """A promise in the schema without an answer would be found by users, not by us."""
    text = SCHEMA_PATH.read_text(encoding="utf-8").replace("type User {", 'type User {\n  "New."\n  shoeSize: Int\n', 1)
    path = tmp_path / "schema.graphql"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SchemaGap, match=r"User\.shoeSize"):
        load_schema(path)


def test_enums_hold_exactly_the_words_of_the_program(schema: GraphQLSchema) -> None:
    """A value that the schema does not know would turn a finished answer into an internal error."""
    declared = {type_.name: set(type_.values) for type_ in own_types(schema) if isinstance(type_, GraphQLEnumType)}
    assert declared == {name: set(values) for name, values in ENUMS.items()}
    assert declared["LivenessPurpose"] == OWN_PURPOSES


def test_the_contract_stands(schema: GraphQLSchema) -> None:
    """Clients written against the public contract would break."""
    contract = build_schema(
        """
        scalar DateTime
        type Query {
          me: User
          campuses: [Campus!]!
          user(handle: String!): Profile
          searchUsers(query: String!, first: Int = 20, after: String): ProfileConnection!
          handleAvailable(handle: String!): HandleAvailability!
          skills(search: String): [Skill!]!
        }
        type Mutation {
          signup(input: SignupInput!): AuthPayload!
          login(email: String!, password: String!): AuthPayload!
          refreshToken(token: String): AuthPayload!
          logout(token: String): Boolean!
          register(input: RegisterInput!): RegisterResult!
          verifyEmail(token: String, code: String, email: String): Boolean!
          resendVerification(email: String!): Boolean!
          updateProfile(input: ProfileInput!): User!
          presignAvatar(mime: String!, bytes: Int!): PresignedUpload!
          commitAvatar(key: String!): User!
          createLivenessChallenge(purpose: LivenessPurpose = VERIFY, exclude: [LivenessStep!]): LivenessChallenge!
          confirmLiveness(token: String!, frame: String!, evidence: [StepFrame!]): VerificationResult!
        }
        input SignupInput { email: String!, password: String!, username: String!, displayName: String! }
        input RegisterInput { email: String!, password: String!, handle: String!, displayName: String, campusId: ID! }
        type RegisterResult { userId: ID!, email: String! }
        type Campus { id: ID!, name: String!, domain: String! }
        input ProfileInput { displayName: String, handle: String, bio: String }
        type User { id: ID! }
        type Profile { id: ID!, handle: String!, displayName: String! }
        type ProfileConnection { edges: [ProfileEdge!]!, pageInfo: PageInfo! }
        type ProfileEdge { cursor: String!, node: Profile! }
        type PageInfo { hasNextPage: Boolean!, endCursor: String }
        type HandleAvailability { available: Boolean!, reason: HandleRefusal }
        enum HandleRefusal { INVALID BLOCKED TAKEN HELD RESERVED }
        type Skill { id: ID!, name: String! }
        type AuthPayload {
          requiresTwoFactor: Boolean!, tempToken: String, accessToken: String, refreshToken: String, user: User,
          isNewUser: Boolean!
        }
        type PresignedUpload { key: String!, url: String!, expiresS: Int! }
        enum LivenessPurpose { VERIFY }
        type LivenessChallenge { token: String!, steps: [LivenessStep!]!, expiresAt: DateTime!, streamUrl: String! }
        enum LivenessStep { LOOK_LEFT LOOK_RIGHT LOOK_UP LOOK_DOWN BLINK OPEN_MOUTH SMILE }
        input StepFrame { step: LivenessStep!, frame: String!, capturedAtMs: Int! }
        type VerificationResult { success: Boolean!, verifiedAt: DateTime, error: VerificationError, retryAfterS: Int }
        enum VerificationError {
          FACE_MISMATCH TOKEN_EXPIRED NO_PROFILE_PHOTO CHALLENGE_FAILED NO_FACE MULTIPLE_FACES LOW_QUALITY
          TOO_MANY_ATTEMPTS BUSY
        }
        """
    )
    assert [change.description for change in find_breaking_changes(contract, schema)] == []


def test_the_schema_prints_stably(schema: GraphQLSchema) -> None:
    """Generated clients would change with every build."""
    printed = print_schema(schema)
    assert print_schema(load_schema()) == printed
    assert print_schema(build_schema(printed)) == printed
    assert print_ast(parse(printed)) == print_ast(parse(print_ast(parse(printed))))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("capturedAtMs", "captured_at_ms"), ("id", "id"), ("retryAfterS", "retry_after_s"), ("isNewUser", "is_new_user")],
)
def test_names_follow_python(name: str, expected: str) -> None:
    """Arguments would not reach the services under their names."""
    assert snake_case(name) == expected
