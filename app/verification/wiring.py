"""The verification slice, put together: models, threads and services."""

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass

from app.foundation import Foundation
from app.secrets import derive_key
from app.settings import Settings
from app.verification.attempts import Attempts
from app.verification.browser_claims import BrowserClaims
from app.verification.challenges import Challenges
from app.verification.faces import Faces
from app.verification.limits import FailureStreaks
from app.verification.photo_faces import PhotoFaces
from app.verification.service import VerificationService
from app.verification.store import VerificationStore
from app.verification.stream import LivenessStreams
from facecore.engine import DescriptorEngine, load_engine
from facecore.pool import FacePool
from liveness.challenge import ChallengeSigner
from liveness.graph_pool import GraphPool
from liveness.landmarks import FaceCounter, StillFaceMesh

IDLE_GRAPHS = 2
"""Graphs kept loaded between streams: 28 MB each, and a new one takes only 30 ms."""
FACE_JOBS_WAITING = 256


@dataclass(frozen=True, kw_only=True)
class VerificationServices:
    """The services of the verification slice, and what photos are read with."""

    attempts: Attempts
    challenges: Challenges
    verification: VerificationService
    streams: LivenessStreams
    graphs: GraphPool
    face_pool: FacePool
    faces: Faces
    verification_store: VerificationStore
    photo_threads: ThreadPoolExecutor


def wire_verification(
    stack: AsyncExitStack, base: Foundation, *, engine: DescriptorEngine | None
) -> VerificationServices:
    """Loads the models and builds the services; what needs closing goes onto `stack`."""

    # Frames have threads of their own: photos and browsers' claims take turns with them for a core, not for a
    # place in the queue, so that open streams keep their pace.
    frame_threads = ThreadPoolExecutor(max_workers=_cores(), thread_name_prefix="frames")
    stack.callback(frame_threads.shutdown)
    photo_threads = ThreadPoolExecutor(max_workers=_cores(), thread_name_prefix="photos")
    stack.callback(photo_threads.shutdown)
    engine = engine or load_engine(base.settings.face_engine, cache_dir=base.settings.data_dir / "models")
    pool = FacePool(engine=engine, workers=_cores(), max_waiting=FACE_JOBS_WAITING)
    stack.push_async_callback(pool.close)
    graphs = GraphPool(size=base.settings.liveness_max_streams, keep_idle=IDLE_GRAPHS)
    graphs.warm()
    stack.callback(graphs.close)
    counter = FaceCounter()
    stack.callback(counter.close)
    reader = StillFaceMesh()
    stack.callback(reader.close)

    claims = BrowserClaims(
        reader=reader,
        counter=counter,
        allow_bare_stills=base.settings.liveness_allow_bare_stills,
        clock=base.clock,
    )
    stack.callback(claims.close)
    verification_store = VerificationStore(database=base.database, encryption=base.encryption, audit=base.audit)
    challenges = Challenges(
        signer=ChallengeSigner([derive_key(base.settings.liveness_secret, purpose="liveness-challenge")]),
        redis=base.redis,
        clock=base.clock,
        ids=base.ids,
        stream_url=_stream_url(base.settings),
    )
    attempts = Attempts(
        challenges=challenges,
        streaks=FailureStreaks(redis=base.redis),
        limits=base.limits,
        claims=claims,
        pool=pool,
        metrics=base.metrics,
    )
    verification = VerificationService(
        store=verification_store,
        audit=base.audit,
        events=base.events,
        threshold=base.settings.face_threshold,
        metrics=base.metrics,
        clock=base.clock,
    )
    base.metrics.watch("face_pool_waiting", "Face jobs that no thread has taken up.", lambda: pool.waiting)
    base.metrics.watch("face_pool_running", "Face jobs on a thread.", lambda: pool.running)
    return VerificationServices(
        attempts=attempts,
        challenges=challenges,
        verification=verification,
        streams=LivenessStreams(
            attempts=attempts, graphs=graphs, counter=counter, metrics=base.metrics, executor=frame_threads
        ),
        graphs=graphs,
        face_pool=pool,
        faces=Faces(photo_faces=PhotoFaces(reader), pool=pool, executor=photo_threads),
        verification_store=verification_store,
        photo_threads=photo_threads,
    )


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _stream_url(settings: Settings) -> str:
    scheme, _, rest = settings.public_url.partition("://")
    return f"{'wss' if scheme == 'https' else 'ws'}://{rest}/liveness/stream"
