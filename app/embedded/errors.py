"""What can stop an embedded server from starting; each message says what to do."""

from pathlib import Path


class EmbeddedError(Exception):
    """Raised when an embedded server cannot run; the text is meant for the operator."""


class DataFolderInUse(EmbeddedError):
    """Raised when another Bonafide process holds the data folder."""

    def __init__(self, *, data_dir: Path, pid: int | None) -> None:
        who = f"process {pid}" if pid else "another process"
        super().__init__(
            f"Bonafide is already running on {data_dir} ({who}). "
            "Stop it first, or give this one its own folder with BONAFIDE_DATA."
        )
        self.data_dir = data_dir
        self.pid = pid
