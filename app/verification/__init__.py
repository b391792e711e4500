"""The Verified badge: challenges issued and spent, faces compared, the badge earned and lost."""
