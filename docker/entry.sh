#!/bin/sh
# Brings the schema up to date (under a lock: several instances may start at once), then becomes the server.
# Arguments go to `bonafide serve`, for example: docker run bonafide --workers 2
set -eu
bonafide migrate
exec bonafide serve --host 0.0.0.0 "$@"
