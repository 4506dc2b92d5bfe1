# SPDX-License-Identifier: Apache-2.0
"""The contender python-orjson and its two verbs."""

import argparse
import signal
import sys
import time

import orjson

from sanitize import sanitize


def main():
    parser = argparse.ArgumentParser(prog="python-orjson", allow_abbrev=False)
    verbs = parser.add_subparsers(dest="verb", required=True)
    transform = verbs.add_parser("transform", allow_abbrev=False)
    transform.add_argument("-in", dest="source", metavar="FILE", required=True)
    transform.add_argument("-out", dest="output", metavar="FILE")
    transform.add_argument("-passes", type=count(1), metavar="N", default=1)
    transform.add_argument("-warmup", type=count(0), metavar="N", default=0)
    kafka = verbs.add_parser("kafka", allow_abbrev=False)
    kafka.add_argument("-brokers", metavar="HOST:PORT,...", required=True)
    kafka.add_argument("-group", metavar="GROUP", required=True)
    kafka.add_argument("-in", dest="source", metavar="TOPIC", required=True)
    kafka.add_argument("-out", dest="output", metavar="TOPIC", required=True)
    arguments = parser.parse_args()
    if arguments.verb == "kafka":
        forward(arguments.brokers, arguments.group, arguments.source, arguments.output)
        return
    with open(arguments.source, "rb") as file:
        events = [line for line in file.read().split(b"\n") if line]
    if not events:
        sys.exit(f"{arguments.source} holds no event")
    if arguments.output is not None:
        with open(arguments.output, "wb") as file:
            for event in events:
                file.write(sanitize(event) + b"\n")
    else:
        measure(events, arguments.passes, arguments.warmup)


def count(least):
    def whole_number(text):
        number = int(text)
        if number < least:
            raise ValueError(text)
        return number

    return whole_number


def measure(events, passes, warmup):
    """Makes the passes once for each line "go" of standard input."""
    done = 0
    while done < warmup:
        sanitize_all(events)
        done += len(events)
    print("ready", flush=True)
    for line in iter(sys.stdin.readline, ""):
        if line.rstrip("\n") != "go":
            sys.exit("standard input says something else than go")
        wall, cpu = time.perf_counter_ns(), time.process_time_ns()
        bytes_out = sum(sanitize_all(events) for _ in range(passes))
        cpu, wall = time.process_time_ns() - cpu, time.perf_counter_ns() - wall
        measured = {
            "events": passes * len(events),
            "cpu_ns": cpu,
            "wall_ns": wall,
            "bytes_in": passes * sum(map(len, events)),
            "bytes_out": bytes_out,
            "allocations": None,
            "allocated_bytes": None,
        }
        print(orjson.dumps(measured).decode(), flush=True)


def sanitize_all(events):
    bytes_out = 0
    for event in events:
        bytes_out += len(sanitize(event))
    return bytes_out


def forward(brokers, group, source, output):
    """Sanitizes from topic to topic, at least once, until SIGTERM."""
    from confluent_kafka import Consumer, KafkaException, Producer

    commit_seconds = 1
    ended = False

    def end(*_):
        nonlocal ended
        ended = True

    signal.signal(signal.SIGTERM, end)
    undelivered = []
    producer = Producer(
        {
            "bootstrap.servers": brokers,
            "acks": "all",
            "compression.type": "snappy",
            "linger.ms": 20,
            "delivery.report.only.error": True,
            "on_delivery": lambda error, _: undelivered.append(error),
        }
    )
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )

    def commit():
        """Commits what was consumed, once all that was made of it is delivered."""
        producer.flush()
        if undelivered:
            raise KafkaException(undelivered[0])
        consumer.commit(asynchronous=False)

    consumer.subscribe([source])
    committed, pending = time.monotonic(), False
    while not ended:
        for message in consumer.consume(1000, timeout=0.1):
            if message.error():
                raise KafkaException(message.error())
            produce(producer, output, message.key(), sanitize(message.value()))
            pending = True
        producer.poll(0)
        if pending and time.monotonic() - committed >= commit_seconds:
            commit()
            committed, pending = time.monotonic(), False
    if pending:
        commit()
    consumer.close()


def produce(producer, topic, key, value):
    """Hands a record over, waiting while the producer's queue is full."""
    while True:
        try:
            producer.produce(topic, value, key)
            return
        except BufferError:
            producer.poll(0.1)


if __name__ == "__main__":
    main()
