"""The faces slice, put together."""

from app.faces.gallery import Gallery
from app.foundation import Foundation


def wire_faces(base: Foundation) -> Gallery:
    """Builds the gallery with the thresholds of the settings."""
    return Gallery(
        database=base.database,
        ids=base.ids,
        threshold=base.settings.face_threshold,
        search_threshold=base.settings.face_search_threshold,
        search_margin=base.settings.face_search_margin,
    )
