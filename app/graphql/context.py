"""What a resolver gets with each request: the visit, as every edge knows it."""

from typing import TypeAlias

from graphql import GraphQLResolveInfo

from app.edge.visit import AuthPayload, Visit

__all__ = ["AuthPayload", "Context", "Info"]

Context: TypeAlias = Visit
Info: TypeAlias = GraphQLResolveInfo[Context]
"""What graphql-core hands a resolver, with our context in it."""
