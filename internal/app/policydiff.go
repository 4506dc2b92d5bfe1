// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/pipeline"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/rewrite"
)

// SampleChange is what two plans let leave differently of sample events: counts, never a value.
type SampleChange struct {
	Recipient     string        `json:"recipient"`
	Events        int           `json:"events"`
	ForwardBefore int           `json:"forwarded_before"`
	ForwardAfter  int           `json:"forwarded_after"`
	Fields        []FieldChange `json:"fields,omitempty"` // by path
}

// FieldChange counts the records in which a field leaves now and did not before, does not leave any more, or leaves otherwise.
type FieldChange struct {
	Path    string `json:"path"`
	Added   int    `json:"added,omitempty"`
	Gone    int    `json:"gone,omitempty"`
	Changed int    `json:"changed,omitempty"`
}

// More tells whether more leaves of the samples.
func (c *SampleChange) More() bool {
	return c.ForwardAfter > c.ForwardBefore || slices.ContainsFunc(c.Fields, func(f FieldChange) bool { return f.Added > 0 })
}

// DiffSamples sends JSON Lines through both plans with the same fresh keys, consent assumed, and counts what leaves differently.
func DiffSamples(old, next *policy.Plan, source string, in io.Reader) ([]SampleChange, error) {
	names := map[string]bool{}
	for _, p := range []*policy.Plan{old, next} {
		for i := range p.Recipients {
			names[p.Recipients[i].Name] = true
		}
	}
	recipients := slices.Sorted(maps.Keys(names))
	keys, err := keyring.Ephemeral("diff", recipients, testTime)
	if err != nil {
		return nil, err
	}
	before, err := newSampler(old, keys, source)
	if err != nil {
		return nil, err
	}
	after, err := newSampler(next, keys, source)
	if err != nil {
		return nil, err
	}
	if before == nil && after == nil {
		return nil, fmt.Errorf("neither policy has a source %q", source)
	}
	d := sampleDiff{known: append(before.paths(), after.paths()...), named: map[string]string{}, of: map[string]*sampleCount{}}
	for _, r := range recipients {
		d.of[r] = &sampleCount{fields: map[string]*FieldChange{}}
	}
	lines := newLineReader(bufio.NewReader(in), 10<<20)
	for {
		text, err := lines.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read input: %w", err)
		}
		if len(text) == 0 {
			continue
		}
		a, err := before.outputs(text)
		if err != nil {
			return nil, err
		}
		b, err := after.outputs(text)
		if err != nil {
			return nil, err
		}
		for _, r := range recipients {
			d.compare(d.of[r], a[r], b[r])
		}
	}
	return d.report(recipients), nil
}

// sampler runs one plan; nil where its policy does not have the source.
type sampler struct {
	plan   *policy.Plan
	source int
	worker *pipeline.Worker
}

func newSampler(plan *policy.Plan, keys *keyring.Keyring, source string) (*sampler, error) {
	at, err := findSource(plan, source)
	if err != nil {
		return nil, nil // a source that only one of two policies has is a difference
	}
	p, err := pipeline.New(plan, keys, pipeline.Options{AssumeConsent: true, Now: func() time.Time { return testTime }})
	if err != nil {
		return nil, err
	}
	return &sampler{plan, at, p.Worker()}, nil
}

// paths lists what the packs say of the source's fields: a report names these, not what samples call the members of a map.
func (s *sampler) paths() []event.Path {
	var out []event.Path
	if s != nil {
		for i := range s.plan.Sources[s.source].Events {
			for _, l := range s.plan.Sources[s.source].Events[i].Leaves {
				out = append(out, l.Path)
			}
		}
	}
	return out
}

// outputs gives what leaves of one record, by recipient.
func (s *sampler) outputs(payload []byte) (map[string][][]byte, error) {
	out := map[string][][]byte{}
	if s == nil {
		return out, nil
	}
	sink := &sampleSink{plan: s.plan, out: out}
	record := event.Record{Topic: s.plan.Sources[s.source].Topics[0], Time: -1, Value: slices.Clone(payload)}
	return out, s.worker.Process([]event.Record{record}, sink)
}

type sampleSink struct {
	plan *policy.Plan
	out  map[string][][]byte
}

func (s *sampleSink) Forward(recipient int, _ *event.Record, out *event.Output) error {
	name := s.plan.Recipients[recipient].Name
	s.out[name] = append(s.out[name], slices.Clone(out.Value))
	return nil
}

