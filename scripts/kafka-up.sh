#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Starts a real Apache Kafka (KRaft, no Docker) on 127.0.0.1 from its Maven artifacts and waits until it serves.
#
#   kafka-up.sh [-v VERSION] [-n 1|3] [-p PORT] [-d DIR] [-m HEAP] [-s] [-o KEY=VALUE]...
#
#   -v  Apache Kafka version (default: KAFKA_VERSION of versions.env)
#   -n  number of brokers: 1, or 3 that replicate thrice with min.insync 2 (default 1)
#   -p  first port; broker i has PORT+10(i-1), the next port up is its controller
#       (default 19092; 0: a free range)
#   -d  run directory: settings, data, logs, pids  (default: a new temporary directory)
#   -m  heap of each broker                        (default 384m; 256m with -n 3)
#   -s  also listen on PORT+10(i-1)+2 with SASL_SSL (SCRAM-SHA-512, SCRAM-SHA-256, PLAIN) and on +3 with
#       TLS alone, and switch ACLs on: the plain port is the administrator, the user of
#       cluster.env may do nothing until it is granted something
#   -o  one more broker setting
#
# The last line on stdout is DIR. DIR/cluster.env says how to reach the cluster. Stop it with kafka-down.sh DIR;
# kill and restart single brokers with kafka-broker.sh. Exit codes: 2 wrong use, 3 something cannot be had.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/versions.env
source "$here/versions.env"

say() { printf 'kafka-up: %s\n' "$*" >&2; }
stop() { local code=$1; shift; say "$*"; exit "$code"; }

version=$KAFKA_VERSION brokers=1 port=19092 dir='' heap='' secure=0 extra=()
while getopts v:n:p:d:m:so: flag; do
  case $flag in
    v) version=$OPTARG ;; n) brokers=$OPTARG ;; p) port=$OPTARG ;; d) dir=$OPTARG ;;
    m) heap=$OPTARG ;; s) secure=1 ;; o) extra+=("$OPTARG") ;;
    *) sed -n '3,/^[^#]/{/^#/p}' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
  esac
done
case $brokers in 1) heap=${heap:-384m} ;; 3) heap=${heap:-256m} ;; *) stop 2 "-n must be 1 or 3" ;; esac

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
need java default-jre-headless
[ "$secure" = 0 ] || need openssl openssl

# The jars come once into the cache. The folder appears under its final name only when it is whole.
jars() {
  local cache=${XDG_CACHE_HOME:-$HOME/.cache}/nymstream libs
  libs=$cache/kafka-$version
  if [ ! -d "$libs" ]; then
    need mvn maven
    need flock util-linux
    mkdir -p "$cache"
    (
      flock 9
      [ ! -d "$libs" ] || exit 0
      part=$(mktemp -d "$cache/kafka-$version.XXXXXX")
      trap 'rm -rf "$part"' EXIT
      write_pom >"$part/pom.xml"
      say "fetching the artifacts of Kafka $version"
      mvn -q -B -U --no-transfer-progress -Dstyle.color=never -f "$part/pom.xml" dependency:copy-dependencies -DoutputDirectory="$part/libs" -DincludeScope=runtime >&2 || exit 1
      chmod 755 "$part/libs" && mv "$part/libs" "$libs"
    ) 9>"$cache/kafka-$version.lock" || stop 3 "the Maven artifacts of Kafka $version cannot be had"
  fi
  printf '%s\n' "$libs"
}

write_pom() {
  local binding=''
  case $version in
    3.*) ;;
    *) binding="<dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>$LOG4J_VERSION</version></dependency>" ;;
  esac
  cat <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>nymstream.test</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_$KAFKA_SCALA</artifactId><version>$version</version></dependency>
    $binding
  </dependencies>
</project>
POM
}

# One authority and one server certificate, for localhost and 127.0.0.1, good for 30 days.
certificates() {
  local tls=$dir/tls
  mkdir -p "$tls"
  printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\n' >"$tls/names"
  {
    openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj '/CN=nymstream test authority' -keyout "$tls/ca.key" -out "$tls/ca.crt"
    openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout "$tls/server.key" -out "$tls/server.csr"
    openssl x509 -req -in "$tls/server.csr" -CA "$tls/ca.crt" -CAkey "$tls/ca.key" -CAcreateserial -days 30 -extfile "$tls/names" -out "$tls/server.crt"
    openssl pkcs12 -export -in "$tls/server.crt" -inkey "$tls/server.key" -name server -passout "pass:$store_password" -out "$tls/server.p12"
  } >"$tls/openssl.log" 2>&1 || stop 3 "openssl refused; see $tls/openssl.log"
}

