// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"cmp"
	"errors"
	"slices"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/rewrite"
)

// Explanation says of one sample event what every recipient gets of every leaf, and which rule decided it.
// It holds the sample's clear values: it is for the person who brought the sample.
type Explanation struct {
	Source string          `json:"source"`
	Event  string          `json:"event,omitempty"` // "" when no event of the pack matches
	Fault  string          `json:"fault,omitempty"` // why the payload would be quarantined
	Leaves []ExplainedLeaf `json:"leaves,omitempty"`
	Ends   []End           `json:"recipients,omitempty"`
}

// ExplainedLeaf is one leaf of the sample. Fates are parallel to Explanation.Ends.
type ExplainedLeaf struct {
	Path   string `json:"path"`
	Class  string `json:"class,omitempty"` // "" when the pack does not know the leaf
	Known  string `json:"known,omitempty"` // where the pack says so
	Before string `json:"before"`
	Fates  []Fate `json:"fates"`

	offset int
	leaf   int // index into Event.Leaves, -1 for none, or counted
}

// counted marks the entry of a container of which only its size or presence leaves.
const counted = -2

// Fate is what one recipient gets of a leaf. After is "" when the leaf does not leave.
type Fate struct {
	Technique string `json:"technique,omitempty"`
	Rule      string `json:"rule,omitempty"`
	After     string `json:"after,omitempty"`

	Found []FoundInText `json:"found,omitempty"` // in a text
}

// FoundInText is personal data that was found in a text. Start and End are bytes of the unescaped text.
type FoundInText struct {
	Start   int     `json:"start"`
	End     int     `json:"end"`
	Kind    string  `json:"kind"`
	Subtype string  `json:"subtype,omitempty"`
	Score   float32 `json:"score"`
	Reason  string  `json:"reason"`
}

// End is what becomes of the whole event for one recipient.
type End struct {
	Recipient string `json:"recipient"`
	Outcome   string `json:"outcome"` // forward, withhold, quarantine
	Reason    string `json:"reason,omitempty"`
	Key       string `json:"key,omitempty"`
	Value     string `json:"value,omitempty"`
}

