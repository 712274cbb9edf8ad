#!/usr/bin/env bash
# Writes every lock: `bash requirements/lock.sh` (needs uv). Hashes, no index addresses.
#
# Each is good for Linux on x86 and arm and for macOS on arm; those with an accelerator are for Linux
# alone, where its packages are. What is locked stays as it is wherever pyproject.toml allows it;
# `lock.sh --upgrade` takes the newest versions.
set -eu
cd "$(dirname "$0")/.."
options=("$@")
lock() {  # name, Python version, extras...
  local name=$1 python=$2; shift 2
  uv pip compile pyproject.toml $(printf -- '--extra %s ' "$@") --python-version "$python" \
    --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate \
    --no-header --quiet "${options[@]}" --output-file "requirements/$name.txt"
}
tests=(dev tensorboard wandb)
lock cpu-py3.11 3.11 "${tests[@]}"
lock cpu-py3.12 3.12 "${tests[@]}"
lock cpu-py3.13 3.13 "${tests[@]}"
lock tpu-py3.12 3.12 "${tests[@]}" tpu
lock cuda-py3.12 3.12 "${tests[@]}" cuda
lock demo-py3.12 3.12 demo
lock spread-py3.12 3.12 spread
