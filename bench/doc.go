// SPDX-License-Identifier: Apache-2.0

// Package bench measures what sanitizing costs. `make bench` measures the rewrite alone on one core, and Kafka → Kafka beside programs
// that only pass records through; `make bench-peers` the same work done by others, in process and Kafka → Kafka, after it has checked
// that what they write is equivalent. docs/PERFORMANCE.md says what is measured and how to read it, bench/peers/README.md who runs.
package bench
