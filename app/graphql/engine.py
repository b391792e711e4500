"""What HTTP and socket share: the schema, its prepared documents, and a visit for each request."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphql import GraphQLSchema

from app.edge.visit import Visits
from app.graphql.limits import DocumentLimits, Documents
from app.graphql.schema import load_schema

if TYPE_CHECKING:
    from app.wiring import Services


@dataclass(frozen=True, kw_only=True)
class GraphQLEngine:
    """One for the application."""

    services: "Services"
    schema: GraphQLSchema
    documents: Documents
    visits: Visits

    @classmethod
    def over(cls, services: "Services", *, schema: GraphQLSchema | None = None) -> "GraphQLEngine":
        """Over the shipped schema; tests may bring another."""
        schema = schema or load_schema()
        introspection = not services.settings.production
        return cls(
            services=services,
            schema=schema,
            documents=Documents(schema, limits=DocumentLimits(), introspection=introspection),
            visits=Visits(services),
        )
