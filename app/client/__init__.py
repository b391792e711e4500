"""The reference low-end client: a camera that only sends JPEGs, or a photo or clip that plays one."""
