// SPDX-License-Identifier: Apache-2.0

// Package stream is all of Kafka: it fetches the source topics, hands every partition's records to a Processor,
// and delivers what the Processor decided, with the consumed offsets, in one transaction.
//
// kafka-go carries connections, TLS, SASL and request framing. Record batches, transactions, group membership
// and the loop are our own, because kafka-go's reader and writer know no transactions.
package stream
