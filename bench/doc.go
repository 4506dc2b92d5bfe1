// SPDX-License-Identifier: Apache-2.0

// Package bench measures what sanitizing costs: the rewrite alone on one core, and Kafka → Kafka beside programs that only pass
// records through. `make bench` runs it; docs/PERFORMANCE.md says what is measured and how to read it.
package bench
