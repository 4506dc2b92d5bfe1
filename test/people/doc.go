// SPDX-License-Identifier: Apache-2.0

// Package people holds consent and erasure against real parts: a Kafka broker, PostgreSQL, and processes of the real binary that are
// killed meanwhile. What became of every record is counted from what an independent read_committed reader gets, in the broker's time.
//
// `make people` runs it; PEOPLE_ROUND=short takes fewer people and less time, PEOPLE_SEED repeats a round's choices, and PEOPLE_KEEP names
// a folder where configuration, keys and logs outlive the test.
package people
