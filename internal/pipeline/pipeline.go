// SPDX-License-Identifier: Apache-2.0

// Package pipeline decides one record: in comes what was read, out goes for every recipient what it may have, or why not.
// It knows no Kafka, no HTTP and no SQL.
package pipeline

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/consent/iab"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/rewrite"
	"github.com/nymstream/nymstream/internal/transform"
)

// Options are what a pipeline can be told beside its plan and keys.
type Options struct {
	// AssumeConsent forwards for purposes whose basis is consent although nobody was asked.
	// Whoever sets it says so loudly.
	AssumeConsent bool
	// Now is the processing time; default time.Now.
	Now    func() time.Time
	Limits rewrite.Options
	// Decoders make JSON of what records of a source are wrapped in, by source of the plan; nil: they are JSON.
	Decoders []Decoder
	// Encoders make what a recipient reads of JSON, by recipient of the plan; nil: it reads JSON.
	Encoders []Encoder
	// People keeps people's secrets and what they agreed to; nil: secrets are derived, and nobody is known to have agreed.
	People People
	// Signals is the recipient that is told, as signals about people, what events say of accounts: that one was deleted or
	// restricted. Its number is behind the plan's; 0: nobody is told.
	Signals int
	// PassedOver hears of an event that tells something of an account whose id no signal can carry, once each time it is decided; nil:
	// nobody hears.
	PassedOver func()
	// Drift is told what platforms send that their packs do not know; nil: nobody looks.
	Drift *Drift
}

// Decoder makes one JSON document of a record, appended to dst. What can never be decoded is an *event.Poison; an error of class
// event.ErrTransient has the batch done again.
type Decoder interface {
	Decode(dst []byte, rec *event.Record) ([]byte, error)
}

// Encoder makes a record's value of a sanitized document, appended to dst. What does not fit is an *event.Poison.
type Encoder interface {
	Encode(dst, document []byte) ([]byte, error)
}

// Pipeline is a plan bound to keys. It is immutable; every goroutine asks for a Worker of its own.
type Pipeline struct {
	plan    *policy.Plan
	keys    *keyring.Keyring
	program *rewrite.Program
	options Options
	sources map[string]int // by topic
	hashes  [][]byte       // by recipient
	inClear []clearFields  // by source: texts that leave as they are; nil: nobody looks

	questions []consent.Question // by recipient: what each asks about people
	mappings  iab.Mapping        // what inside events counts as consent
}

// New compiles the plan with the keys.
func New(plan *policy.Plan, keys *keyring.Keyring, o Options) (*Pipeline, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Limits.Stored = o.People != nil
	program, err := rewrite.Compile(plan, keys, o.Limits)
	if err != nil {
		return nil, fmt.Errorf("compile plan: %w", err)
	}
	p := &Pipeline{plan: plan, keys: keys, program: program, options: o, sources: map[string]int{}}
	for i := range plan.Sources {
		for _, t := range plan.Sources[i].Topics {
			p.sources[t] = i
		}
	}
	for i := range plan.Recipients {
		p.hashes = append(p.hashes, []byte(plan.Recipients[i].Hash))
	}
	p.ask()
	if o.Drift != nil {
		p.inClear = fieldsInClear(plan)
	}
	return p, nil
}

// Worker decides records one batch after the other, keeping its buffers. Not safe for concurrent use.
type Worker struct {
	pipeline *Pipeline
	rewrite  *rewrite.Worker
	only     map[int]bool // recipients a replay is for; nil: all

	topic  string // of the record before, and its source
	source int

	output   event.Output
	value    []byte
	key      []byte
	planKey  []byte
	everyone []int
	sealing  []byte
	document []byte   // what a decoder made
	encoded  []byte   // what an encoder made
	held     heldSink // of the record at hand
	pieces   heldSink // of its elements
	registry registry
	stored   bool             // people are looked for in the registry
	unasked  consent.Standing // of people of whom nothing is kept
	sampled  int64            // when Drift saw a record last
	ageTold  func([]byte, bool)
	element  int // the only element of a record to decide: for explaining; none: all
}

