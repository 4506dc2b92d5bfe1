// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"errors"
	"slices"

	"github.com/nymstream/nymstream/internal/event"
)

// elements decides a record that holds several events: each alone, for every recipient. What is poison in one of them
// sends the whole record to quarantine, for the recipients concerned, and nothing of it is forwarded to them: a replay
// brings all of it.
func (w *Worker) elements(rec *event.Record, source int, now int64, sink event.Sink) error {
	w.pieces.reset()
	for i := 0; ; i++ {
		more, err := w.rewrite.Next()
		known, kind := false, 0
		if more && err == nil {
			kind, known, err = w.rewrite.Event()
		}
		if poison, ok := errors.AsType[*event.Poison](err); ok {
			return w.quarantineAll(rec, source, poison, sink)
		}
		if err != nil {
			return err
		}
		if !more {
			return w.pieces.release(rec, sink)
		}
		if w.element != allElements && w.element != i {
			continue
		}
		if err := w.event(rec, source, kind, known, now, &w.pieces); err != nil {
			return err
		}
		if w.pieces.bytes > mostHeld*w.pipeline.program.MaxBytes() {
			return w.quarantineAll(rec, source, &event.Poison{Reason: event.TooLarge, Offset: -1}, sink)
		}
	}
}

// mostHeld bounds what the outputs of one record's elements may hold, in payloads of the largest size.
const mostHeld = 4

// heldSink keeps what was decided about a record until all of it is decided. What it keeps is its own.
type heldSink struct {
	decided  []decided
	poisoned []event.Quarantined // each recipient once, with the first fault of its elements
	arena    []byte
	headers  []event.Header
	bytes    int
}

// decided is what becomes of one element for one recipient.
type decided struct {
	recipient int
	reason    event.Reason // None: forwarded
	output    event.Output
}

// usualHeld is what is kept from one record to the next.
const usualHeld = 1 << 20

// reset lets the outputs of the record before go.
func (h *heldSink) reset() {
	if cap(h.arena) > usualHeld {
		*h = heldSink{}
		return
	}
	clear(h.decided)
	clear(h.poisoned)
	*h = heldSink{decided: h.decided[:0], poisoned: h.poisoned[:0], arena: h.arena[:0], headers: h.headers[:0]}
}

// keep copies bytes; nil stays nil.
func (h *heldSink) keep(b []byte) []byte {
	if b == nil {
		return nil
	}
	h.bytes += len(b)
	from := len(h.arena)
	h.arena = append(h.arena, b...)
	return h.arena[from:len(h.arena):len(h.arena)]
}

func (h *heldSink) Forward(recipient int, _ *event.Record, out *event.Output) error {
	kept := event.Output{Key: h.keep(out.Key), Value: h.keep(out.Value), Time: out.Time}
	from := len(h.headers)
	for _, header := range out.Headers {
		h.headers = append(h.headers, event.Header{Key: h.keep(header.Key), Value: h.keep(header.Value)})
	}
	kept.Headers = h.headers[from:len(h.headers):len(h.headers)]
	h.decided = append(h.decided, decided{recipient, event.None, kept})
	return nil
}

func (h *heldSink) Withhold(recipient int, _ *event.Record, reason event.Reason) error {
	h.decided = append(h.decided, decided{recipient: recipient, reason: reason})
	return nil
}

func (h *heldSink) Quarantine(q *event.Quarantined) error {
	for _, r := range q.Recipients {
		if !h.isPoisoned(r) {
			h.poison(q, r)
		}
	}
	return nil
}

// poison notes a fault for one more recipient: of one fault there is one record in quarantine, whoever it is for.
func (h *heldSink) poison(q *event.Quarantined, recipient int) {
	for i := range h.poisoned {
		if p := &h.poisoned[i]; p.Reason == q.Reason && p.Rule == q.Rule {
			p.Recipients = append(p.Recipients, recipient)
			return
		}
	}
	one := *q
	one.Recipients = []int{recipient}
	h.poisoned = append(h.poisoned, one)
}

func (h *heldSink) isPoisoned(recipient int) bool {
	return slices.ContainsFunc(h.poisoned, func(q event.Quarantined) bool { return slices.Contains(q.Recipients, recipient) })
}

// release hands over what was decided, in the order of the elements.
func (h *heldSink) release(rec *event.Record, sink event.Sink) error {
	for i := range h.decided {
		d := &h.decided[i]
		var err error
		switch {
		case h.isPoisoned(d.recipient):
		case d.reason != event.None:
			err = sink.Withhold(d.recipient, rec, d.reason)
		default:
			err = sink.Forward(d.recipient, rec, &d.output)
		}
		if err != nil {
			return err
		}
	}
	for i := range h.poisoned {
		if err := sink.Quarantine(&h.poisoned[i]); err != nil {
			return err
		}
	}
	return nil
}
