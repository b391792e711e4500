"""What facecore raises: FaceError over everything that is not a fault of a picture (PhotoError is)."""


class FaceError(Exception):
    """A face operation was asked for something it cannot do; the message says what and why."""


class ModelError(FaceError):
    """The face model file, or the converted model, is not what this version understands."""


class FaceBusy(FaceError):
    """Every worker is taken and the queue is full; try again after `retry_after_s`."""

    def __init__(self, *, retry_after_s: float) -> None:
        super().__init__(f"face comparison is busy; try again in {retry_after_s:.1f} s")
        self.retry_after_s = retry_after_s


class FaceTimeout(FaceError):
    """The answer did not come within the time a face job is given."""


class PoolClosed(FaceError):
    """The pool has been closed and takes, or finishes, no further job."""
