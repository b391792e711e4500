"""The least a Python server does for `me`: one Starlette route, one query, JSON. Our GraphQL is measured against it.

`/databases` reads as the documentation of that package does, `fetch_one` with named values: what somebody would write
who has the same packages. `/ours` reads through app.database, which goes past most of that package: a harder mark.
"""

import re
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import databases
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from app.clock import Clock, rfc3339
from app.commands.serve import uvicorn_config
from app.database import Database
from app.queries import QUERIES, Queries


def application(database_url: str, session_id: UUID, account_id: UUID) -> Starlette:
    """Answers GET with the account, read as the product reads it."""
    ours, clock = Database(url=database_url, queries=Queries.load(QUERIES)), Clock()
    plain = databases.Database(database_url, min_size=0, max_size=10)
    query = ours.queries.viewer_by_session
    text = re.sub(r"\$(\d+)", lambda found: f":{query.parameters[int(found[1]) - 1]}", query.sql)
    who = {"session_id": session_id, "account_id": account_id}

    async def by_ours(_: Request) -> JSONResponse:
        row = await ours.one(query, **who, now=clock.now())
        assert row is not None
        return _answer(row)

    async def by_databases(_: Request) -> JSONResponse:
        row = await plain.fetch_one(text, {**who, "now": clock.now()})
        assert row is not None
        return _answer(row)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await ours.open()
        await plain.connect()
        yield
        await plain.disconnect()
        await ours.close()

    return Starlette(routes=[Route("/databases", by_databases), Route("/ours", by_ours)], lifespan=lifespan)


def _answer(row: Mapping[str, Any]) -> JSONResponse:
    return JSONResponse(
        {
            "id": str(row["account_id"]),
            "email": row["email"],
            "handle": row["handle"],
            "displayName": row["display_name"],
            "createdAt": rfc3339(row["created_at"]),
        }
    )


if __name__ == "__main__":
    url, session, account, port = sys.argv[1:]
    app = application(url, UUID(session), UUID(account))
    uvicorn.Server(uvicorn_config(app, host="127.0.0.1", port=int(port), loop="uvloop")).run()
