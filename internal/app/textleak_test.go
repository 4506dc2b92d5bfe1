// SPDX-License-Identifier: Apache-2.0

package app

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/pipeline"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/rewrite"
)

// ownNames are the classes of labels by which an event's texts can name its people.
var ownNames = []string{"handle", "display_name", "full_name", "email", "phone"}

// TestTextsOfTheCorpus sends the texts of all real events through the technique that searches them. The labels of an event that
// stand in its texts are its own people's names: nearly none may be left, and none of an address or a handle with its sign.
func TestTextsOfTheCorpus(t *testing.T) {
	if underRace {
		t.Skip("one goroutine: not run under the race detector")
	}
	stood, left := 0, 0
	for _, platform := range slices.Sorted(maps.Keys(platforms)) {
		events := corpusEventsOf(t, platform)
		kept := ownNamesIn(t, platform, events, `{keep: {type: string, max: 100000}, clear: "a test"}`)
		searched := ownNamesIn(t, platform, events, "text")
		for i := range events {
			for value := range kept[i] {
				if len(searched) == 0 {
					continue
				}
				stood++
				if searched[i][value] {
					left++
					t.Logf("%s: the %s of %s is left in a text", &events[i], value.class, value.path)
				}
			}
		}
	}
	if stood == 0 {
		return // no corpus
	}
	t.Logf("%d of %d names of their own people are left in texts: recall %.4f", left, stood, 1-float64(left)/float64(stood))
	if stood < 300 || float64(left) > .01*float64(stood) {
		t.Errorf("%d of %d are left, want at most one in a hundred of at least 300", left, stood)
	}
}

// ownNamesIn tells which labels of each event stand in the texts that leave under a rule for texts.
func ownNamesIn(t *testing.T, platform string, events []corpusEvent, rule string) []map[personal]bool {
	t.Helper()
	rules := regexp.MustCompile(`(?m)^      (text|free): .*$`)
	text := rules.ReplaceAll(typical(t, platforms[platform]), []byte("      $1: "+rule))
	plan, err := policy.LoadBytes("typical.yaml", text, nil, "")
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
	worker, found := p.Worker(), make([]map[personal]bool, len(events))
	for i := range events {
		s := &ownNamesSink{event: &events[i], found: map[personal]bool{}}
		rec := event.Record{Topic: "raw", Offset: int64(i), Time: time.Now().UnixMilli(), Value: events[i].payload}
		if err := worker.Process([]event.Record{rec}, s); err != nil {
			t.Fatal(err)
		}
		found[i] = s.found
	}
	return found
}

// ownNamesSink notes which labels of an event stand in its outputs.
type ownNamesSink struct {
	event *corpusEvent
	found map[personal]bool
}

func (s *ownNamesSink) Forward(_ int, _ *event.Record, out *event.Output) error {
	for _, leaf := range rewrite.Leaves(out.Value) {
		text := textOf(leaf.Raw)
		for _, v := range s.event.values {
			if slices.Contains(ownNames, v.class) && len(v.value) >= shortest && holdsWord(text, v.value) && !harmless(v, leaf.Path, text) && !standsAt(v, leaf.Path) {
				s.found[v] = true
			}
		}
	}
	return nil
}

func (*ownNamesSink) Withhold(int, *event.Record, event.Reason) error { return nil }
func (*ownNamesSink) Quarantine(*event.Quarantined) error             { return nil }

// standsAt tells of the label's own field: the title of a page, say, which its pack calls a text and the labels a name.
func standsAt(v personal, path event.Path) bool {
	labeled, _, err := event.ParsePath(v.path)
	return err == nil && labeled.Matches(path)
}

// holdsWord tells whether a word or phrase stands in a text, and is no part of a longer word.
func holdsWord(text, word string) bool {
	part := func(s string) bool {
		r, _ := utf8.DecodeRuneInString(s)
		return s != "" && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_')
	}
	for from := 0; ; {
		n := strings.Index(text[from:], word)
		if n < 0 {
			return false
		}
		at := from + n
		last, _ := utf8.DecodeLastRuneInString(text[:at])
		if !part(string(last)) && !part(text[at+len(word):]) {
			return true
		}
		from = at + len(word)
	}
}
