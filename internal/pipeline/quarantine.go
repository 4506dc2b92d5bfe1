// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/nymstream/nymstream/internal/event"
)

// The value of a quarantine record: version (1 byte) ‖ day (10 bytes, such as 2026-11-23, UTC) ‖ the sealed original.
// The day names the keyset; version and day are authenticated as associated data.
const (
	quarantineVersion = 1
	dayLength         = len("2006-01-02")
	prefixLength      = 1 + dayLength
)

// ErrUnreadable says that a quarantine value cannot be opened: its key is destroyed, or it is none of ours.
var ErrUnreadable = errors.New("quarantine record cannot be opened")

// Seal appends the sealed form of a quarantined record: everything that a replay needs, nothing in clear.
func (w *Worker) Seal(dst []byte, q *event.Quarantined) ([]byte, error) {
	key, err := w.pipeline.keys.QuarantineAt(w.pipeline.options.Now().UnixMilli())
	if err != nil {
		return dst, fmt.Errorf("quarantine key: %w", err)
	}
	w.sealing = binary.AppendUvarint(w.sealing[:0], uint64(len(q.Recipients)))
	for _, r := range q.Recipients {
		w.sealing = appendBytes(w.sealing, []byte(w.pipeline.plan.Recipients[r].Name))
	}
	w.sealing = appendOriginal(w.sealing, q.Record)
	prefix := append([]byte{quarantineVersion}, key.Day()...)
	sealed, err := key.Seal(w.sealing, prefix)
	if err != nil {
		return dst, err
	}
	return append(append(dst, prefix...), sealed...), nil
}

// Open gives back the original of a quarantine record, and the names of the recipients it was meant for: those of the
// seal, because anybody who may write to the topic can write headers. The original is clear: whoever asks has a reason
// and an approval.
func (p *Pipeline) Open(value []byte) (rec *event.Record, recipients []string, err error) {
	if len(value) < prefixLength || value[0] != quarantineVersion {
		return nil, nil, fmt.Errorf("%w: unknown format", ErrUnreadable)
	}
	key, err := p.keys.QuarantineDay(string(value[1:prefixLength]))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	plain, err := key.Open(value[prefixLength:], value[:prefixLength])
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	o := original{rest: plain}
	for range o.count() {
		recipients = append(recipients, string(o.bytes()))
	}
	if rec, err = o.record(); err != nil {
		return nil, nil, err
	}
	return rec, recipients, nil
}

func appendOriginal(dst []byte, r *event.Record) []byte {
	dst = appendBytes(dst, []byte(r.Topic))
	dst = binary.AppendVarint(dst, int64(r.Partition))
	dst = binary.AppendVarint(dst, r.Offset)
	dst = binary.AppendVarint(dst, r.Time)
	dst = appendBytes(dst, r.Key)
	dst = appendBytes(dst, r.Value)
	dst = binary.AppendUvarint(dst, uint64(len(r.Headers)))
	for _, h := range r.Headers {
		dst = appendBytes(appendBytes(dst, h.Key), h.Value)
	}
	return dst
}

// appendBytes writes the length plus one, then the bytes; null is a zero.
func appendBytes(dst, b []byte) []byte {
	if b == nil {
		return append(dst, 0)
	}
	return append(binary.AppendUvarint(dst, uint64(len(b))+1), b...)
}

// original reads what appendOriginal wrote.
type original struct {
	rest []byte
	bad  bool
}

func (o *original) int() int64 {
	n, used := binary.Varint(o.rest)
	if used <= 0 {
		o.bad = true
		return 0
	}
	o.rest = o.rest[used:]
	return n
}

func (o *original) bytes() []byte {
	n, used := binary.Uvarint(o.rest)
	if used <= 0 || n > uint64(len(o.rest)-used)+1 {
		o.bad = true
		return nil
	}
	o.rest = o.rest[used:]
	if n == 0 {
		return nil
	}
	b := o.rest[: n-1 : n-1]
	o.rest = o.rest[n-1:]
	return b
}

// count reads how many things follow; each takes at least a byte.
func (o *original) count() uint64 {
	n, used := binary.Uvarint(o.rest)
	if used <= 0 || n > uint64(len(o.rest)) {
		o.bad = true
		return 0
	}
	o.rest = o.rest[used:]
	return n
}

func (o *original) record() (*event.Record, error) {
	r := &event.Record{Topic: string(o.bytes()), Partition: int32(o.int()), Offset: o.int(), Time: o.int()}
	r.Key, r.Value = o.bytes(), o.bytes()
	for range o.count() {
		r.Headers = append(r.Headers, event.Header{Key: o.bytes(), Value: o.bytes()})
	}
	if o.bad || len(o.rest) > 0 {
		return nil, fmt.Errorf("%w: cut short", ErrUnreadable)
	}
	return r, nil
}
