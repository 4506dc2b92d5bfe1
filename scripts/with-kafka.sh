#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs a command against a cluster of its own, which is gone afterwards.
#
#   with-kafka.sh [options of kafka-up.sh but -d] -- COMMAND [ARGUMENT]...
#
# The command finds the run directory in NYMSTREAM_KAFKA_DIR and the address of the plain listener in
# NYMSTREAM_KAFKA (several with commas). The exit code is the command's, or kafka-up.sh's.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
options=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do options+=("$1"); shift; done
[ $# -ge 2 ] || { sed -n '3,/^[^#]/{/^#/p}' "${BASH_SOURCE[0]}" >&2; exit 2; }
shift
dir=$(mktemp -d "${TMPDIR:-/tmp}/nymstream-kafka.XXXXXX")
# shellcheck disable=SC2329 # the trap calls it
down() { if [ -e "$dir/cluster.env" ]; then "$here/kafka-down.sh" "$dir"; else rm -rf "$dir"; fi; }
trap down EXIT
trap 'exit 130' INT TERM
"$here/kafka-up.sh" -p 0 "${options[@]}" -d "$dir" >/dev/null
# shellcheck source=/dev/null
source "$dir/cluster.env"
NYMSTREAM_KAFKA_DIR=$dir NYMSTREAM_KAFKA=$KAFKA_BOOTSTRAP "$@"
