// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bufio"
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/rewrite"
	"github.com/nymstream/nymstream/internal/transform"
)

var update = flag.Bool("update", false, "write anew what the tests compare with")

var onlyPack = flag.String("pack", "", "measure the coverage of this pack only, and print what is missing")

// platforms are the formats of the corpus and the packs that describe them.
var platforms = map[string]string{
	"activitypub": "activitypub", "activitystreams": "activitystreams", "bluesky": "bluesky", "cloudevents": "cloudevents", "discord": "discord",
	"facebook": "facebook", "github": "github", "instagram": "instagram", "mastodon": "mastodon", "rudderstack": "rudderstack", "segment": "segment",
	"slack": "slack", "telegram": "telegram", "twitter_compliance": "twitter_compliance", "twitter_v1": "twitter_v1", "twitter_v2": "twitter_v2",
	"vendor_amplitude": "amplitude", "vendor_customerio_api": "customerio", "vendor_ga4_mp": "ga4", "vendor_meta_capi": "meta_capi",
	"vendor_segment_out": "segment_out", "vendor_sendgrid": "sendgrid", "vendor_tiktok_events_api": "tiktok_events", "webhook_auth0": "auth0",
	"whatsapp": "whatsapp", "youtube": "youtube",
}

// coverage is what a pack knows of its platform's part of the corpus.
type coverage struct {
	Pack                            string
	Payloads, Events                int // an event is a record, or an element of one
	Matched, Personal, WithSubject  int // events of a known type; those that are about people; those of them whose person is found
	Leaves, Classified              int // paths of events with a known type
	unmatched, orphans              map[string]int
	missing, misfits, plainAsLabels map[string]int
	plains, plainsFit               int // values of class plain, timestamp: those that are what the pack says
}

// TestPackCoverage measures every pack on the real events of its platform, and compares with what `nymstream policy packs` tells:
// internal/policy/packs/coverage.tsv, which -update writes anew.
func TestPackCoverage(t *testing.T) {
	if underRace {
		t.Skip("one goroutine: not run under the race detector")
	}
	dir := corpus(t)
	const file = "../policy/packs/coverage.tsv"
	table := "pack\tcorpus leaves\tclassified\tpayloads\tmatched\twith subject\tabout people\n"
	plains, fit := 0, 0
	for _, platform := range slices.Sorted(maps.Keys(platforms)) {
		name := platforms[platform]
		if *onlyPack != "" && *onlyPack != name {
			continue
		}
		t.Run(name, func(t *testing.T) {
			c := measurePack(t, dir, platform, name)
			t.Logf("%d payloads, %d events: %d of a known type, %d about people, %d of them with their person; %d of %d leaf paths have a class; %d of %d plain values and times fit",
				c.Payloads, c.Events, c.Matched, c.Personal, c.WithSubject, c.Classified, c.Leaves, c.plainsFit, c.plains)
			table += fmt.Sprintf("%s\t%d\t%d\t%d\t%d\t%d\t%d\n", c.Pack, c.Leaves, c.Classified, c.Events, c.Matched, c.WithSubject, c.Personal)
			plains, fit = plains+c.plains, fit+c.plainsFit
			if *onlyPack == "" {
				return
			}
			for _, part := range []struct {
				what  string
				paths map[string]int
			}{{"no event type matches", c.unmatched}, {"no person was found", c.orphans}, {"no class", c.missing}, {"the value does not fit", c.misfits}, {"labeled personal, and plain", c.plainAsLabels}} {
				for _, path := range slices.SortedFunc(maps.Keys(part.paths), func(a, b string) int {
					return cmp.Or(cmp.Compare(part.paths[b], part.paths[a]), cmp.Compare(a, b))
				}) {
					t.Logf("%s: %s (%d)", part.what, path, part.paths[path])
				}
			}
		})
	}
	if *onlyPack != "" {
		return
	}
	t.Logf("%d of %d plain values and times of the corpus are what their packs say: %.1f %%", fit, plains, 100*float64(fit)/float64(plains))
	if fit*10 < plains*9 {
		t.Error("fewer than nine of ten plain values and times leave under a typical policy")
	}
	compareCoverage(t, file, table)
}

// compareCoverage holds the table against the file that the product tells from.
func compareCoverage(t *testing.T, file, table string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(table), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || string(want) != table {
		t.Errorf("%s is not what the corpus says (%v); if it is meant: go test ./internal/app -run TestPackCoverage -update. It says\n%s", file, err, table)
	}
}

// everything is a policy that keeps every plain value and time of a pack, for one recipient.
func everything(pack string) string {
	return fmt.Sprintf(`language: 1
controller: {name: Test, contact: privacy@example.org}
purposes: {counting: {basis: legitimate-interest, description: Coverage}}
sources: {raw: {topics: [raw], pack: %s@1}}
recipients:
  all:
    role: processor
    purpose: counting
    topic: clean
    pseudonyms: {renew: 90d}
    retention: 30d
    key: none
    from: {raw: {}}
    classes: {plain: keep, timestamp: {time: hour}}
`, pack)
}

