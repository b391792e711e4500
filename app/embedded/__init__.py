"""Embedded PostgreSQL 18 with pgvector and Redis: real servers for one machine, from the wheels' own programs."""

from app.embedded.errors import DataFolderInUse, EmbeddedError
from app.embedded.lock import Running, running
from app.embedded.services import EmbeddedServices

__all__ = ["DataFolderInUse", "EmbeddedError", "EmbeddedServices", "Running", "running"]
