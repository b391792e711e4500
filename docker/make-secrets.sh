#!/bin/sh
# Makes docker/secrets.env: the secrets of this installation, random and for this machine only. Run it once, keep the
# file. A second run changes nothing: with new secrets everybody is signed out and every face template is unreadable.
set -eu
cd "$(dirname "$0")"
if [ -e secrets.env ]; then
    echo "docker/secrets.env is there already and stays as it is."
    exit 0
fi
random() { head -c 32 /dev/urandom | base64 | tr -d '\n'; }
umask 077
{
    echo "SECRET_KEY=$(random)"
    echo "LIVENESS_SECRET=$(random)"
    echo "ENCRYPTION_KEYS=$(random)"
} > secrets.env.new
mv secrets.env.new secrets.env
echo "Made docker/secrets.env. Keep it, and keep it to yourself."
