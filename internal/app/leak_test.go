// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/pipeline"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/rewrite"
)

// corpus is where the shared events lie, beside the repository. Tests that need them skip where they are absent.
func corpus(t testing.TB) string {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "shared", "corpus")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the shared corpus is absent")
	}
	return dir
}

// platformsOfTheDemo are those that this release has packs for.
var platformsOfTheDemo = []string{"mastodon", "twitter_v2", "bluesky", "rudderstack"}

// personal is one labeled value of an event: it must not be found in anything that leaves.
type personal struct{ path, class, value string }

// corpusEvent is one real payload with its labeled values.
type corpusEvent struct {
	platform, file string
	line           int
	payload        []byte
	values         []personal
}

func (e *corpusEvent) String() string { return fmt.Sprintf("%s:%d", e.file, e.line) }

// corpusEvents reads all events of the four platforms, with their labels.
func corpusEvents(t testing.TB) []corpusEvent { return corpusEventsOf(t, platformsOfTheDemo...) }

func corpusEventsOf(t testing.TB, platforms ...string) []corpusEvent {
	t.Helper()
	dir := corpus(t)
	labels := map[string][]personal{}
	readLines(t, filepath.Join(dir, "gold_values.jsonl"), func(_ int, line []byte) {
		var gold struct {
			Hash   string
			Values [][3]string
		}
		if err := json.Unmarshal(line, &gold); err != nil {
			t.Fatal(err)
		}
		for _, v := range gold.Values {
			labels[gold.Hash] = append(labels[gold.Hash], personal{v[0], v[1], v[2]})
		}
	})
	hashes := map[string]string{}
	readLines(t, filepath.Join(dir, "events", "INDEX.tsv"), func(_ int, line []byte) {
		if f := strings.Split(string(line), "\t"); len(f) > 5 {
			hashes[f[3]+":"+f[4]] = f[5]
		}
	})
	var all []corpusEvent
	for _, platform := range platforms {
		files, err := filepath.Glob(filepath.Join(dir, "events", platform, "*.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			readLines(t, file, func(n int, line []byte) {
				e := corpusEvent{platform: platform, file: filepath.Base(file), line: n, payload: bytes.Clone(line)}
				e.values = labels[hashes[e.String()]]
				all = append(all, e)
			})
		}
	}
	return all
}

