// SPDX-License-Identifier: Apache-2.0

// Package kafka runs the real binary against a real Apache Kafka and looks at what comes out with an independent client.
// `make test-kafka` starts it, once for each supported version of the broker.
package kafka
