#!/bin/sh
set -e

mkdir -p "$DATA_DIR"
python manage.py migrate --noinput
exec "$@"