// Worker makes a worker.
func (p *Pipeline) Worker() *Worker {
	w := &Worker{pipeline: p, rewrite: p.program.Worker(), planKey: []byte(PlanHeader), element: allElements, stored: p.options.People != nil}
	w.registry = registry{people: p.options.People, rewrite: w.rewrite, questions: slices.Clone(p.questions)}
	w.ageTold = w.toldAge
	if w.stored {
		w.rewrite.Ask(&w.registry)
	}
	return w
}

const allElements = -1

// For makes a worker that decides for these recipients alone: a replay.
func (p *Pipeline) For(recipients []int) *Worker {
	w := p.Worker()
	w.only = map[int]bool{}
	for _, r := range recipients {
		w.only[r] = true
	}
	return w
}

// Process decides every record of a batch for every recipient of its source, in order.
// An error means that nothing of the batch may be committed.
func (w *Worker) Process(batch []event.Record, sink event.Sink) error {
	now := w.pipeline.options.Now().UnixMilli()
	decide := w.each
	if w.stored {
		decide = w.optimistic
	}
	if err := decide(batch, now, sink); err != nil {
		return err
	}
	w.misfits()
	w.trim()
	return nil
}

// each decides the records of a batch, one after the other.
func (w *Worker) each(batch []event.Record, now int64, sink event.Sink) error {
	for i := range batch {
		if err := w.locate(&batch[i], now, sink); err != nil {
			return err
		}
	}
	return nil
}

// locate finds the record's source and decides it.
func (w *Worker) locate(rec *event.Record, now int64, sink event.Sink) error {
	if rec.Topic != w.topic || w.topic == "" {
		source, ok := w.pipeline.sources[rec.Topic]
		if !ok {
			return fmt.Errorf("%w: topic %s belongs to no source of the policy", event.ErrFatal, rec.Topic)
		}
		w.topic, w.source = rec.Topic, source
	}
	if err := w.record(rec, w.source, now, sink); err != nil {
		return fmt.Errorf("%s/%d at %d: %w", rec.Topic, rec.Partition, rec.Offset, err)
	}
	return nil
}

// trim gives back what an unusually large record made the worker take.
func (w *Worker) trim() {
	const usual = 1 << 20
	w.rewrite.Trim()
	for _, b := range []*[]byte{&w.value, &w.key, &w.sealing, &w.document, &w.encoded} {
		if cap(*b) > usual {
			*b = nil
		}
	}
}

func (w *Worker) record(rec *event.Record, source int, now int64, sink event.Sink) error {
	if tooLarge(rec, w.pipeline.program.MaxBytes()) {
		return w.quarantineAll(rec, source, &event.Poison{Reason: event.TooLarge, Offset: -1}, sink)
	}
	if len(rec.Value) == 0 {
		w.rewrite.NoPayload()
		w.registry.begin(rec.Time, now)
		w.registry.signal = true
		return w.flows(source, func(flow, _, recipient int) error { return w.tombstone(rec, source, flow, recipient, now, sink) })
	}
	payload, err := w.payload(rec, source)
	if err == nil {
		err = w.rewrite.Read(source, payload)
	}
	if err == nil {
		w.sample(payload, source, now)
	}
	if err == nil && w.rewrite.Splits(source) {
		return w.elements(rec, source, now, sink)
	}
	known, kind := false, 0
	if err == nil {
		if _, err = w.rewrite.Next(); err == nil {
			kind, known, err = w.rewrite.Event()
		}
	}
	if poison, ok := errors.AsType[*event.Poison](err); ok {
		return w.quarantineAll(rec, source, poison, sink)
	}
	if err != nil {
		return err
	}
	return w.event(rec, source, kind, known, now, sink)
}

// event decides the event at hand for every recipient.
func (w *Worker) event(rec *event.Record, source, kind int, known bool, now int64, sink event.Sink) error {
	if known {
		w.open(rec, source, kind, now)
	}
	err := w.flows(source, func(flow, _, recipient int) error {
		return w.decide(rec, source, kind, known, flow, recipient, now, sink)
	})
	if err != nil || !known {
		return err
	}
	return w.close(rec, source, kind, now, sink)
}

