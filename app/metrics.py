"""What a process counts and times, in the words of Prometheus; seed B, section 8, names the first of them.

A label never takes a value from a request: codes, reasons, routes and kinds are our own words, so that the number of
series stays what it is.
"""

from collections.abc import Callable, Coroutine, Mapping
from enum import StrEnum
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from app.accounts.model import SecondFactorNeeded
from app.errors import Problem

P = ParamSpec("P")
T = TypeVar("T")

# From what a cache answers to what a stalled database times out with.
_REQUEST_BUCKETS_S = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
# Around what a person notices in a mirror: the p95 of one stream alone is 43 ms.
_FRAME_BUCKETS_S = (0.01, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)


class Deed(StrEnum):
    """What an account does; the names of source B, which Prometheus ends with `_total`."""

    REGISTER = "identity_register"
    VERIFY = "identity_verify"
    LOGIN = "identity_login"
    RESEND = "identity_resend"
    PROFILE_UPDATE = "profile_update"
    AVATAR_UPLOAD = "avatar_upload"


_DEEDS: Mapping[Deed, str] = {
    Deed.REGISTER: "Accounts that were asked for and taken, by sign-up or at a campus.",
    Deed.VERIFY: "E-mail addresses that were proved.",
    Deed.LOGIN: "Sign-ins that opened a session.",
    Deed.RESEND: "Verification mails that were asked for again.",
    Deed.PROFILE_UPDATE: "Changes of a profile.",
    Deed.AVATAR_UPLOAD: "Uploads that became a profile photo.",
}


class Metrics:
    """The figures of one process; `text()` is what Prometheus reads."""

    def __init__(self) -> None:
        # The library's own switch for the whole process: a second series for each counter, which nobody reads.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._deeds = {deed: Counter(deed.value, text, registry=registry) for deed, text in _DEEDS.items()}
        self._rejects = Counter(
            "identity_rejects", "Refusals of what the counters above count.", ["reason"], registry=registry
        )
        self._request_timers: dict[tuple[str, str, int], Histogram] = {}
        self._requests = Histogram(
            "http_request_seconds",
            "Time to answer, by route as it was declared.",
            ["method", "route", "status"],
            buckets=_REQUEST_BUCKETS_S,
            registry=registry,
        )
        self._operations = Histogram(
            "graphql_operation_seconds",
            "Time to execute an operation.",
            ["kind"],
            buckets=_REQUEST_BUCKETS_S,
            registry=registry,
        )
        self._attempts_started = Counter(
            "liveness_attempts_started", "Attempts whose challenge was spent.", registry=registry
        )
        self._attempts_passed = Counter(
            "liveness_attempts_passed", "Attempts that earned what they were for.", registry=registry
        )
        self._attempts_refused = Counter(
            "liveness_attempts_refused", "Attempts that earned nothing.", ["reason"], registry=registry
        )
        self._comparisons = Counter(
            "face_comparisons", "Live faces compared with a known one.", ["result"], registry=registry
        )
        self._streams_open = Gauge("liveness_streams_open", "Streams that are judged now.", registry=registry)
        self._frames_judged = Counter("liveness_frames_judged", "Frames that got feedback.", registry=registry)
        self._frames_dropped = Counter("liveness_frames_dropped", "Frames given up for newer ones.", registry=registry)
        self._frame_times = Histogram(
            "liveness_frame_seconds",
            "Time from a frame's arrival to its feedback being sent.",
            buckets=_FRAME_BUCKETS_S,
            registry=registry,
        )

    def text(self) -> bytes:
        """Every figure in Prometheus' text format."""
        return generate_latest(self._registry)

    def watch(self, name: str, meaning: str, read: Callable[[], float]) -> None:
        """Shows a figure that is read when it is asked for."""
        Gauge(name, meaning, registry=self._registry).set_function(read)

    def done(self, deed: Deed) -> None:
        """Counts one that succeeded."""
        self._deeds[deed].inc()

    def rejected(self, problem: Problem) -> None:
        """Counts one that was refused, by its reason or else its code."""
        self._rejects.labels(problem.reason or problem.code.value).inc()

    def request_answered(self, method: str, route: str, status: int, took_s: float) -> None:
        """Times one HTTP request; the status by its class."""
        key = (method, route, status // 100)
        timer = self._request_timers.get(key)
        if timer is None:  # at most a few hundred: routes are declared, and so are methods
            known = method if method in _METHODS else "other"
            timer = self._requests.labels(known, route, f"{status // 100}xx")
            if known == method:
                self._request_timers[key] = timer
        timer.observe(took_s)

    def operation_run(self, kind: str, took_s: float) -> None:
        """Times one GraphQL operation."""
        self._operations.labels(kind).observe(took_s)

    def attempt_started(self) -> None:
        """Counts a liveness attempt that may now be judged."""
        self._attempts_started.inc()

    def attempt_passed(self) -> None:
        """Counts an attempt that earned what it was for."""
        self._attempts_passed.inc()

    def attempt_refused(self, reason: str) -> None:
        """Counts an attempt that earned nothing; `reason` is a VerificationError."""
        self._attempts_refused.labels(reason).inc()

    def faces_compared(self, *, is_match: bool) -> None:
        """Counts a comparison with the profile photo or with enrolled faces."""
        self._comparisons.labels("match" if is_match else "mismatch").inc()

    def stream_opened(self) -> None:
        """One stream more is judged."""
        self._streams_open.inc()

    def stream_closed(self) -> None:
        """One stream less."""
        self._streams_open.dec()

    def frames_dropped(self, count: int) -> None:
        """Counts frames that were given up for newer ones."""
        self._frames_dropped.inc(count)

    def frame_judged(self, took_s: float) -> None:
        """Times one frame of a stream."""
        self._frames_judged.inc()
        self._frame_times.observe(took_s)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class _Counting(Protocol):
    @property
    def _metrics(self) -> Metrics: ...


S = TypeVar("S", bound=_Counting)
_Method = Callable[Concatenate[S, P], Coroutine[Any, Any, T]]


def counted(deed: Deed) -> Callable[[_Method[S, P, T]], _Method[S, P, T]]:
    """Counts a service's method whichever edge calls it: what it did, and why it refused.

    A first factor that still waits for the second has not signed anybody in.
    """

    def decorate(method: _Method[S, P, T]) -> _Method[S, P, T]:
        @wraps(method)
        async def counting(service: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
            try:
                outcome = await method(service, *args, **kwargs)
            except Problem as problem:
                service._metrics.rejected(problem)
                raise
            if not isinstance(outcome, SecondFactorNeeded):
                service._metrics.done(deed)
            return outcome

        return counting

    return decorate
