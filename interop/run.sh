#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Other programs open what we seal, and we open what they seal: see README.md.
# Exit code 0: all agree; 1: something differs; 3: nothing differs, but a program could not be had (the last lines say which).
set -euo pipefail
cd "$(dirname "$0")"

TINK_PYTHON=1.16.1
PYTHON=${PYTHON:-python3}
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/nymstream/interop
mkdir -p "$CACHE"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CGO_ENABLED=0
missing=()

(cd .. && go build -o "$work/ours" ./interop/ours)

if (cd tinkv1 && go build -o "$work/tinkv1" .); then
    mkdir -m 700 "$work/keys"
    "$work/tinkv1" kek "$work/keys/kek"
else
    missing+=("github.com/google/tink/go v1.7.0 (Go module): keysets and ciphertexts were not tried with Tink 1")
fi

"$work/ours" export "$work/keys" "$work/sent.json"

if [ -x "$work/tinkv1" ]; then
    "$work/tinkv1" verify "$work/keys" "$work/sent.json" "$work/reply.json"
    "$work/ours" open "$work/keys" "$work/sent.json" "$work/reply.json"
fi

venv=$CACHE/tink-$TINK_PYTHON
if [ ! -e "$venv/installed" ]; then
    rm -rf "$venv"
    if "$PYTHON" -m venv "$venv" && "$venv/bin/pip" install --quiet --disable-pip-version-check "tink==$TINK_PYTHON"; then
        touch "$venv/installed"
    else
        rm -rf "$venv"
    fi
fi
if [ -e "$venv/installed" ]; then
    "$venv/bin/python" python/verify.py "$work/keys" "$work/sent.json"
else
    missing+=("tink $TINK_PYTHON (Python package; needs python3 with venv and a published wheel): ciphertexts were not tried with Python")
fi

if [ ${#missing[@]} -gt 0 ]; then
    printf 'could not be had: %s\n' "${missing[@]}"
    exit 3
fi
echo "interop: all agree"
