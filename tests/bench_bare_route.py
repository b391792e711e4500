"""The least a Python server does for `me`: one Starlette route, one query, JSON. Our GraphQL is measured against it."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from app.clock import Clock, rfc3339
from app.commands.serve import uvicorn_config
from app.database import Database
from app.queries import Queries

QUERIES = Path(__file__).parents[1] / "sql" / "queries"


def application(database_url: str, session_id: UUID, account_id: UUID) -> Starlette:
    """Answers GET /me with the account, read as the product reads it."""
    database, clock = Database(url=database_url, queries=Queries.load(QUERIES)), Clock()

    async def me(_: Request) -> JSONResponse:
        row = await database.one(
            database.queries.viewer_by_session, session_id=session_id, account_id=account_id, now=clock.now()
        )
        assert row is not None
        return JSONResponse(
            {
                "id": str(row["account_id"]),
                "email": row["email"],
                "handle": row["handle"],
                "displayName": row["display_name"],
                "createdAt": rfc3339(row["created_at"]),
            }
        )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await database.open()
        yield
        await database.close()

    return Starlette(routes=[Route("/me", me)], lifespan=lifespan)


if __name__ == "__main__":
    url, session, account, port = sys.argv[1:]
    app = application(url, UUID(session), UUID(account))
    uvicorn.Server(uvicorn_config(app, host="127.0.0.1", port=int(port), loop="uvloop")).run()
