"""Which database a command works on."""

from collections.abc import Iterator
from contextlib import contextmanager

from app.embedded import EmbeddedServices, running
from app.settings import Settings


@contextmanager
def database_in_use(settings: Settings) -> Iterator[str]:
    """The address by DATABASE_URL, else of the embedded database, started for as long as it takes where no server runs.

    Raises EmbeddedError when that does not start.
    """
    served = running(settings.data_dir)
    database_url = settings.database_url or (served.database_url if served else None)
    if database_url is not None:
        yield database_url
        return
    with EmbeddedServices.start(settings.data_dir, redis=False) as embedded:
        yield embedded.database_url
