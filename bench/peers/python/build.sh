#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes the Python contender's virtual environment in the cache, where bin/ finds it; does nothing when it is there and
# the requirements the same. Quiet unless it fails. Exit code 3: something cannot be had.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/nymstream/peers
python=${PYTHON:-python3}

say() { printf 'bench/peers/python: %s\n' "$*" >&2; }
stop() { local code=$1; shift; say "$*"; exit "$code"; }

# need PACKAGE COMMAND...: have what the command tries, installing Debian's package when that is possible.
need() {
  local package=$1
  shift
  "$@" >/dev/null 2>&1 && return
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "$package is missing, installing it"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$package"; } >&2 ||
      stop 3 "apt-get could not install $package"
  fi
  "$@" >/dev/null 2>&1 || stop 3 "$package is missing; install it (Debian: apt-get install $package)"
}

if cmp -s requirements.txt "$cache/python/requirements.txt" && "$cache/python/bin/python" -c '' 2>/dev/null; then
  exit 0
fi
need python3 "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))'
need python3-venv "$python" -c 'import ensurepip, venv'
mkdir -p "$cache"
# A virtual environment knows its own place: it cannot be made elsewhere and moved. The requirements come last and say that it is whole.
rm -rf "$cache/python"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { "$python" -m venv "$cache/python" &&
  "$cache/python/bin/python" -m pip install -q --disable-pip-version-check --only-binary :all: -r requirements.txt; } >"$log" 2>&1; then
  cat "$log" >&2
  stop 3 "the Python packages cannot be had"
fi
cp requirements.txt "$cache/python/requirements.txt"
