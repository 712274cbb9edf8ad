#!/bin/sh
# Makes a virtual environment: `install.sh FOLDER ENVIRONMENT PYTHON...`.
#
#   install.sh .venv cpu python3 3.12    from the hashed lock of that build (cpu, tpu, cuda)
#   install.sh .venv-x x.txt 3.12        from requirements/x.txt, which has no hashes
#
# A PYTHON is a command or a version; the first that runs and has a lock is taken. Uses uv where it
# is installed, else Python's own venv and pip, else says in one line what to install. Ends with 3
# where the machine has no such Python, or its index no such torch or libtpu.
set -eu
folder=$1 environment=$2
shift 2

version() {  # of the command $1; nothing where it does not run
  "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true
}

command_of() {  # a command that runs the Python $1: itself, or whatever has the version $1
  case $1 in
    [0-9]*) ;;
    *) echo "$1"; return ;;
  esac
  for candidate in "python$1" python3 "$(pyenv root 2>/dev/null)/versions/$1".*/bin/python \
    "$(uv python find --no-python-downloads "$1" 2>/dev/null)"; do
    [ "$(version "$candidate")" = "$1" ] && echo "$candidate" && return
  done
  echo "python$1"
}

file_of() {  # the requirements of a Python of version $1
  case $environment in
    *.txt) echo "requirements/$environment" ;;
    *) echo "requirements/$environment-py$1.txt" ;;
  esac
}

file=
for wanted in "$@"; do
  python=$(command_of "$wanted")
  running=$(version "$python")
  file=$(file_of "$running")
  [ -n "$running" ] && [ -f "$file" ] && break
  file=
done
if [ -z "$file" ]; then
  locks=$(cd requirements && ls | grep "^${environment%.txt}[-.]" | tr '\n' ' ')
  echo "error: no Python for $environment: tried $*; in requirements/: ${locks:-nothing for it }" \
    "(PYTHON=/path/to/python, or: uv python install 3.12)" >&2
  exit 3
fi

quietly() {  # runs a command, whose complaints matter only where it fails
  log=$(mktemp)
  "$@" 2>"$log" && rm "$log" && return
  cat "$log" >&2
  grep -qE "(No matching distribution found for|no version of) (torch|libtpu)" "$log" && exit 3
  exit 1
}

echo "$folder: installing $file, which takes minutes the first time"
hashes=--require-hashes
case $environment in *.txt) hashes= ;; esac
fresh=$([ "$(version "$folder/bin/python")" = "$running" ] || echo yes)
if command -v uv >/dev/null 2>&1; then
  # uv does not read pip's settings: wheels that a machine keeps for pip are found by uv too.
  [ -z "${PIP_FIND_LINKS:-}" ] || export UV_FIND_LINKS="${UV_FIND_LINKS:-$PIP_FIND_LINKS}"
  [ -z "$fresh" ] || uv venv --quiet --clear --python "$python" "$folder"
  quietly uv pip install --quiet --python "$folder/bin/python" $hashes -r "$file"
elif "$python" -c 'import venv, ensurepip' 2>/dev/null; then
  [ -z "$fresh" ] || "$python" -m venv --clear "$folder"
  # An environment made by uv has no pip of its own.
  "$folder/bin/python" -m pip --version >/dev/null 2>&1 ||
    "$folder/bin/python" -m ensurepip >/dev/null
  quietly "$folder/bin/python" -m pip install --quiet $hashes -r "$file"
else
  echo "error: neither uv nor the venv module of $python is installed; try: pip install uv" >&2
  exit 1
fi
echo "$folder: $("$folder/bin/python" -V) from $file"
