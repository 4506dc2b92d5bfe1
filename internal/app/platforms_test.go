// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/pipeline"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/rewrite"
)

// typical is the policy of a team that counts and joins, on one pack.
func typical(t testing.TB, pack string) []byte {
	t.Helper()
	text, err := os.ReadFile("../policy/testdata/typical.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.ReplaceAll(text, []byte("pack: mastodon@1"), []byte("pack: "+pack+"@1"))
}

// TestNothingLeaksOfAnyPlatform sends the whole corpus through the packs of its platforms and a typical policy: no labeled value
// leaves, every event is accounted for, and one identifier has one pseudonym.
func TestNothingLeaksOfAnyPlatform(t *testing.T) {
	if underRace {
		t.Skip("one goroutine: not run under the race detector")
	}
	total, labeled, forwarded := 0, 0, 0
	for _, platform := range slices.Sorted(maps.Keys(platforms)) {
		t.Run(platform, func(t *testing.T) {
			events := corpusEventsOf(t, platform)
			plan, err := policy.LoadBytes("typical.yaml", typical(t, platforms[platform]), nil, "")
			if err != nil {
				t.Fatal(err)
			}
			keys, err := keyring.Ephemeral("test", []string{"analytics"}, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			p, err := pipeline.New(plan, keys, pipeline.Options{})
			if err != nil {
				t.Fatal(err)
			}
			program, err := rewrite.Compile(plan, keys, rewrite.Options{})
			if err != nil {
				t.Fatal(err)
			}
			counter := program.Worker()
			sink := &leakSink{t: t, plan: plan, worker: p.Worker()}
			tally := &outcomeTally{leakSink: sink, withheld: map[string]int{}, quarantined: map[string]int{}}
			for i := range events {
				e := &events[i]
				sink.event = e
				labeled += len(e.values)
				before := tally.outcomes()
				rec := event.Record{Topic: "raw", Offset: int64(i), Time: time.Now().UnixMilli(), Value: e.payload, Key: e.payload[:min(len(e.payload), 40)]}
				if err := sink.worker.Process([]event.Record{rec}, tally); err != nil {
					t.Fatal(err)
				}
				if got, want := tally.outcomes()-before, elementsOf(t, counter, e.payload); got != want && tally.last != "quarantined" {
					t.Errorf("%s holds %d events, and %d were accounted for", e, want, got)
				}
			}
			total += len(events)
			forwarded += sink.forwarded
			t.Logf("%d records: %d events forwarded, withheld %v, quarantined %v", len(events), sink.forwarded, tally.withheld, tally.quarantined)
			joins(t, program, keys, events)
		})
	}
	if total > 0 {
		t.Logf("%d records with %d labeled values, %d events forwarded", total, labeled, forwarded)
		if total < 3400 || labeled < 18000 {
			t.Errorf("%d records, %d values: too few to show anything", total, labeled)
		}
	}
}

// outcomeTally counts what becomes of events, and looks at what leaves.
type outcomeTally struct {
	*leakSink
	withheld, quarantined map[string]int
	last                  string
}

func (s *outcomeTally) outcomes() int {
	n := s.forwarded
	for _, k := range s.withheld {
		n += k
	}
	for _, k := range s.quarantined {
		n += k
	}
	return n
}

func (s *outcomeTally) Forward(recipient int, rec *event.Record, out *event.Output) error {
	s.last = "forwarded"
	return s.leakSink.Forward(recipient, rec, out)
}

func (s *outcomeTally) Withhold(_ int, _ *event.Record, reason event.Reason) error {
	s.last = "withheld"
	s.withheld[reason.String()]++
	return nil
}

func (s *outcomeTally) Quarantine(q *event.Quarantined) error {
	s.last = "quarantined"
	s.quarantined[q.Reason.String()]++
	return s.leakSink.Quarantine(q)
}

func elementsOf(t *testing.T, w *rewrite.Worker, payload []byte) int {
	t.Helper()
	if err := w.Read(0, payload); err != nil {
		return 1
	}
	n := 0
	for {
		more, err := w.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !more {
			return n
		}
		n++
	}
}

// joins checks that what names the same is written as the same pseudonym everywhere, and nothing else is.
func joins(t *testing.T, program *rewrite.Program, keys *keyring.Keyring, events []corpusEvent) {
	t.Helper()
	now := time.Now().UnixMilli()
	domain, err := keys.DomainAt("analytics", 0, now, now)
	if err != nil {
		t.Fatal(err)
	}
	names, pseudonyms := map[string]string{}, map[string]string{}
	leaves := 0
	w := program.Worker()
	for i := range events {
		if w.Read(0, events[i].payload) != nil {
			continue
		}
		for {
			more, err := w.Next()
			if err != nil || !more {
				break
			}
			kind, known, err := w.Event()
			if err != nil || !known || !w.HasSubject() {
				continue
			}
			e := &program.Plan.Sources[0].Events[kind]
			w.Trace = func(s rewrite.Step) {
				if s.Leaf < 0 || s.After == nil || s.Before == nil {
					return
				}
				l := &e.Leaves[s.Leaf]
				if l.Class != policy.Account && l.Class != policy.ObjectID && l.Class != policy.Group || len(l.Templates) > 0 || slices.ContainsFunc(l.Except, func(x policy.Literal) bool { return x.Text == textOf(s.Before) }) {
					return
				}
				leaves++
				name := string(l.Class) + " " + strings.TrimSpace(textOf(s.Before))
				after := string(s.After)
				if had := names[name]; had != "" && had != after {
					t.Errorf("%s: one identifier of %s has two pseudonyms", &events[i], l.Path)
				}
				names[name] = after
				if l.Class != policy.Account { // spellings of one object differ in nothing
					if had := pseudonyms[after]; had != "" && had != name {
						t.Errorf("%s: two identifiers of %s have one pseudonym", &events[i], l.Path)
					}
					pseudonyms[after] = name
				}
			}
			if _, err := w.Append(nil, 0, domain); err != nil {
				t.Error(&events[i], err)
			}
		}
	}
	t.Logf("%d identifiers in %d places", len(names), leaves)
}