# settings ID: the broker's server.properties on stdout.
settings() {
  local id=$1 base=$((port + 10 * ($1 - 1))) listeners='' map='' voters='' i mechanism
  listeners=PLAINTEXT://127.0.0.1:$base
  map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
  [ "$secure" = 0 ] || { listeners+=,SASL_SSL://127.0.0.1:$((base + 2)),SSL://127.0.0.1:$((base + 3)); map+=,SASL_SSL:SASL_SSL,SSL:SSL; }
  for ((i = 1; i <= brokers; i++)); do voters+=${voters:+,}$i@127.0.0.1:$((port + 10 * (i - 1) + 1)); done
  cat <<PROPERTIES
process.roles=broker,controller
node.id=$id
controller.quorum.voters=$voters
controller.listener.names=CONTROLLER
listeners=$listeners,CONTROLLER://127.0.0.1:$((base + 1))
advertised.listeners=$listeners
listener.security.protocol.map=$map
inter.broker.listener.name=PLAINTEXT
log.dirs=$dir/$id/data
auto.create.topics.enable=false
default.replication.factor=$brokers
min.insync.replicas=$insync
offsets.topic.replication.factor=$brokers
offsets.topic.num.partitions=6
transaction.state.log.replication.factor=$brokers
transaction.state.log.min.isr=$insync
transaction.state.log.num.partitions=6
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
share.coordinator.state.topic.replication.factor=$brokers
share.coordinator.state.topic.min.isr=$insync
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=500
group.initial.rebalance.delay.ms=0
PROPERTIES
  [ "$secure" = 0 ] || cat <<PROPERTIES
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
ssl.keystore.type=PKCS12
ssl.keystore.location=$dir/tls/server.p12
ssl.keystore.password=$store_password
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_$user="$password";
$(for mechanism in 256 512; do
    printf 'listener.name.sasl_ssl.scram-sha-%s.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;\n' $mechanism
  done)
PROPERTIES
  [ ${#extra[@]} = 0 ] || printf '%s\n' "${extra[@]}"
}

# logging ID: warnings into the broker's server.log; Kafka 3 reads log4j 1 settings, Kafka 4 log4j 2.
logging() {
  local home=$dir/$1
  case $version in
    3.*) cat >"$home/log4j.properties" <<LOG ;;
log4j.rootLogger=WARN, file
log4j.appender.file=org.apache.log4j.FileAppender
log4j.appender.file.File=$home/server.log
log4j.appender.file.layout=org.apache.log4j.PatternLayout
log4j.appender.file.layout.ConversionPattern=[%d] %p %m (%c)%n
LOG
    *) cat >"$home/log4j2.yaml" <<LOG ;;
Configuration:
  Appenders:
    File:
      name: file
      fileName: "$home/server.log"
      PatternLayout:
        pattern: "[%d] %p %m (%c)%n"
  Loggers:
    Root:
      level: WARN
      AppenderRef:
        ref: file
LOG
  esac
}

format() {
  local id=$1 home=$dir/$1 users=()
  [ -e "$home/data/meta.properties" ] && return
  [ "$secure" = 0 ] || users=(--add-scram "SCRAM-SHA-256=[name=$user,password=$password]" --add-scram "SCRAM-SHA-512=[name=$user,password=$password]")
  java -Xmx128m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp "$libs/*" kafka.tools.StorageTool format \
    -t "$cluster" -c "$home/server.properties" "${users[@]}" >"$home/format.log" 2>&1 || stop 3 "the storage could not be formatted; see $home/format.log"
}

# free_ports: the first of 30 ports that nobody listens on, below the range that systems give to outgoing connections.
free_ports() {
  local first i
  while :; do
    first=$((20000 + RANDOM % 300 * 40))
    for ((i = 0; i < 30; i++)); do (: </dev/tcp/127.0.0.1/$((first + i))) 2>/dev/null && continue 2; done
    echo $first
    return
  done
}

libs=$(jars)
[ "$port" != 0 ] || port=$(free_ports)
[ -n "$dir" ] || dir=$(mktemp -d "${TMPDIR:-/tmp}/nymstream-kafka.XXXXXX")
mkdir -p "$dir" && dir=$(cd "$dir" && pwd)
if [ -e "$dir/cluster.env" ]; then
  say "starting what is in $dir again, as it was"
else
  insync=$((brokers / 2 + 1)) user=nymstream
  password=$(head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n')
  store_password=$(head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n')
  cluster=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=')
  [ "$secure" = 0 ] || certificates
  for ((id = 1; id <= brokers; id++)); do
    mkdir -p "$dir/$id"
    settings "$id" >"$dir/$id/server.properties"
    logging "$id"
  done
  for ((id = 1; id <= brokers; id++)); do format "$id" & formats+=($!); done
  for pid in "${formats[@]}"; do wait "$pid" || exit 3; done

  plain='' sasl='' tls=''
  for ((id = 1; id <= brokers; id++)); do
    base=$((port + 10 * (id - 1)))
    plain+=${plain:+,}127.0.0.1:$base sasl+=${sasl:+,}127.0.0.1:$((base + 2)) tls+=${tls:+,}127.0.0.1:$((base + 3))
  done
  {
    printf 'KAFKA_RUN_VERSION=%s\nKAFKA_LIBS=%q\nKAFKA_HEAP=%s\nKAFKA_BROKERS=%s\nKAFKA_PORT=%s\nKAFKA_BOOTSTRAP=%s\n' \
      "$version" "$libs" "$heap" "$brokers" "$port" "$plain"
    [ "$secure" = 0 ] || printf 'KAFKA_SASL_SSL_BOOTSTRAP=%s\nKAFKA_SSL_BOOTSTRAP=%s\nKAFKA_CA=%q\nKAFKA_USER=%s\nKAFKA_PASSWORD=%s\n' \
      "$sasl" "$tls" "$dir/tls/ca.crt" "$user" "$password"
  } >"$dir/cluster.env"
fi

"$here/kafka-broker.sh" -d "$dir" start all >&2
printf '%s\n' "$dir"
