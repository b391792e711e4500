"""The letters that prove an address: what stands in them, and what they leave in the log."""

import re
from uuid import UUID

from app.accounts.model import Origin
from app.database import Transaction
from app.mail import Mail
from tests.integration.accounts.conftest import Slice

ADA = "ada@example.org"


def elsewhere(number: int) -> Origin:
    """One of many networks, so that only the limits per address count."""
    return Origin(ip=f"198.51.100.{number}")


def link_in(mail: Mail) -> str:
    return mail.text.split("/verify-email#token=")[1].split()[0]


def code_in(mail: Mail) -> str:
    found = re.search(r"^\d{6}$", mail.text, re.MULTILINE)
    assert found is not None, mail.text
    return found[0]


async def open_change(world: Slice, account_id: UUID, email: str) -> Mail:
    """What changing the address to `email` mails there."""

    async def work(tx: Transaction) -> str:
        return await world.email_proofs.open(tx, account_id, email=email)

    token = await world.database.transact(work)
    world.email_proofs.mail(account_id, token, to=email, is_change=True)
    return (await world.letters())[-1]


async def events(world: Slice, account_id: UUID) -> list[str]:
    rows = await world.sql.fetch("select event from audit_events where account_id = $1 order by id", account_id)
    return [row["event"] for row in rows]
