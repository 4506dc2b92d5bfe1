#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs a command against a PostgreSQL of its own, which is gone afterwards.
#
#   with-postgres.sh [-o NAME=VALUE]... -- COMMAND [ARGUMENT]...
#
#   -o  one more server setting
#
# The command finds the superuser's address in NYMSTREAM_POSTGRES_URL (loopback, with a password) and the server's directory in
# NYMSTREAM_POSTGRES_DIR. The exit code is the command's; 2 for wrong use. Where PostgreSQL cannot be had, the command runs without
# these, or not at all (exit code 3) with NYMSTREAM_POSTGRES_REQUIRED=1.
set -euo pipefail

say() { printf 'with-postgres: %s\n' "$*" >&2; }

usage() { sed -n '3,/^[^#]/{/^#/p}' "${BASH_SOURCE[0]}" >&2; exit 2; }

options=()
while getopts o: flag; do
  case $flag in o) options+=("$OPTARG") ;; *) usage ;; esac
done
if [ "${*:OPTIND-1:1}" != -- ] || [ $# -lt "$OPTIND" ]; then usage; fi
shift $((OPTIND - 1))
command=("$@")

# without WORDS...: what to do when there can be no server.
without() {
  say "$*"
  [ "${NYMSTREAM_POSTGRES_REQUIRED:-}" != 1 ] || exit 3
  say "running the command without PostgreSQL"
  unset NYMSTREAM_POSTGRES_URL NYMSTREAM_POSTGRES_DIR
  "${command[@]}"
  exit
}

# programs: the directory of initdb and pg_ctl; Debian keeps them out of PATH.
programs() {
  local bin
  while read -r bin; do
    [ -x "$bin/initdb" ] && [ -x "$bin/pg_ctl" ] && { printf '%s\n' "$bin"; return; }
  done < <(pg_config --bindir 2>/dev/null; printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV; tr : '\n' <<<"$PATH")
  return 1
}

if ! bin=$(programs); then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "PostgreSQL is missing, installing it"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends postgresql; } >&2 ||
      without "apt-get could not install postgresql"
  fi
  bin=$(programs) || without "PostgreSQL is missing; install it (Debian: apt-get install postgresql)"
fi

# PostgreSQL refuses to run as root.
as=()
if [ "$(id -u)" = 0 ]; then
  id postgres >/dev/null 2>&1 || without "PostgreSQL does not run as root, and there is no user postgres"
  as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
fi

dir=$(mktemp -d "${TMPDIR:-/tmp}/nymstream-postgres.XXXXXX")
started=''
# shellcheck disable=SC2329 # the trap calls it
down() {
  [ -z "$started" ] || "${as[@]}" "$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null 2>&1 || true
  rm -rf "$dir"
}
trap down EXIT
trap 'exit 130' INT TERM

free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo $port; return; }
  done
}

password=$(head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n')
printf '%s\n' "$password" >"$dir/password"
[ ${#as[@]} = 0 ] || chown -R postgres: "$dir"
cd "$dir"
"${as[@]}" "$bin/initdb" -D "$dir/data" -U nymstream -A scram-sha-256 --pwfile="$dir/password" -E UTF8 --locale=C >"$dir/initdb.log" 2>&1 ||
  { cat "$dir/initdb.log" >&2; without "initdb failed"; }
for try in 1 2 3; do
  port=$(free_port)
  {
    printf "listen_addresses = '127.0.0.1'\nport = %s\nunix_socket_directories = '%s'\n" "$port" "$dir"
    printf 'shared_buffers = 256MB\nmax_wal_size = 4GB\nmax_connections = 200\n'
    [ ${#options[@]} = 0 ] || printf '%s\n' "${options[@]}"
  } >>"$dir/data/postgresql.conf"
  if "${as[@]}" "$bin/pg_ctl" -D "$dir/data" -l "$dir/server.log" -w start >/dev/null 2>&1; then started=1; break; fi
  [ "$try" -lt 3 ] || { cat "$dir/server.log" >&2; without "the server did not start"; }
done
cd "$OLDPWD"
NYMSTREAM_POSTGRES_DIR=$dir NYMSTREAM_POSTGRES_URL="postgres://nymstream:$password@127.0.0.1:$port/postgres?sslmode=disable" "${command[@]}"
