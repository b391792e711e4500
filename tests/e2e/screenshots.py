"""`make screenshots`: a PNG of every page of the web client, and of every state of the check, at 390 and 1280 pixels.

They land in the folder screenshots/.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from app.embedded import EmbeddedServices
from app.migrate import migrate
from app.settings import Settings
from tests.conftest import ROOT, shipped
from tests.e2e.camera_people import drawn
from tests.e2e.site import missing, site, walk

FOLDER = ROOT / "screenshots"


async def shoot(settings: Settings, width: int, color_scheme: str) -> None:
    """Walks through every page and state of a fresh site."""
    async with site(settings) as here:
        photo = shipped("skimage", "data", "astronaut.png")
        folder = FOLDER / color_scheme
        asked = {"folder": str(folder), "photo": str(photo), "width": width, "colorScheme": color_scheme}
        await walk(here, "pages:pictures", **asked)
        person = drawn(photo, into=settings.data_dir / "person.json", steps=())
        await walk(here, "states:pictures", person=str(person), **asked)


def main() -> int:
    """Takes the pictures; 1 when something that it needs is missing."""
    if (lack := missing()) is not None:
        print(f"No screenshots: {lack}.", file=sys.stderr)
        return 1
    for color_scheme in ("light", "dark"):
        for width in (390, 1280):
            with (
                tempfile.TemporaryDirectory() as folder,
                EmbeddedServices.start(Path(folder), durable=False) as services,
            ):
                asyncio.run(migrate(services.database_url))
                environment = {
                    "DATABASE_URL": services.database_url,
                    "REDIS_URL": services.redis_url,
                    "BONAFIDE_DATA": folder,
                }
                asyncio.run(shoot(Settings.from_environment(environment), width, color_scheme))
    print(f"The pictures are in {FOLDER}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
