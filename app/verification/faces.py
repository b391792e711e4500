"""Photos to templates, and templates against the face seen in an attempt."""

import asyncio
import logging
from concurrent.futures import Executor
from dataclasses import dataclass

from app.errors import Code, Problem
from app.verification.model import Descriptor, Rgb
from app.verification.photo_faces import PhotoFaces
from facecore.alignment import aligned_chip
from facecore.errors import FaceBusy, FaceError, FaceTimeout
from facecore.pool import FacePool
from facecore.quality import PhotoFinding, photo_findings

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class PhotoExamination:
    """What a photo shows: its face's descriptor (None when no single face can be used) and advice for the person."""

    descriptor: Descriptor | None
    findings: tuple[PhotoFinding, ...]


class Faces:
    """Examines photos off the event loop."""

    def __init__(self, *, photo_faces: PhotoFaces, pool: FacePool, executor: Executor) -> None:
        self._photo_faces = photo_faces
        self._pool = pool
        self._executor = executor

    async def examine(self, rgb: Rgb) -> PhotoExamination:
        """Finds and describes the face of `rgb`, uint8 (H, W, 3); raises Problem(BUSY) when the pool is full."""
        loop = asyncio.get_running_loop()
        meshes = await loop.run_in_executor(self._executor, self._photo_faces.find, rgb)
        findings = await loop.run_in_executor(self._executor, photo_findings, rgb, meshes)
        if len(meshes) != 1:
            return PhotoExamination(None, findings)
        try:
            chip = await loop.run_in_executor(self._executor, aligned_chip, rgb, meshes[0].points)
            descriptors = await self._pool.describe(chip[None])
        except (FaceBusy, FaceTimeout) as error:
            raise Problem(Code.BUSY, "Faces cannot be read right now. Try again shortly.", retry_after_s=5) from error
        except FaceError as error:
            log.warning("a face could not be described: %s", error)
            return PhotoExamination(None, findings)
        return PhotoExamination(descriptors[0], findings)
