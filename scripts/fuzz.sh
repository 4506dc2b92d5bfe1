#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs every fuzz target of the repository for a time each: fuzz.sh 30s
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
time=${1:-30s} count=0 failed=()
said=$(mktemp)
trap 'rm -f "$said"' EXIT

# fuzz PACKAGE TARGET. On a busy machine go's engine itself can fail, with a deadline or a worker that it lost. An input that fails
# is always written to a file, and fails again; where none was written, a second run decides.
fuzz() {
  local input
  if go test -run '^$' -fuzz "^$2\$" -fuzztime "$time" "./$1" >"$said" 2>&1; then
    cat "$said"
    return
  fi
  input=$(sed -n 's|.*Failing input written to testdata/fuzz/||p' "$said" | head -1)
  sed 's/^/  /; s/--- FAIL/failed/' "$said" # whether it is a failure is decided below
  if [ -n "$input" ]; then
    echo "fuzz: does $input fail again?"
    go test -count=1 -run "^${input%%/*}\$/^${input##*/}\$" "./$1"
  else
    echo "fuzz: no input failed; once more"
    go test -run '^$' -fuzz "^$2\$" -fuzztime "$time" "./$1"
  fi
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
