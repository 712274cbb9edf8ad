#!/usr/bin/env bash
# Writes every lock: `bash requirements/lock.sh` (needs uv). Hashes, no index addresses.
set -eu
cd "$(dirname "$0")/.."
lock() {  # name, Python version, extras...
  local name=$1 python=$2; shift 2
  uv pip compile pyproject.toml $(printf -- '--extra %s ' "$@") --python-version "$python" \
    --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header \
    --quiet --upgrade --output-file "requirements/$name.txt"
}
lock cpu-py3.11 3.11 dev
lock cpu-py3.12 3.12 dev
lock cpu-py3.13 3.13 dev
lock tpu-py3.12 3.12 dev tpu
lock cuda-py3.12 3.12 dev cuda
