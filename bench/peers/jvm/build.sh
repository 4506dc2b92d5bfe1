#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the JVM contenders into the cache, where bin/ finds them; does nothing when they are there and the sources the same.
# Quiet unless it fails. Exit codes: 1 the build failed, 3 something cannot be had.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/nymstream/peers

say() { printf 'bench/peers/jvm: %s\n' "$*" >&2; }
stop() { local code=$1; shift; say "$*"; exit "$code"; }

# need COMMAND PACKAGE: have the command, installing Debian's package when that is possible.
need() {
  command -v "$1" >/dev/null && return
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "$1 is missing, installing $2"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$2"; } >&2 ||
      stop 3 "apt-get could not install $2"
  fi
  command -v "$1" >/dev/null || stop 3 "$1 is missing; install it (Debian: apt-get install $2)"
}

sources=$(find pom.xml src -type f | LC_ALL=C sort | xargs cat | cksum)
[ "$(cat "$cache/jvm/sources" 2>/dev/null || true)" != "$sources" ] || exit 0

need javac openjdk-17-jdk-headless
need mvn maven
mkdir -p "$cache"
part=$(mktemp -d "$cache/jvm.XXXXXX")
trap 'rm -rf "$part"' EXIT
cp -R pom.xml src "$part"
maven=(mvn -q -B --no-transfer-progress -Dstyle.color=never -f "$part/pom.xml")
if ! "${maven[@]}" package >"$part/log" 2>&1; then
  cat "$part/log" >&2
  ! grep -qE 'Could not (resolve|transfer|find artifact)|could not be resolved' "$part/log" || stop 3 "the Maven artifacts cannot be had"
  stop 1 "the build failed"
fi
mkdir "$part/whole"
mv "$part/target/contenders.jar" "$part/target/lib" "$part/whole"
printf '%s\n' "$sources" >"$part/whole/sources"
rm -rf "$cache/jvm"
mv "$part/whole" "$cache/jvm"