// payload gives the record's JSON document, valid until the next one.
func (w *Worker) payload(rec *event.Record, source int) ([]byte, error) {
	if source >= len(w.pipeline.options.Decoders) || w.pipeline.options.Decoders[source] == nil {
		return rec.Value, nil
	}
	var err error
	w.document, err = w.pipeline.options.Decoders[source].Decode(w.document[:0], rec)
	return w.document, err
}

// decide asks the gate, and writes what the recipient may have of the event at hand.
func (w *Worker) decide(rec *event.Record, source, kind int, known bool, flow, recipient int, now int64, sink event.Sink) error {
	reason := event.UnknownType
	if known {
		reason = w.gate(source, kind, flow, recipient)
	}
	if reason != event.None {
		return sink.Withhold(recipient, rec, reason)
	}
	return w.forward(rec, source, flow, recipient, now, sink)
}

// tooLarge counts key and headers too: they are kept and sealed like the value.
func tooLarge(rec *event.Record, limit int) bool {
	size := len(rec.Key) + len(rec.Value)
	for i := range rec.Headers {
		size += len(rec.Headers[i].Key) + len(rec.Headers[i].Value)
	}
	return size > limit
}

// Misfits tells of every flow of the plan how many leaves were dropped since the last call because their value
// was not what their class says.
func (w *Worker) Misfits(each func(flow int, leaves uint64)) { w.rewrite.Misfits(each) }

// flows calls fn for every flow of the source that this worker decides.
func (w *Worker) flows(source int, fn func(flow, index, recipient int) error) error {
	for flow := range w.rewrite.Flows(source) {
		index, recipient := w.rewrite.Flow(source, flow)
		if w.only != nil && !w.only[recipient] {
			continue
		}
		if err := fn(flow, index, recipient); err != nil {
			return err
		}
	}
	return nil
}

// gate tells why a recipient may not have the event, or None.
func (w *Worker) gate(source, kind, flow, recipient int) event.Reason {
	e := &w.pipeline.plan.Sources[source].Events[kind]
	switch {
	case !w.rewrite.Admits(flow):
		return event.NotSelected
	case !w.rewrite.HasSubject():
		return event.NoSubject
	}
	return w.ask(e, recipient)
}

func (w *Worker) forward(rec *event.Record, source, flow, recipient int, now int64, sink event.Sink) error {
	r := &w.pipeline.plan.Recipients[recipient]
	domain, poison, reason, err := w.domain(rec, r, now)
	switch {
	case err != nil:
		return err
	case poison != nil:
		return w.quarantine(rec, recipient, poison, sink)
	case reason != event.None:
		return sink.Withhold(recipient, rec, reason)
	}
	if w.value, err = w.rewrite.Append(w.value[:0], flow, domain); err == nil {
		err = w.outputKey(rec, source, flow, r, domain)
	}
	if poison, ok := errors.AsType[*event.Poison](err); ok {
		return w.quarantine(rec, recipient, poison, sink)
	}
	if err != nil {
		return err
	}
	w.output.Value = w.value
	if es := w.pipeline.options.Encoders; recipient < len(es) && es[recipient] != nil {
		if w.encoded, err = es[recipient].Encode(w.encoded[:0], w.value); err != nil {
			if poison, ok := errors.AsType[*event.Poison](err); ok {
				return w.quarantine(rec, recipient, poison, sink)
			}
			return err
		}
		w.output.Value = w.encoded
	}
	w.output.Time = truncate(now, r.RecordTime)
	w.planHeader(recipient)
	w.output.Headers = w.rewrite.AppendHeaders(w.output.Headers, source, flow, rec.Headers, domain)
	return sink.Forward(recipient, rec, &w.output)
}

