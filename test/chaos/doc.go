// SPDX-License-Identifier: Apache-2.0

// Package chaos breaks everything that may break while two instances sanitize events exactly once — instances by kill -9 inside
// open transactions, instances that are stopped and come back as zombies, brokers by kill -9 — and then counts.
//
// The referee counts by what an independent client reads back: every input record has a number, and each recipient must have
// got each number exactly as often as its policy says, in order. `make chaos` runs the whole round, CHAOS_ROUND=short a quick one.
package chaos
