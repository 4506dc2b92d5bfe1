// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/pipeline"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/rewrite"
)

// Sanitize compiles only the part of the plan that it needs. What it writes and counts for real events of all four
// platforms is what the whole plan gives.
func TestSanitizeGivesWhatTheWholePlanGives(t *testing.T) {
	plan, err := policy.Load(filepath.Join("..", "..", "config", "policies", "social.yaml"), policy.Packs())
	if err != nil {
		t.Fatal(err)
	}
	keys, _, err := OpenKeys(plan, "", "")
	if err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }
	if len(plan.Flows) < 4 {
		t.Fatalf("want a flow for each of four platforms, got %d", len(plan.Flows))
	}
	whole, err := pipeline.New(plan, keys, pipeline.Options{AssumeConsent: true, Now: now, Limits: rewrite.Options{MaxBytes: 10 << 20}})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range plan.Flows {
		source, recipient := plan.Sources[f.Source].Name, plan.Recipients[f.Recipient].Name
		t.Run(source+" to "+recipient, func(t *testing.T) {
			events, err := os.ReadFile(filepath.Join("..", "..", "examples", "events", source+".jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			counts, err := Sanitize(context.Background(), SanitizeOptions{
				Plan: plan, Keys: keys, Source: source, Recipient: recipient, AssumeConsent: true, In: bytes.NewReader(events), Out: &got, Now: now,
			})
			if err != nil {
				t.Fatal(err)
			}
			want, wanted := sanitizeBy(t, whole, plan.Sources[f.Source].Topics[0], f.Recipient, events)
			if !reflect.DeepEqual(counts, wanted) || counts.In == 0 {
				t.Errorf("want counts %+v, got %+v", wanted, counts)
			}
			if again, _ := sanitizeBy(t, whole, plan.Sources[f.Source].Topics[0], f.Recipient, events); bytes.Equal(again, want) {
				if !bytes.Equal(got.Bytes(), want) {
					t.Errorf("want %d bytes of the whole plan's, got %d others", len(want), got.Len())
				}
				return
			}
			lengths := func(text []byte) (all []int) { // seals are never the same twice, but as long
				for line := range bytes.Lines(text) {
					all = append(all, len(line))
				}
				return all
			}
			if !slices.Equal(lengths(got.Bytes()), lengths(want)) {
				t.Error("want lines as long as the whole plan's")
			}
		})
	}
}

// sanitizeBy is Sanitize with a pipeline that is there already.
func sanitizeBy(t *testing.T, p *pipeline.Pipeline, topic string, recipient int, events []byte) ([]byte, Counts) {
	t.Helper()
	var out bytes.Buffer
	counts := Counts{Withheld: map[string]int64{}, Quarantined: map[string]int64{}}
	sink := &lineSink{out: bufio.NewWriter(&out), counts: &counts}
	worker := p.For([]int{recipient})
	for n, line := range bytes.Split(events, []byte("\n")) {
		if len(line) == 0 {
			continue
		}
		record := []event.Record{{Topic: topic, Offset: int64(n + 1), Time: -1, Value: line}}
		if err := worker.Process(record, sink); err != nil {
			t.Fatal(err)
		}
	}
	if err := sink.out.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), counts
}