func measurePack(t *testing.T, dir, platform, pack string) *coverage {
	t.Helper()
	plan, err := policy.LoadBytes("coverage.yaml", []byte(everything(pack)), nil, "")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	keys, err := keyring.Ephemeral("test", []string{"all"}, now)
	if err != nil {
		t.Fatal(err)
	}
	domain, err := keys.DomainAt("all", 0, now.UnixMilli(), now.UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	program, err := rewrite.Compile(plan, keys, rewrite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := &coverage{Pack: pack, unmatched: map[string]int{}, orphans: map[string]int{}, missing: map[string]int{}, misfits: map[string]int{}, plainAsLabels: map[string]int{}}
	worker := program.Worker()
	labels := labeledPaths(t, dir, platform)
	seen := map[string]bool{}
	files, err := filepath.Glob(filepath.Join(dir, "events", platform, "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no events of %s: %v", platform, err)
	}
	for _, file := range files {
		readLines(t, file, func(n int, line []byte) {
			c.Payloads++
			c.payload(t, program, worker, domain, fmt.Sprintf("%s:%d", filepath.Base(file), n), bytes.Clone(line), seen, labels)
		})
	}
	for _, classified := range seen {
		c.Leaves++
		if classified {
			c.Classified++
		}
	}
	return c
}

func (c *coverage) payload(t *testing.T, program *rewrite.Program, w *rewrite.Worker, keys *keyring.Domain, place string, payload []byte, seen map[string]bool, labels map[string]bool) {
	t.Helper()
	if err := w.Read(0, payload); err != nil {
		c.unmatched[place+" "+err.Error()]++
		return
	}
	leaves := program.Leaves(0, payload)
	for {
		more, err := w.Next()
		if err != nil {
			t.Fatal(place, err)
		}
		if !more {
			return
		}
		c.Events++
		kind, known, err := w.Event()
		if err != nil {
			c.misfits[place+" "+err.Error()]++
			continue
		}
		if !known {
			c.unmatched[place]++
			continue
		}
		c.Matched++
		e := &program.Plan.Sources[0].Events[kind]
		if !e.NoSubject {
			c.Personal++
			if w.HasSubject() {
				c.WithSubject++
			} else {
				c.orphans[e.Name+" "+place]++
			}
		}
		decided := map[int]rewrite.Step{}
		w.Trace = func(s rewrite.Step) { decided[s.Offset] = s }
		if _, err := w.Append(nil, 0, keys); err != nil {
			c.misfits[place+" "+err.Error()]++
		}
		from, to, element := w.Element()
		for _, l := range leaves {
			if string(l.Raw) == "null" || element && e.Each != nil && !belongs(e.Each, l, from, to) {
				continue
			}
			path := general(l.Path)
			leaf := classOf(e, l.Path)
			if s, ok := decided[l.Offset]; ok && s.Leaf >= 0 && s.Before != nil { // which of its cases held
				leaf = &e.Leaves[s.Leaf]
			}
			if leaf == nil {
				c.missing[e.Name+" "+path]++
				if !seen[path] {
					seen[path] = false
				}
				continue
			}
			seen[path] = true
			if leaf.Class != policy.Plain && leaf.Class != policy.Times {
				continue
			}
			if leaf.Class == policy.Plain && labels[path] {
				c.plainAsLabels[path]++
			}
			c.plains++
			if s, ok := decided[l.Offset]; ok && s.Verdict != transform.Done {
				c.misfits[fmt.Sprintf("%s %s = %.60s", e.Name, path, l.Raw)]++
			} else {
				c.plainsFit++
			}
		}
	}
}

// belongs tells whether a leaf stands in the element, or outside of all elements.
func belongs(each event.Path, l rewrite.Leaf, from, to int) bool {
	if from <= l.Outer && l.Outer < to {
		return true
	}
	return len(l.Path) < len(each) || !each.Matches(l.Path[:len(each)])
}

// general gives a path with [*] for indexes.
func general(p event.Path) string {
	out := slices.Clone(p)
	for i := range out {
		if out[i].Kind == event.Index {
			out[i] = event.Segment{Kind: event.Each}
		}
	}
	return out.String()
}

func classOf(e *policy.Event, path event.Path) *policy.Leaf {
	var found *policy.Leaf
	for i := range e.Leaves {
		l := &e.Leaves[i]
		pair := l.Class == policy.Geo && strings.Contains(l.Geo, ",") && len(path) == len(l.Path)+1 && l.Path.Matches(path[:len(l.Path)])
		if (l.Path.Matches(path) || pair) && (found == nil || len(found.Path.String()) < len(l.Path.String())) {
			found = l
		}
	}
	return found
}

// labeledPaths are the paths of a platform that the corpus' labels call personal.
func labeledPaths(t *testing.T, dir, platform string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	f, err := os.Open(filepath.Join(dir, "gold_pii_paths.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if parts := strings.Split(s.Text(), "\t"); len(parts) > 2 && parts[0] == platform && parts[2] != "dynamic_key" {
			out[parts[1]] = true
		}
	}
	return out
}
