"""Profiles as their owners see them, and the profile photo."""