func (s *sampleSink) Withhold(int, *event.Record, event.Reason) error { return nil }
func (s *sampleSink) Quarantine(*event.Quarantined) error             { return nil }

type sampleCount struct {
	events, before, after int
	fields                map[string]*FieldChange
}

type sampleDiff struct {
	known []event.Path
	named map[string]string // what a path of an output is called
	of    map[string]*sampleCount
}

// compare counts one record.
func (d *sampleDiff) compare(c *sampleCount, before, after [][]byte) {
	c.events++
	c.before += len(before)
	c.after += len(after)
	a, b := d.values(before), d.values(after)
	for path, values := range b {
		switch was := a[path]; {
		case len(values) > len(was):
			c.field(path).Added++
		case len(values) == len(was) && !alike(was, values):
			c.field(path).Changed++
		}
	}
	for path, values := range a {
		if len(values) > len(b[path]) {
			c.field(path).Gone++
		}
	}
}

func (c *sampleCount) field(path string) *FieldChange {
	if c.fields[path] == nil {
		c.fields[path] = &FieldChange{Path: path}
	}
	return c.fields[path]
}

// sealShaped is what a sealed value looks like: it is another one each time.
var sealShaped = regexp.MustCompile(`^"[A-Za-z0-9_-]{40,}"$`)

func alike(a, b []string) bool {
	for i := range a {
		if a[i] != b[i] && (len(a[i]) != len(b[i]) || !sealShaped.MatchString(a[i]) || !sealShaped.MatchString(b[i])) {
			return false
		}
	}
	return true
}

// values gives the values that leave, by what their paths are called.
func (d *sampleDiff) values(outputs [][]byte) map[string][]string {
	out := map[string][]string{}
	for _, o := range outputs {
		for _, l := range rewrite.Leaves(o) {
			name := d.name(l.Path)
			out[name] = append(out[name], string(l.Raw))
		}
	}
	return out
}

// name calls a path of an output what the pack calls it.
func (d *sampleDiff) name(path event.Path) string {
	general := slices.Clone(path)
	for i := range general {
		if general[i].Kind == event.Index {
			general[i] = event.Segment{Kind: event.Each}
		}
	}
	key := general.String()
	if name, known := d.named[key]; known {
		return name
	}
	name := "a place that no pack names"
	for _, p := range d.known {
		if at := slices.IndexFunc(p, func(s event.Segment) bool { return s.Kind == event.Decoded }); at >= 0 {
			p = p[:at]
		}
		if p.Matches(path) {
			name = p.String()
			break
		}
	}
	d.named[key] = name
	return name
}

func (d *sampleDiff) report(recipients []string) []SampleChange {
	var out []SampleChange
	for _, r := range recipients {
		c := d.of[r]
		change := SampleChange{Recipient: r, Events: c.events, ForwardBefore: c.before, ForwardAfter: c.after}
		for _, f := range slices.SortedFunc(maps.Values(c.fields), func(a, b *FieldChange) int { return cmp.Compare(a.Path, b.Path) }) {
			change.Fields = append(change.Fields, *f)
		}
		if len(change.Fields) > 0 || c.before != c.after {
			out = append(out, change)
		}
	}
	return out
}

// PrintDiff writes the differences of two policies for a person: + more leaves, - less does, ~ neither.
func PrintDiff(out io.Writer, changes policy.Changes, samples []SampleChange) {
	marks := map[policy.Direction]string{policy.More: "+", policy.Less: "-", policy.Other: "~"}
	for _, c := range changes {
		fmt.Fprintf(out, "%s %s\n", marks[c.Direction], c)
	}
	for i := range samples {
		s := &samples[i]
		fmt.Fprintf(out, "of %d samples, %s: %d events forwarded before, %d after\n", s.Events, s.Recipient, s.ForwardBefore, s.ForwardAfter)
		for _, f := range s.Fields {
			fmt.Fprintf(out, "  %s:", f.Path)
			for _, n := range []struct {
				count int
				what  string
			}{{f.Added, "leaves now"}, {f.Gone, "no longer leaves"}, {f.Changed, "leaves otherwise"}} {
				if n.count > 0 {
					fmt.Fprintf(out, " %s in %d", n.what, n.count)
				}
			}
			fmt.Fprintln(out)
		}
	}
}