// domain gives the recipient's keys of the record's epoch, or why there are none.
func (w *Worker) domain(rec *event.Record, r *policy.Recipient, now int64) (*keyring.Domain, *event.Poison, event.Reason, error) {
	at := rec.Time
	if at < 0 {
		at = now
	}
	d, err := w.pipeline.keys.DomainAt(r.Name, r.Overlap, at, now)
	switch {
	case err == nil:
		return d, nil, event.None, nil
	case errors.Is(err, keyring.ErrEpochEnded):
		return nil, nil, event.EpochEnded, nil
	case errors.Is(err, keyring.ErrFuture):
		return nil, &event.Poison{Reason: event.FutureTime, Offset: -1}, event.None, nil
	}
	return nil, nil, event.None, err
}

// outputKey makes the output's key; nil where there is nothing to make it of.
func (w *Worker) outputKey(rec *event.Record, source, flow int, r *policy.Recipient, d *keyring.Domain) error {
	verdict := transform.Misfit
	w.key = w.key[:0]
	switch r.Key {
	case policy.KeySubject:
		w.key, verdict = w.rewrite.AppendSubject(w.key, flow, d)
	case policy.KeyEvent:
		w.key, verdict = w.rewrite.AppendEventID(w.key, flow, d)
	case policy.KeySource:
		w.key, verdict = w.rewrite.AppendSourceKey(w.key, source, flow, rec.Key, d)
	}
	switch verdict {
	case transform.Done:
		w.output.Key = w.key
	case transform.Shaped:
		return &event.Poison{Reason: event.PseudonymShaped, Rule: "record key", Offset: -1}
	default:
		w.output.Key = nil
	}
	return nil
}

// PlanHeader names the recipient's own part of the plan: two recipients cannot compare theirs.
const PlanHeader = "nym-plan"

func (w *Worker) planHeader(recipient int) {
	w.output.Headers = append(w.output.Headers[:0], event.Header{Key: w.planKey, Value: w.pipeline.hashes[recipient]})
}

// tombstone forwards a null value where the recipient's key is the source's; elsewhere it would delete nothing.
func (w *Worker) tombstone(rec *event.Record, source, flow, recipient int, now int64, sink event.Sink) error {
	w.registry.question = &w.registry.questions[recipient]
	r := &w.pipeline.plan.Recipients[recipient]
	if r.Key != policy.KeySource {
		return sink.Withhold(recipient, rec, event.Tombstone)
	}
	d, poison, reason, err := w.domain(rec, r, now)
	if err == nil && poison == nil && reason == event.None {
		err = w.outputKey(rec, source, flow, r, d)
		if p, ok := errors.AsType[*event.Poison](err); ok {
			poison, err = p, nil
		}
	}
	switch {
	case err != nil:
		return err
	case poison != nil:
		return w.quarantine(rec, recipient, poison, sink)
	case reason != event.None:
		return sink.Withhold(recipient, rec, reason)
	case w.output.Key == nil:
		return sink.Withhold(recipient, rec, event.Tombstone)
	}
	w.output.Value, w.output.Time = rec.Value, truncate(now, r.RecordTime)
	w.planHeader(recipient)
	return sink.Forward(recipient, rec, &w.output)
}

func (w *Worker) quarantine(rec *event.Record, recipient int, p *event.Poison, sink event.Sink) error {
	return sink.Quarantine(&event.Quarantined{Record: rec, Recipients: []int{recipient}, Reason: p.Reason, Rule: p.Rule})
}

func (w *Worker) quarantineAll(rec *event.Record, source int, p *event.Poison, sink event.Sink) error {
	w.everyone = w.everyone[:0]
	err := w.flows(source, func(_, _, recipient int) error {
		w.everyone = append(w.everyone, recipient)
		return nil
	})
	if err != nil || len(w.everyone) == 0 {
		return err
	}
	return sink.Quarantine(&event.Quarantined{Record: rec, Recipients: w.everyone, Reason: p.Reason, Rule: p.Rule})
}

// truncate rounds a time in milliseconds down to a step.
func truncate(ms int64, step time.Duration) int64 {
	if s := step.Milliseconds(); s > 0 {
		return ms - ms%s
	}
	return ms
}