// Explain sends one sample through the pipeline and writes down what decides, for each event in it. An empty recipients
// means all of the source.
func (p *Pipeline) Explain(source int, recipients []int, payload []byte) ([]*Explanation, error) {
	found, err := p.find(source, payload)
	if err != nil {
		return nil, err
	}
	var out []*Explanation
	for i := range found {
		x, err := p.explain(source, recipients, payload, found, i)
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}

// sighting is one event of a payload: which, and where it stands.
type sighting struct {
	fault    string
	known    bool
	kind     int
	from, to int
	element  bool
}

// find looks through a payload for its events.
func (p *Pipeline) find(source int, payload []byte) ([]sighting, error) {
	var out []sighting
	w := p.program.Worker()
	err := w.Read(source, payload)
	for {
		var s sighting
		more := err != nil
		if err == nil {
			more, err = w.Next()
		}
		if !more {
			return out, err
		}
		if err == nil {
			s.from, s.to, s.element = w.Element()
			s.kind, s.known, err = w.Event()
		}
		if poison, ok := errors.AsType[*event.Poison](err); ok {
			s.fault = poison.Error()
			return append(out, s), nil
		}
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
}

func (p *Pipeline) explain(source int, recipients []int, payload []byte, found []sighting, index int) (*Explanation, error) {
	x := &Explanation{Source: p.plan.Sources[source].Name, Fault: found[index].fault}
	kind := found[index].kind
	var e *policy.Event
	if found[index].known {
		e = &p.plan.Sources[source].Events[kind]
		x.Event = e.Name
	}
	for _, l := range p.program.Leaves(source, payload) {
		if elsewhere(found, index, l.Outer) {
			continue
		}
		leaf := ExplainedLeaf{Path: l.Path.String(), Before: string(l.Raw), offset: l.Offset, leaf: declared(e, l.Path)}
		if leaf.leaf >= 0 {
			leaf.Class, leaf.Known = string(e.Leaves[leaf.leaf].Class), e.Leaves[leaf.leaf].Rule
		}
		x.Leaves = append(x.Leaves, leaf)
	}
	w := p.Worker()
	for flow := range w.rewrite.Flows(source) {
		at, recipient := w.rewrite.Flow(source, flow)
		if len(recipients) > 0 && !slices.Contains(recipients, recipient) {
			continue
		}
		if err := p.explainFlow(x, source, kind, at, recipient, e, payload, index); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(x.Leaves, func(a, b ExplainedLeaf) int { return cmp.Compare(a.offset, b.offset) })
	return x, nil
}

// elsewhere tells whether what stands at the offset belongs to another element than the one at index.
func elsewhere(found []sighting, index, offset int) bool {
	for i := range found {
		if i != index && found[i].element && found[i].from <= offset && offset < found[i].to {
			return true
		}
	}
	return false
}

// declared gives the index of the event's leaf with the most literal path that fits, or -1.
func declared(e *policy.Event, path event.Path) int {
	found := -1
	for i := 0; e != nil && i < len(e.Leaves); i++ {
		l := &e.Leaves[i]
		if !l.Container && l.Path.Matches(path) && (found < 0 || len(e.Leaves[found].Path.String()) < len(l.Path.String())) {
			found = i
		}
	}
	return found
}

func (p *Pipeline) explainFlow(x *Explanation, source, kind, index, recipient int, e *policy.Event, payload []byte, element int) error {
	w := p.For([]int{recipient})
	w.element = element
	after := map[int]string{}
	found := map[int][]FoundInText{}
	chosen := map[int]int{} // which of a leaf's cases held
	var containers []rewrite.Step
	w.rewrite.Trace = func(s rewrite.Step) {
		if s.Leaf >= 0 && s.Before != nil {
			chosen[s.Offset] = s.Leaf
		}
		after[s.Offset] = string(s.After)
		delete(found, s.Offset) // who was missed has the event decided again
		for _, f := range s.Found {
			found[s.Offset] = append(found[s.Offset], FoundInText{f.Start, f.End, f.Kind.String(), f.Subtype, f.Score, f.Reason.String()})
		}
		if s.Before == nil {
			containers = append(containers, rewrite.Step{Leaf: s.Leaf, Offset: s.Offset, After: slices.Clone(s.After)})
		}
	}
	end := &endSink{end: End{Recipient: p.plan.Recipients[recipient].Name}}
	batch := []event.Record{{Topic: p.plan.Sources[source].Topics[0], Time: -1, Value: payload}}
	if err := w.Process(batch, end); err != nil {
		return err
	}
	x.Ends = append(x.Ends, end.end)
	for i := range x.Leaves {
		if x.Leaves[i].leaf == counted {
			continue
		}
		fate := Fate{After: after[x.Leaves[i].offset], Found: found[x.Leaves[i].offset]}
		if c, ok := chosen[x.Leaves[i].offset]; ok && e != nil && c < len(e.Leaves) {
			x.Leaves[i].leaf, x.Leaves[i].Class, x.Leaves[i].Known = c, string(e.Leaves[c].Class), e.Leaves[c].Rule
		}
		if ds := p.decisions(index, kind, e); x.Leaves[i].leaf >= 0 && x.Leaves[i].leaf < len(ds) {
			d := &ds[x.Leaves[i].leaf]
			fate.Technique, fate.Rule = d.Technique.Name, d.Rule
		}
		x.Leaves[i].Fates = append(x.Leaves[i].Fates, fate)
	}
	for _, s := range containers {
		d := &p.plan.Flows[index].Events[kind].Decisions[s.Leaf]
		l := x.container(s.Offset, e.Leaves[s.Leaf].Path.String())
		l.Fates = append(l.Fates[:min(len(l.Fates), len(x.Ends)-1)], make([]Fate, max(0, len(x.Ends)-1-len(l.Fates)))...)
		l.Fates = append(l.Fates, Fate{Technique: d.Technique.Name, Rule: d.Rule, After: string(s.After)})
	}
	for i := range x.Leaves {
		if len(x.Leaves[i].Fates) < len(x.Ends) { // a container that this recipient has no rule for
			x.Leaves[i].Fates = append(x.Leaves[i].Fates, Fate{})
		}
	}
	return nil
}

// container gives the entry of a counted container, a new one for the first recipient that has a rule for it.
func (x *Explanation) container(offset int, path string) *ExplainedLeaf {
	for i := range x.Leaves {
		if x.Leaves[i].offset == offset && x.Leaves[i].leaf == counted {
			return &x.Leaves[i]
		}
	}
	x.Leaves = append(x.Leaves, ExplainedLeaf{Path: path, Before: "[…]", offset: offset, leaf: counted})
	return &x.Leaves[len(x.Leaves)-1]
}

func (p *Pipeline) decisions(flow, kind int, e *policy.Event) []policy.Decision {
	if e == nil {
		return nil
	}
	return p.plan.Flows[flow].Events[kind].Decisions
}

// endSink notes what became of the one event.
type endSink struct{ end End }

func (s *endSink) Forward(_ int, _ *event.Record, out *event.Output) error {
	s.end.Outcome, s.end.Key, s.end.Value = "forward", string(out.Key), string(out.Value)
	return nil
}

func (s *endSink) Withhold(_ int, _ *event.Record, reason event.Reason) error {
	s.end.Outcome, s.end.Reason = "withhold", reason.String()
	return nil
}

func (s *endSink) Quarantine(q *event.Quarantined) error {
	s.end.Outcome, s.end.Reason = "quarantine", (&event.Poison{Reason: q.Reason, Rule: q.Rule}).Error()
	return nil
}
