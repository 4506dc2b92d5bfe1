// SPDX-License-Identifier: Apache-2.0

// Package scale measures how the cost of an event changes with the number of subjects, rules, recipients, cores and instances and
// with the size of the event, and how long an event takes from its producer to a reader. `make bench-scale` and
// `make bench-latency` run it; docs/SCALING.md says what follows from the figures.
package scale
