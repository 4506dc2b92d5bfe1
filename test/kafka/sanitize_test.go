// SPDX-License-Identifier: Apache-2.0

//go:build kafka

package kafka

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nymstream/nymstream/examples"
)

// packs are the platforms whose events are bundled.
var packs = []string{"bluesky", "mastodon", "rudderstack", "twitter_v2"}

const everySource = `language: 1
controller: {name: Test, contact: test@example.org}
purposes:
  study: {basis: consent, description: What comes out at the other end?}
sources:
  bluesky: {topics: [PREFIX.bluesky], pack: bluesky@1}
  mastodon: {topics: [PREFIX.mastodon], pack: mastodon@1}
  rudderstack: {topics: [PREFIX.rudderstack], pack: rudderstack@1}
  twitter_v2: {topics: [PREFIX.twitter_v2], pack: twitter_v2@1}
recipients:
  analytics:
    role: processor
    purpose: study
    topic: PREFIX.clean
    pseudonyms: {renew: 90d, overlap: 7d}
    retention: 30d
    minors: allow
    from: {bluesky: {}, mastodon: {}, rudderstack: {}, twitter_v2: {}}
    classes: {account: pseudonym, object-id: pseudonym, group: pseudonym, timestamp: {time: hour}, plain: keep}
`

// What the service delivers through Kafka is what `nymstream sanitize` shows for the same policy and keys:
// the same records, the same number of quarantined ones, and nothing of the people in them.
func TestKafkaDeliversWhatSanitizeShows(t *testing.T) {
	p := newPlace(t, everySource)
	p.create(3, packs...)
	p.create(5, "clean")
	p.create(1, "quarantine")
	p.keys()

	var want []string
	quarantined := 0
	clear := map[string]bool{}
	for _, pack := range packs {
		lines := events(t, pack)
		records := make([]*kgo.Record, len(lines))
		for i, line := range lines {
			records[i] = &kgo.Record{Key: []byte("clear-key-of-" + pack), Value: line, Headers: []kgo.RecordHeader{{Key: "clear-header", Value: []byte("clear-value")}}}
			collectClear(t, line, clear)
		}
		p.produce(pack, records...)
		shown, counts := p.sanitize(pack, lines)
		want = append(want, shown...)
		for _, n := range counts.Quarantined {
			quarantined += n
		}
		if len(shown) != counts.Forwarded || counts.Forwarded == 0 {
			t.Errorf("%s: want as many lines as forwarded records, and some; got %d lines, %+v", pack, len(shown), counts)
		}
	}
	p.run(packs...)

	var got []string
	keyed := 0
	for _, r := range p.read("clean") {
		got = append(got, string(r.Value))
		checkNothingClear(t, r, clear)
		switch {
		case r.Key == nil: // a deletion names no person
		case pseudonym.Match(r.Key):
			keyed++
		default:
			t.Errorf("want a pseudonym as key, got %d bytes of another form", len(r.Key))
		}
	}
	if keyed < len(got)/2 {
		t.Errorf("want most records to bear their subject's pseudonym as key, got %d of %d", keyed, len(got))
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("want the %d records that sanitize shows, got %d; first difference:\n%s", len(want), len(got), firstDifference(want, got))
	}
	sealed := p.read("quarantine")
	for _, r := range sealed {
		checkNothingClear(t, r, clear)
	}
	if len(sealed) != quarantined {
		t.Errorf("want %d quarantined records, got %d", quarantined, len(sealed))
	}
	if len(clear) < 50 {
		t.Errorf("only %d clear values were looked for: the bundled events have changed their form", len(clear))
	}
}

func events(t *testing.T, pack string) [][]byte {
	t.Helper()
	file, err := examples.Events.ReadFile("events/" + pack + ".jsonl")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Split(bytes.TrimSpace(file), []byte("\n"))
}

// outcome is what `nymstream sanitize --json` counts.
type outcome struct {
	In, Forwarded         int
	Withheld, Quarantined map[string]int
}

func (p *place) sanitize(source string, lines [][]byte) (shown []string, counts outcome) {
	p.t.Helper()
	in := filepath.Join(p.setup.Dir, source+".jsonl")
	if err := os.WriteFile(in, append(bytes.Join(lines, []byte("\n")), '\n'), 0o600); err != nil {
		p.t.Fatal(err)
	}
	code, out, said := p.nymstream("sanitize", "-p", filepath.Join(p.setup.Dir, "policy.yaml"), "--source", source, "--recipient", "analytics",
		"--keys", filepath.Join(p.setup.Dir, "keys"), "--assume-consent", "--json", "-i", in)
	last := said[strings.LastIndex(strings.TrimSpace(said), "\n")+1:]
	if err := json.Unmarshal([]byte(last), &counts); code != 0 || err != nil {
		p.t.Fatalf("sanitize %s: exit code %d, %v\n%s", source, code, err, said)
	}
	for line := range strings.Lines(out) {
		shown = append(shown, strings.TrimSuffix(line, "\n"))
	}
	return shown, counts
}

var pseudonym = regexp.MustCompile(`^[a-z]{3}_[0-9]+_[0-9a-v]{26}$`)

// identifying names members of the bundled events that hold something about a person, whatever the platform.
var identifying = regexp.MustCompile(`^(username|acct|display_?name|email|handle|did|note|content|text|description|avatar|url|uri|ip|phone|` +
	`first_?name|last_?name|userId|anonymousId|author_id|profile_image_url|cid|rev|advertisingId|messageId)$`)

// collectClear gathers the values of identifying members, long enough to be no chance find.
func collectClear(t *testing.T, line []byte, into map[string]bool) {
	t.Helper()
	var whole any
	if err := json.Unmarshal(line, &whole); err != nil {
		return // some bundled events are malformed on purpose
	}
	var walk func(name string, v any)
	walk = func(name string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, m := range v {
				walk(k, m)
			}
		case []any:
			for _, m := range v {
				walk(name, m)
			}
		case string:
			if len(v) >= 8 && identifying.MatchString(name) {
				into[v] = true
			}
		}
	}
	walk("", whole)
}

// checkNothingClear looks through value, key and headers. It names no value: test logs are logs.
func checkNothingClear(t *testing.T, r *kgo.Record, clear map[string]bool) {
	t.Helper()
	parts := [][]byte{r.Key, r.Value}
	for _, h := range r.Headers {
		parts = append(parts, []byte(h.Key), h.Value)
	}
	for _, part := range parts {
		if bytes.Contains(part, []byte("clear-")) {
			t.Errorf("%s: the input's key or header came through", r.Topic)
		}
		for v := range clear {
			if bytes.Contains(part, []byte(v)) {
				t.Errorf("%s, partition %d, offset %d: a clear value of %d bytes came through", r.Topic, r.Partition, r.Offset, len(v))
			}
		}
	}
}

func firstDifference(want, got []string) string {
	for i := range max(len(want), len(got)) {
		w, g := "(nothing)", "(nothing)"
		if i < len(want) {
			w = want[i]
		}
		if i < len(got) {
			g = got[i]
		}
		if w != g {
			return "want " + w + "\ngot  " + g
		}
	}
	return "none"
}
