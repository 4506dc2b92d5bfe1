// SPDX-License-Identifier: Apache-2.0

// Package rights does what people may ask for: it takes in their signals, erases, tells recipients, keeps the ledger of erasures,
// certifies, and hands people what is there about them.
//
// An erasure that was begun is finished, whatever ends between its steps. In one commit the person's secret leaves the store and
// the outbox gets, sealed, a receipt and the deletion events, which could not be computed any more later. The receipt is pending
// until the ledger has the erasure; deletion events wait until no instance can commit a record of the person any more. RunOutbox
// does what is left of both. Every step may be repeated: the ledger and recipients may see an erasure twice, and never not at all.
package rights
