// SPDX-License-Identifier: Apache-2.0

package foreign

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/nymstream/nymstream/internal/consent"
)

// marker stands where a message should have something else; no error may repeat it.
const marker = "Zq7-marker"

// mutants gives the document with each of its values, one at a time, left out or replaced by something of another kind.
func mutants(doc any) (all []any) {
	replacements := []any{nil, true, json.Number("-1.5e9"), json.Number("12"), "", marker, marker + "\x00", []any{}, []any{marker}, map[string]any{}, map[string]any{"id": marker}}
	switch doc := doc.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(doc)) {
			without := maps.Clone(doc)
			delete(without, name)
			all = append(all, without)
			for _, v := range append(mutants(doc[name]), replacements...) {
				changed := maps.Clone(doc)
				changed[name] = v
				all = append(all, changed)
			}
			renamed := maps.Clone(without)
			renamed[marker] = doc[name]
			all = append(all, renamed)
		}
	case []any:
		for i := range doc {
			for _, v := range append(mutants(doc[i]), replacements...) {
				changed := slices.Clone(doc)
				changed[i] = v
				all = append(all, changed)
			}
		}
	}
	return all
}

// checkContract holds what a reader gave against what every caller may rely on.
func checkContract(t *testing.T, payload []byte, all []Told, err error) {
	t.Helper()
	if err != nil {
		if len(all) != 0 && all[0].Signals != nil {
			t.Fatalf("%s: signals beside an error", payload)
		}
		if strings.Contains(err.Error(), marker) {
			t.Fatalf("%s: the error repeats a value: %v", payload, err)
		}
		return
	}
	for _, told := range all {
		if told.What == "" || strings.Contains(told.What, marker) {
			t.Fatalf("%s: what was told has the name %q", payload, told.What)
		}
		if told.Object != nil && (told.Object.ID == "" || told.Object.Type != "object-id" || told.Object.Fate < Deleted || told.Object.Fate > Restored) {
			t.Fatalf("%s: an object without an id or a fate", payload)
		}
		if (told.Subject.ID == "") != (told.Subject.Type == "") || len(told.Signals) > 0 && told.Subject.ID == "" {
			t.Fatalf("%s: a subject that names nobody", payload)
		}
		for _, s := range told.Signals {
			checkSignal(t, payload, s)
		}
		if len(told.Signals) > 0 {
			checkRecord(t, payload, told)
		}
	}
}

// checkRecord takes what was told through a record of the signals topic.
func checkRecord(t *testing.T, payload []byte, told Told) {
	t.Helper()
	record, err := consent.EncodeSignals(told.Subject, told.Signals)
	if err != nil {
		t.Fatalf("%s: %v", payload, err)
	}
	subject, signals, err := consent.DecodeSignals(record, arrived)
	if err != nil || subject != told.Subject || !slices.Equal(signals, told.Signals) {
		t.Fatalf("%s: the signals topic holds %s, %v", payload, record, err)
	}
}

func checkSignal(t *testing.T, payload []byte, s consent.Signal) {
	t.Helper()
	switch {
	case s.At < earliest || s.At > arrived+maxSkew:
		t.Fatalf("%s: a signal of %d", payload, s.At)
	case s.Source == "" || strings.Contains(s.Source+s.Purpose, marker):
		t.Fatalf("%s: a signal by %q for %q", payload, s.Source, s.Purpose)
	case s.Kind == consent.Restriction && s.Purpose == "":
		t.Fatalf("%s: a restriction without a ground, which only a person or an officer makes", payload)
	case s.Verdict == consent.Allow && s.Kind != consent.Restriction && s.Kind != consent.Sale:
		t.Fatalf("%s: kind %d was permitted", payload, s.Kind)
	case s.Expires != 0 || s.Notice != "":
		t.Fatalf("%s: a signal that expires or shows a notice", payload)
	}
}

func TestMutations(t *testing.T) {
	count := 0
	for _, tt := range readerTests {
		read, _ := ReaderOf(tt.pack)
		root, err := parse([]byte(tt.payload))
		if err != nil {
			t.Fatal(err)
		}
		for _, mutant := range mutants(root.value) {
			payload, err := json.Marshal(mutant)
			if err != nil {
				t.Fatal(err)
			}
			told, err := read(from, payload)
			checkContract(t, payload, told, err)
			count++
		}
	}
	if count < 6_000 {
		t.Errorf("only %d mutants", count)
	}
}

// A message cut short is no message.
func TestTruncations(t *testing.T) {
	for _, tt := range readerTests {
		read, _ := ReaderOf(tt.pack)
		for end := range tt.payload {
			if told, err := read(from, []byte(tt.payload[:end])); err == nil {
				t.Fatalf("%s: accepted as %s", tt.payload[:end], renderAll(told, nil))
			}
		}
	}
}

// Every event of a platform's corpus is either understood or refused; what says nothing stays nothing.
func TestCorpusEvents(t *testing.T) {
	files := map[string][]string{
		"github":   {"gh_webhook__octokit-webhooks-examples__fixture-octocat-.jsonl"},
		"slack":    {"slack_events__slackapi-java-slack-sdk__blanked-shape.jsonl", "slack_go_events__github-com-slack-go-slack__fixture.jsonl"},
		"bluesky":  {"firehose_frame__github-com-bluesky-social-indigo__recorded-test-ac.jsonl", "jetstream_derived__github-com-bluesky-social-indigo__derived-real-rec.jsonl"},
		"discord":  {"discord_gateway__discord-discord-api-docs__docs-example.jsonl"},
		"facebook": {"page_webhook__restfb-restfb__fixture.jsonl", "messenger_webhook__restfb-restfb__fixture.jsonl"},
		"activitypub": {
			"ap_lemmy__lemmynet-lemmy__recorded-federat.jsonl", "ap_mastodon__lemmynet-lemmy__recorded-federat.jsonl",
			"ap_pleroma__lemmynet-lemmy__recorded-federat.jsonl", "ap_peertube__lemmynet-lemmy__recorded-federat.jsonl",
		},
	}
	for pack, names := range files {
		read, _ := ReaderOf(pack)
		for _, name := range names {
			said := map[string]int{}
			for _, payload := range lines[json.RawMessage](t, "events/"+pack, name) {
				told, err := read(from, payload)
				checkContract(t, payload, told, err)
				for _, one := range told {
					said[effect(one)]++
				}
				if err != nil {
					said[fmt.Sprint(err)]++
				}
			}
			t.Logf("%s: %v", name, said)
		}
	}
}