func readLines(t testing.TB, file string, fn func(n int, line []byte)) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 64<<20)
	for n := 1; lines.Scan(); n++ {
		fn(n, lines.Bytes())
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

func socialPlan(t testing.TB) *policy.Plan {
	t.Helper()
	plan, err := policy.Load(filepath.Join("..", "..", "config", "policies", demoPolicy), policy.Packs())
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// leakSink looks at everything that leaves of one event.
type leakSink struct {
	t         *testing.T
	plan      *policy.Plan
	worker    *pipeline.Worker
	event     *corpusEvent
	forwarded int
	looked    int
}

func (s *leakSink) Forward(recipient int, _ *event.Record, out *event.Output) error {
	s.forwarded++
	name := s.plan.Recipients[recipient].Name
	for _, leaf := range rewrite.Leaves(out.Value) {
		s.look(name, leaf.Path, textOf(leaf.Raw))
	}
	s.look(name+" key", nil, string(out.Key))
	for _, h := range out.Headers {
		s.look(name+" header", nil, string(h.Key))
		s.look(name+" header", nil, string(h.Value))
	}
	return nil
}

func (*leakSink) Withhold(int, *event.Record, event.Reason) error { return nil }

func (s *leakSink) Quarantine(q *event.Quarantined) error {
	sealed, err := s.worker.Seal(nil, q)
	s.look("quarantine", nil, string(sealed))
	s.look("quarantine rule", nil, q.Rule)
	return err
}

// shortest is the length below which a value is too common to be told from another: "1", "test". Such values count
// only where they stand at their own place.
const shortest = 6

func (s *leakSink) look(where string, path event.Path, text string) {
	s.looked++
	for _, v := range s.event.values {
		if v.value == "" {
			continue
		}
		found := len(v.value) >= shortest && strings.Contains(text, v.value)
		if !found && text == v.value && path != nil {
			labeled, _, err := event.ParsePath(v.path)
			found = err == nil && labeled.Matches(path)
		}
		if found && !harmless(v, path, text) {
			s.t.Errorf("%s: %s %s holds the %s of %s", s.event, where, path, v.class, v.path)
		}
	}
}

// harmless tells of a value that may be found: an address that its platform had already cut to its network (0.0.0.0 is
// nobody's), the maker of a client library whose name some fixtures give to people, the account of a platform itself, and the
// address of everybody. A link in a post may lead to a site that is named like its author: the policy lets hosts of links leave.
func harmless(v personal, path event.Path, text string) bool {
	switch {
	case strings.HasPrefix(v.value, "rudder"):
		return text == "com.rudderstack.android.sdk.core" || text == "rudderstack.com"
	case v.class == "handle" && strings.HasSuffix(path.String(), ".expanded_url"):
		return strings.Contains(text, ".") && !strings.ContainsAny(text, "/@")
	case strings.EqualFold(v.value, "github"): // an account of the platform's own
		return strings.HasSuffix(text, "github.com") || strings.HasSuffix(text, "githubusercontent.com") || strings.HasSuffix(text, "githubapp.com")
	case strings.HasSuffix(v.value, "#Public"), v.value == "as:Public", v.value == "Public": // nobody: the collection of all
		return text == v.value
	}
	return v.class == "ip" && text == v.value && strings.HasSuffix(text, ".0.0.0")
}

// textOf decodes a JSON scalar to its text.
func textOf(raw []byte) string {
	var text string
	if len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}

// TestNothingLeaks sends all real events of the four platforms through their packs and the typical policy. None of
// their labeled values may be found in what any recipient gets, or in what is quarantined.
func TestNothingLeaks(t *testing.T) {
	events := corpusEvents(t)
	plan := socialPlan(t)
	keys, _, err := OpenKeys(plan, "", "")
	if err != nil {
		t.Fatal(err)
	}
	p, err := pipeline.New(plan, keys, pipeline.Options{AssumeConsent: true})
	if err != nil {
		t.Fatal(err)
	}
	sink := &leakSink{t: t, plan: plan, worker: p.Worker()}
	labeled := 0
	for i := range events {
		e := &events[i]
		sink.event = e
		labeled += len(e.values)
		source, err := findSource(plan, e.platform)
		if err != nil {
			t.Fatal(err)
		}
		rec := event.Record{Topic: plan.Sources[source].Topics[0], Offset: int64(i), Time: time.Now().UnixMilli(), Value: e.payload, Key: e.payload[:min(len(e.payload), 40)]}
		cut := rec
		cut.Value = e.payload[:len(e.payload)-1] // goes to quarantine
		if err := sink.worker.Process([]event.Record{rec, cut}, sink); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d events with %d labeled values: %d records forwarded, %d texts looked through", len(events), labeled, sink.forwarded, sink.looked)
	if len(events) < 1600 || labeled < 7000 || sink.forwarded < 2000 {
		t.Errorf("%d events, %d values, %d forwarded: too few to show anything", len(events), labeled, sink.forwarded)
	}
}

// TestNoCanaryLeaves plants a canary wherever a careless sanitizer would let it through.
func TestNoCanaryLeaves(t *testing.T) {
	const canary = "kanarienvogel"
	plan := socialPlan(t)
	keys, _, err := OpenKeys(plan, "", "")
	if err != nil {
		t.Fatal(err)
	}
	p, err := pipeline.New(plan, keys, pipeline.Options{AssumeConsent: true})
	if err != nil {
		t.Fatal(err)
	}
	e := &corpusEvent{file: "canary", values: []personal{{"$", "canary", canary}}}
	sink := &leakSink{t: t, plan: plan, worker: p.Worker(), event: e}
	for i, payload := range []string{
		`{"id":"1","visibility":"public","created_at":"2026-01-01T00:00:00Z","content":"%s","account":{"id":"7","username":"%s","acct":"%s","%s":1},"%s":{"a":["%s"]}}`,
		`{"id":"1","visibility":"%s","language":"%s","created_at":"%s","favourites_count":"%s","content":"x","account":{"id":"7","bot":"%s"},"tags":[{"name":{"x":"%s"}}]}`,
		`{"id":"1","visibility":"public","created_at":"2026-01-01T00:00:00Z","content":"x","account":{"id":"7"},"account":{"id":"%s"}}`,
		`{"id":"1","visibility":"public","created_at":"2026-01-01T00:00:00Z","content":"x","account":{"id":"7","\u0061cct":"%s"},"\u0000%s":"%s"}`,
		`{"id":"1","visibility":"public","created_at":"2026-01-01T00:00:00Z","content":"x","account":{"id":"7"}} {"%s":1}`,
		`{"type":"track","userId":"7","messageId":"%s","event":"Order Completed","properties":{"%s":"%s"},"context":{"%s":"%s","ip":"%s","traits":{"email":"%s"}},"originalTimestamp":"2026-01-01T00:00:00Z"}`,
		`"%s"`, `["%s"]`, `%s`, ``,
	} {
		value := []byte(strings.ReplaceAll(payload, "%s", canary))
		for source := range plan.Sources {
			rec := event.Record{Topic: plan.Sources[source].Topics[0], Offset: int64(i), Time: time.Now().UnixMilli(), Value: value, Key: []byte(canary),
				Headers: []event.Header{{Key: []byte(canary), Value: []byte("x")}, {Key: []byte("ce_subject"), Value: []byte(canary)}, {Key: []byte("x-user"), Value: []byte(canary)}}}
			if err := sink.worker.Process([]event.Record{rec}, sink); err != nil {
				t.Fatal(err)
			}
		}
	}
	if sink.forwarded == 0 {
		t.Error("nothing was forwarded: the canaries were never in danger")
	}
}
