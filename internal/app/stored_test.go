// SPDX-License-Identifier: Apache-2.0

package app

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/pipeline"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/store/storetest"
	"github.com/nymstream/nymstream/internal/subject"
)

// keeper keeps people in memory.
type keeper struct{ *subject.Directory }

func (keeper) Touch(int32, []*subject.Person)       {}
func (keeper) Link(subject.Key, subject.Key, int64) {}

var _ pipeline.People = keeper{}

// leavesOf notes the leaves of what is forwarded, with their types for pseudonyms and seals.
type leavesOf struct {
	all      map[string]int // "offset recipient path value", how often
	outcomes []string
}

var (
	allSeals     = regexp.MustCompile(`A[A-Za-z0-9_-]{60,}`)
	allPseudonym = regexp.MustCompile(`([a-z]{3})_[0-9]+_[0-9a-v]{26}`)
)

func (l *leavesOf) Forward(r int, rec *event.Record, out *event.Output) error {
	var document any
	if err := json.Unmarshal(out.Value, &document); err != nil {
		return err
	}
	l.outcomes = append(l.outcomes, fmt.Sprintf("%d to %d: forwarded", rec.Offset, r))
	l.add(fmt.Sprintf("%d %d $", rec.Offset, r), document)
	return nil
}

// add notes what is below a place. Elements of an array lose their number: others of the array may be missing.
func (l *leavesOf) add(path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, below := range v {
			l.add(path+"."+allPseudonym.ReplaceAllString(name, "$1"), below)
		}
	case []any:
		for _, below := range v {
			l.add(path+"[]", below)
		}
	case string:
		var inner any
		if len(v) > 1 && (v[0] == '{' || v[0] == '[') && json.Unmarshal([]byte(v), &inner) == nil {
			l.add(path+"{}", inner)
			return
		}
		l.all[path+" "+allSeals.ReplaceAllString(allPseudonym.ReplaceAllString(v, "$1"), "SEALED")]++
	default:
		l.all[fmt.Sprint(path, " ", v)]++
	}
}

func (l *leavesOf) Withhold(r int, rec *event.Record, reason event.Reason) error {
	l.outcomes = append(l.outcomes, fmt.Sprintf("%d to %d: %s", rec.Offset, r, reason))
	return nil
}

func (l *leavesOf) Quarantine(q *event.Quarantined) error {
	l.outcomes = append(l.outcomes, fmt.Sprintf("%d: %s %s", q.Record.Offset, q.Reason, q.Rule))
	return nil
}

// TestKeptPeopleComeOutAlike sends the whole corpus through pipelines that derive people's secrets and that keep them. Where everybody
// may be known, the same events are forwarded, no leaf is another, and hardly any is missing: those of people whom nothing names, and
// of people whom a deletion may not make known.
func TestKeptPeopleComeOutAlike(t *testing.T) {
	if underRace {
		t.Skip("one goroutine: not run under the race detector")
	}
	total, missing := 0, 0
	for _, platform := range slices.Sorted(maps.Keys(platforms)) {
		events := corpusEventsOf(t, platform)
		plan, err := policy.LoadBytes("typical.yaml", typical(t, platforms[platform]), nil, "")
		if err != nil {
			t.Fatal(err)
		}
		plan.Ages.UnknownIsAdult = true
		keys, err := keyring.Ephemeral("test", []string{"analytics"}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		var batch []event.Record
		for i := range events {
			batch = append(batch, event.Record{Topic: "raw", Offset: int64(i), Time: time.Now().UnixMilli(), Value: events[i].payload})
		}
		decide := func(o pipeline.Options) *leavesOf {
			o.AssumeConsent = true
			p, err := pipeline.New(plan, keys, o)
			if err != nil {
				t.Fatalf("%s: %v", platform, err)
			}
			l := &leavesOf{all: map[string]int{}}
			if err := p.Worker().Process(batch, l); err != nil {
				t.Fatal(err)
			}
			return l
		}
		derived := decide(pipeline.Options{})
		kept := decide(pipeline.Options{People: keeper{subject.NewDirectory(subject.Options{Store: storetest.Memory(), Keys: keys})}})
		if !slices.Equal(derived.outcomes, kept.outcomes) {
			t.Errorf("%s: other events are forwarded of people who are kept", platform)
		}
		for leaf, n := range kept.all {
			if derived.all[leaf] < n {
				t.Errorf("%s: a leaf that does not leave where people are not kept: %s", platform, leaf)
			}
		}
		lost := 0
		for leaf, n := range derived.all {
			total += n
			lost += n - kept.all[leaf]
		}
		missing += lost
	}
	if total > 0 {
		t.Logf("%d of %d leaves are missing, %.2f %%", missing, total, 100*float64(missing)/float64(total))
		if missing == 0 || missing > total/30 {
			t.Errorf("want some, and at most one in thirty")
		}
	}
}
