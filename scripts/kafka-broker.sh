#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Starts, stops or kills brokers of a cluster that kafka-up.sh made.
#
#   kafka-broker.sh -d DIR start|stop|kill ID...|all
#
# start waits until each broker serves and knows all brokers that are up (at most 120 s); stop is a clean shutdown (SIGTERM), kill is
# kill -9. Only processes whose command line names their own settings file are signalled.
set -euo pipefail

say() { printf 'kafka-broker: %s\n' "$*" >&2; }
usage() { sed -n '3,/^[^#]/{/^#/p}' "${BASH_SOURCE[0]}" >&2; exit 2; }

dir=''
while getopts d: flag; do case $flag in d) dir=$OPTARG ;; *) usage ;; esac; done
shift $((OPTIND - 1))
if [ $# -lt 2 ] || [ ! -e "$dir/cluster.env" ]; then usage; fi
dir=$(cd "$dir" && pwd)
# shellcheck source=/dev/null
source "$dir/cluster.env"
action=$1
shift
if [ "$1" = all ]; then mapfile -t ids < <(seq "$KAFKA_BROKERS"); else ids=("$@"); fi
for id in "${ids[@]}"; do [ -e "$dir/$id/server.properties" ] || { say "no broker $id in $dir"; exit 2; }; done

# running ID: print the broker's process id if it is alive and really ours.
running() {
  local pid
  pid=$(cat "$dir/$1/pid" 2>/dev/null) && [ -n "$pid" ] || return 1
  tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | grep -Fxq "$dir/$1/server.properties" || return 1
  printf '%s\n' "$pid"
}

launch() {
  local id=$1 home=$dir/$1 logging
  case $KAFKA_RUN_VERSION in
    3.*) logging=-Dlog4j.configuration=file:$home/log4j.properties ;;
    *) logging=-Dlog4j2.configurationFile=$home/log4j2.yaml ;;
  esac
  # The leader election of three busy brokers suffers from long pauses, not from a lower throughput.
  setsid nohup java "-Xms$KAFKA_HEAP" "-Xmx$KAFKA_HEAP" -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -Djava.awt.headless=true "$logging" \
    -cp "$KAFKA_LIBS/*" kafka.Kafka "$home/server.properties" >>"$home/stdout.log" 2>&1 </dev/null 9>&- &
  printf '%s\n' $! >"$home/pid"
  local i # the new process bears its own command line a moment after the fork
  for ((i = 0; i < 100; i++)); do running "$id" >/dev/null && return; sleep 0.02; done
}

# members PORT: how many live brokers the broker at PORT knows (a Metadata request, version 0, for no topic).
members() {
  local answer
  exec 3<>"/dev/tcp/127.0.0.1/$1" || return 1
  printf '\0\0\0\x10\0\x03\0\0\0\0\0\x01\0\x02up\0\0\0\0' >&3
  answer=$(timeout 2 head -c 12 <&3 | od -An -tu1 -v | tr -s ' \n' ' ')
  exec 3>&-
  # shellcheck disable=SC2086 # twelve numbers: length, correlation id, number of brokers
  set -- $answer
  [ $# = 12 ] || return 1
  echo $((${11} * 256 + ${12}))
}

alive() { local id n=0; for ((id = 1; id <= KAFKA_BROKERS; id++)); do running "$id" >/dev/null && n=$((n + 1)); done; echo $n; }

await() {
  local id=$1 port=$((KAFKA_PORT + 10 * ($1 - 1))) deadline=$((SECONDS + 120)) known
  while [ $SECONDS -lt $deadline ]; do
    running "$id" >/dev/null || { say "broker $id died; see $dir/$id/stdout.log and server.log"; exit 3; }
    if known=$(members "$port" 2>/dev/null) && [ "$known" -ge "$(alive)" ]; then return; fi
    sleep 0.1
  done
  say "broker $id did not serve within 120 s; see $dir/$id/server.log"
  exit 3
}

halt() {
  local id=$1 signal=$2 pid i
  pid=$(running "$id") || return 0
  kill "-$signal" "$pid"
  for ((i = 0; i < 300; i++)); do running "$id" >/dev/null || break; sleep 0.1; done
  if running "$id" >/dev/null; then say "broker $id did not stop within 30 s, killing it"; kill -KILL "$pid"; fi
  rm -f "$dir/$id/pid"
}

case $action in
  start)
    began=$(date +%s%N)
    for id in "${ids[@]}"; do running "$id" >/dev/null || launch "$id"; done
    for id in "${ids[@]}"; do await "$id"; done
    printf 'kafka %s: broker %s up after %d ms\n' "$KAFKA_RUN_VERSION" "${ids[*]}" $((($(date +%s%N) - began) / 1000000))
    ;;
  stop) for id in "${ids[@]}"; do halt "$id" TERM & done; wait ;;
  kill) for id in "${ids[@]}"; do halt "$id" KILL; done ;;
  *) usage ;;
esac
