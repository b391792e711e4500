"""Fixtures of the browser tests."""

from tests.e2e.camera_people import camera_people

__all__ = ["camera_people"]
