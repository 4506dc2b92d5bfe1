// SPDX-License-Identifier: Apache-2.0

// Package event holds what every room shares: a record as it came, what is decided about it, and why.
package event

import (
	"fmt"
	"io"
)

// Record is one Kafka record as it was read. Its bytes belong to the reader of the batch:
// they are valid until the next batch of the same worker, and they are clear personal data.
type Record struct {
	Topic     string
	Partition int32
	Offset    int64
	Time      int64  // broker timestamp, milliseconds since the Unix epoch
	Key       []byte // nil: null
	Value     []byte // nil: null (a tombstone)
	Headers   []Header
}

// Records hold clear personal data from end to end: printing one, by whatever verb, prints where it came from.
func (r Record) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "%s/%d/%d %s", r.Topic, r.Partition, r.Offset, cleared)
}

// Header is one record header. A nil Value is null.
type Header struct {
	Key   []byte
	Value []byte
}

func (Header) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, cleared) }

// Output is one sanitized record for one recipient. Its bytes are valid only during the call that hands it over.
type Output struct {
	Key     []byte // nil: null
	Value   []byte // nil: null (a tombstone)
	Headers []Header
	Time    int64 // truncated processing time, milliseconds since the Unix epoch
}

// Sink takes what was decided about the records of a batch, in their order: exactly one call
// for every recipient of every record, except that one Quarantine call may speak for several recipients, and that a record
// that holds several events is forwarded or withheld event by event.
// Recipients are indexes into the plan's list.
type Sink interface {
	Forward(recipient int, rec *Record, out *Output) error
	Withhold(recipient int, rec *Record, reason Reason) error
	Quarantine(q *Quarantined) error
}

// Quarantined is a record that cannot be sanitized, for the recipients it was meant for.
// Record is clear: only the sealer may read its bytes.
type Quarantined struct {
	Record     *Record
	Recipients []int
	Reason     Reason
	Rule       string // rule or field path of the plan; never taken from the payload
}

// Clear is personal data in clear. It cannot print itself by accident.
type Clear []byte

const cleared = "[clear]"

func (Clear) String() string               { return cleared }
func (Clear) Format(f fmt.State, _ rune)   { _, _ = io.WriteString(f, cleared) }
func (Clear) MarshalText() ([]byte, error) { return []byte(cleared), nil }
