#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes the topics of config/policies/social.yaml where they do not exist. Usage: topics.sh BROKER:PORT
#
# Retention is that of the policy (days); raw events are clear personal data and stay a day, sealed ones a week.
# An output may have more partitions than a source, not fewer, where a recipient says `partition_by: source`.
set -euo pipefail
broker=${1:?"usage: topics.sh BROKER:PORT"}
partitions=6 # KAFKA_TOPICS names the tool where it is elsewhere

topic() {
  local name=$1 days=$2 partitions=${3:-$partitions}
  ${KAFKA_TOPICS:-/opt/kafka/bin/kafka-topics.sh} --bootstrap-server "$broker" --create --if-not-exists --topic "$name" \
    --partitions "$partitions" --config "retention.ms=$((days < 0 ? -1 : days * 86400000))" --config cleanup.policy=delete
}

topic social.raw.mastodon 1
topic social.raw.twitter_v2 1
topic social.raw.bluesky 1
topic social.raw.rudderstack 1

topic social.clean.analytics 395
topic social.clean.research 1095
topic social.clean.partner 30

topic nymstream.quarantine 7

# With a store: what is said about people, whose standing has changed, and for ever who was erased.
topic nymstream.signals 3
topic nymstream.control 1 1
topic nymstream.ledger -1 1
