#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Detection beside Presidio, on the same labelled texts in one run: quality by the labels' own scorer, and CPU-seconds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
labelled=${NYMSTREAM_LABELLED:-../shared/pii}
cases=$labelled/public.jsonl
[ -r "$cases" ] || { echo "bench-detect: no labelled texts at $cases (NYMSTREAM_LABELLED names their folder)"; exit 0; }
cache=${XDG_CACHE_HOME:-$HOME/.cache}/nymstream/presidio
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
TIMEFORMAT='%U s user, %S s system'

go build -trimpath -pgo=cmd/nymstream/release.pgo -o "$work/nymstream" ./cmd/nymstream
# The scorer reads labels of whole texts; cases of single values are for field mode.
grep -v '"kind": "value"' "$cases" >"$work/cases.jsonl"
for names in none balanced; do
  echo "== nymstream, names: $names, $(wc -l <"$work/cases.jsonl") texts"
  time "$work/nymstream" detect --json --names "$names" -i "$work/cases.jsonl" >"$work/$names.jsonl"
  python3 "$labelled/score.py" "$work/cases.jsonl" "$work/$names.jsonl" 0.5
done

if [ ! -x "$cache/bin/python" ] || ! cmp -s bench/detect/requirements.txt "$cache/requirements.txt"; then
  rm -rf "$cache"
  python3 -m venv "$cache" && "$cache/bin/pip" install --quiet --disable-pip-version-check -r bench/detect/requirements.txt ||
    { echo "bench-detect: Presidio cannot be had: only nymstream was measured"; exit 0; }
  cp bench/detect/requirements.txt "$cache/requirements.txt"
fi
echo "== Presidio 2.2.366, patterns only: spaCy's models are no packages of the index, so names and places are not looked for"
"$cache/bin/python" bench/detect/presidio.py "$work/cases.jsonl" "$work/presidio.jsonl"
python3 "$labelled/score.py" "$work/cases.jsonl" "$work/presidio.jsonl" 0.4
