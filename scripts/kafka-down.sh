#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Stops the brokers that kafka-up.sh started and removes their run directory.
#
#   kafka-down.sh [-k] DIR       -k keeps DIR (settings, data, logs), for another kafka-up.sh -d DIR
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
keep=0
while getopts k flag; do case $flag in k) keep=1 ;; *) sed -n '3,/^[^#]/{/^#/p}' "${BASH_SOURCE[0]}" >&2; exit 2 ;; esac; done
shift $((OPTIND - 1))
[ $# = 1 ] || { sed -n '3,/^[^#]/{/^#/p}' "${BASH_SOURCE[0]}" >&2; exit 2; }
[ -e "$1/cluster.env" ] || { echo "kafka-down: $1 holds no cluster" >&2; exit 2; }
if [ "$keep" = 1 ]; then
  "$here/kafka-broker.sh" -d "$1" stop all
else
  "$here/kafka-broker.sh" -d "$1" kill all
  rm -rf "$1"
fi
