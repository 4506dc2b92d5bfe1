#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs every fuzz target of the repository for a time each: fuzz.sh 30s
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
time=${1:-30s} count=0 failed=()
said=$(mktemp)
trap 'rm -f "$said"' EXIT

# fuzz PACKAGE TARGET. A busy machine can be late when the time is up; go then fails with "context deadline exceeded"
# although no input did. A failing input is always written to a file, and that is what counts.
fuzz() {
  go test -run '^$' -fuzz "^$2\$" -fuzztime "$time" "./$1" 2>&1 | tee "$said" && return
  ! grep -q 'Failing input written' "$said" && grep -q 'context deadline exceeded' "$said"
}

packages=$(grep -rlE '^func Fuzz[A-Z]' --include='*_test.go' cmd internal test | xargs -r -n1 dirname | sort -u)
for package in $packages; do
  targets=$(go test -list '^Fuzz' "./$package" | grep '^Fuzz' || true)
  for target in $targets; do
    echo "--- $package $target"
    fuzz "$package" "$target" || failed+=("$package $target")
    count=$((count + 1))
  done
done
[ "$count" -gt 0 ] || { echo "fuzz: no fuzz targets found" >&2; exit 1; }
echo "fuzz: $count targets, $time each, ${#failed[@]} failed"
[ ${#failed[@]} = 0 ] || { printf '  %s\n' "${failed[@]}"; exit 1; }
