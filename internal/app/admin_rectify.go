// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/pipeline"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/rewrite"
	"github.com/nymstream/nymstream/internal/rights"
)

// Correction says of whom which fields were wrong, and what is right.
type Correction struct {
	About
	Classes []string        `json:"classes"`
	Source  string          `json:"source,omitempty"` // of the policy, whose event the record is
	Record  json.RawMessage `json:"record,omitempty"` // an event of one person as the source should have sent it; none: better ones follow from the source
}

// Corrected is what a correction came to.
type Corrected struct {
	Subjects int               `json:"subjects"`
	Events   int               `json:"events"`             // correction events
	Records  int               `json:"records"`            // of them, with the corrected record
	Withheld map[string]string `json:"withheld,omitempty"` // recipients that may not have the record, and why
}

func (a *Admin) subjectRectify(ctx context.Context, by caller, o Correction, out io.Writer) error {
	if err := o.check(); err != nil {
		return err
	}
	c := rights.Correction{Classes: o.Classes, Ground: o.Reason}
	done := Corrected{Subjects: len(o.Subjects)}
	if len(o.Record) > 0 {
		right, err := a.sanitized(ctx, &o)
		if err != nil {
			return err
		}
		c.Records, done.Withheld = right.records, right.withheld
	}
	for i, who := range o.Subjects {
		told, err := a.people.rights.Correct(ctx, by.rights(), who, c)
		if err != nil {
			return numbered(i, len(o.Subjects), err)
		}
		done.Events += told.Events
		done.Records += told.Records
	}
	return write(out, done)
}

// sanitized passes a corrected record through the policy, as if its source had sent it now: every recipient gets the new values by its own
// techniques, or does not get them.
func (a *Admin) sanitized(ctx context.Context, o *Correction) (*correctionSink, error) {
	plan := a.plan()
	source, err := findSource(plan, o.Source)
	switch {
	case err != nil:
		return nil, err
	case len(o.Subjects) != 1:
		return nil, errors.New("a corrected record is one person's: give one --subject")
	}
	limits := rewrite.Options{MaxDepth: a.config.Limits.Depth, MaxBytes: int(a.config.Limits.Record), SealKeys: 1024}
	plan = onlyFrom(plan, source)
	p, err := pipeline.New(plan, a.keys, pipeline.Options{AssumeConsent: a.config.AssumeConsent, People: a.people.kept(), Now: a.now, Limits: limits})
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	if err := a.people.control.Await(limited); err != nil { // what people say now decides
		return nil, fmt.Errorf("%w: what people said lately is not known here (%w): send the command to a running instance, with --token", ErrDown, err)
	}
	sink := &correctionSink{plan: plan, records: map[string]json.RawMessage{}, withheld: map[string]string{}}
	record := event.Record{Topic: plan.Sources[0].Topics[0], Time: a.now().UnixMilli(), Value: o.Record}
	if err := p.Worker().Process([]event.Record{record}, sink); err != nil {
		return nil, err
	}
	if len(sink.records) == 0 {
		return nil, no("no recipient may have the corrected record: %s", sink.why())
	}
	return sink, nil
}

// onlyFrom is the part of a plan that one source needs. Recipients keep their numbers.
func onlyFrom(plan *policy.Plan, source int) *policy.Plan {
	part := *plan
	part.Sources, part.Flows = []policy.Source{plan.Sources[source]}, nil
	for _, f := range plan.Flows {
		if f.Source == source {
			f.Source = 0
			part.Flows = append(part.Flows, f)
		}
	}
	return &part
}

// correctionSink keeps what each recipient may have of a corrected record.
type correctionSink struct {
	plan     *policy.Plan
	records  map[string]json.RawMessage
	withheld map[string]string
}

func (s *correctionSink) Forward(recipient int, _ *event.Record, out *event.Output) error {
	name := s.plan.Recipients[recipient].Name
	if s.records[name] != nil {
		return errors.New("the record holds several events: give one")
	}
	s.records[name] = bytes.Clone(out.Value)
	return nil
}

func (s *correctionSink) Withhold(recipient int, _ *event.Record, reason event.Reason) error {
	s.withheld[s.plan.Recipients[recipient].Name] = reason.String()
	return nil
}

func (s *correctionSink) Quarantine(q *event.Quarantined) error {
	return fmt.Errorf("the record cannot be sanitized: %s (%s); `nymstream policy explain` shows where", q.Reason, q.Rule)
}

func (s *correctionSink) why() string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(s.withheld)) {
		all = append(all, name+" "+s.withheld[name])
	}
	return list(all)
}
