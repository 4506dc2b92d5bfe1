// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/rewrite"
)

// everyPack names all sources and lets a recipient have nothing that matters: the tests look at what packs say.
const everyPack = `language: 1
controller: {name: Test, contact: privacy@example.org}
purposes:
  test: {basis: consent, description: Do packs know the fields?}
sources:
  mastodon: {topics: [mastodon], pack: mastodon@1}
  twitter_v2: {topics: [twitter], pack: twitter_v2@1}
  bluesky: {topics: [bluesky], pack: bluesky@1}
  rudderstack: {topics: [rudderstack], pack: rudderstack@1}
recipients:
  nobody:
    role: processor
    purpose: test
    topic: none
    retention: 1d
    key: none
    from: {mastodon: {}, twitter_v2: {}, bluesky: {}, rudderstack: {}}
    classes: {account: pseudonym}
`

// floors are what the packs reach on the real events of their platforms: they may know more, never less.
var floors = map[string]struct {
	recognized, subjects int // events, of all
	values, paths        int // per mille of the leaves in all events, and of their different paths, that have a class
}{
	"bluesky":     {362, 343, 980, 947},  // of 404, of which 42 are test vectors of the data model
	"mastodon":    {305, 281, 997, 985},  // of 314; 9 are streaming messages whose payload is a string
	"rudderstack": {820, 788, 926, 534},  // of 820; the fields that customers invented have no class
	"twitter_v2":  {115, 77, 1000, 1000}, // of 115; the API was not asked for the author of the others
}

// notPersonal lists labels made by the name of a field that the pack contradicts, and why. Every other labeled path has a personal class.
var notPersonal = map[string]string{
	"bluesky $.reason":                             "a word of an enum: why somebody is notified, why a link is blocked; a report's reason, which is written by hand, is text",
	"mastodon $.following":                         "true or false",
	"twitter_v2 $.data.following":                  "true or false",
	"twitter_v2 $.includes.places[*].country_code": "two letters of a country; the place itself is geo",
}

func TestPacksOnRealEvents(t *testing.T) {
	plan, program := bind(t, everyPack)
	for i := range plan.Sources {
		s := &plan.Sources[i]
		t.Run(s.Name, func(t *testing.T) {
			c := &coverage{source: s, unknown: map[string]int{}, silent: map[string]int{}, missing: map[string]int{}, paths: map[string]bool{}}
			w := program.Worker()
			for _, e := range realEvents(t, s.Name) {
				c.event(t, w, i, e)
			}
			c.report(t)
		})
	}
}

// TestPacksOnLabels checks every labeled value of the corpus: where the event it stands in is known and the field has a class,
// the class is a personal one that fits the label.
func TestPacksOnLabels(t *testing.T) {
	plan, program := bind(t, everyPack)
	labels := labeled(t)
	for i := range plan.Sources {
		s := &plan.Sources[i]
		t.Run(s.Name, func(t *testing.T) {
			w := program.Worker()
			checked, unclassified := 0, map[string]int{}
			for _, e := range realEvents(t, s.Name) {
				kind, known := recognize(t, w, i, e)
				if !known {
					continue
				}
				classes := classesOf(&s.Events[kind])
				for _, l := range labels[e.place] {
					class, ok := classes[l.path]
					switch {
					case !ok:
						unclassified[l.path]++
					case !fits(l.class, class):
						t.Errorf("%s: event %s: %s is labeled %s, and the pack says %s", e.place, s.Events[kind].Name, l.path, l.class, class)
					default:
						checked++
					}
				}
			}
			t.Logf("%d labeled values have a fitting class; without any: %v", checked, inOrder(unclassified))
		})
	}
}

// TestPacksOnLabeledPaths checks every path that the corpus labels as personal, also where it is seldom filled.
func TestPacksOnLabeledPaths(t *testing.T) {
	plan, _ := bind(t, everyPack)
	plain := map[string]string{} // an event in which the field is plain
	for i := range plan.Sources {
		s := &plan.Sources[i]
		for j := range s.Events {
			for path, class := range classesOf(&s.Events[j]) {
				if class == policy.Plain {
					plain[s.Name+" "+path] = s.Events[j].Name
				}
			}
		}
	}
	argued := map[string]bool{}
	linesOf(t, shared(t, "corpus/gold_pii_paths.tsv"), func(line []byte) {
		f := strings.Split(string(line), "\t")
		key := f[0] + " " + spelled(f[1])
		switch {
		case plain[key] == "":
		case notPersonal[key] != "":
			argued[key] = true
		default:
			t.Errorf("%s is labeled %s, and the pack says plain in event %s", key, f[2], plain[key])
		}
	})
	for key := range notPersonal {
		if !argued[key] {
			t.Errorf("nothing contradicts %s any more", key)
		}
	}
}

// TestPackDeletions checks that deletions carry what can leave without consent, and that somebody or something is deleted.
func TestPackDeletions(t *testing.T) {
	plan, _ := bind(t, everyPack)
	for i := range plan.Sources {
		for j := range plan.Sources[i].Events {
			e := &plan.Sources[i].Events[j]
			want := map[string]policy.Class{"object-deleted": policy.ObjectID, "account-deleted": policy.Account}[e.Signal]
			if want == "" {
				continue
			}
			if !slices.ContainsFunc(e.Leaves, func(l policy.Leaf) bool { return l.Class == want }) {
				t.Errorf("%s: event %s: signal %s without a field of class %s", plan.Sources[i].Name, e.Name, e.Signal, want)
			}
		}
	}
}

// TestBundledEvents checks that every bundled event is one of its pack's, and that its sources say what they are.
func TestBundledEvents(t *testing.T) {
	plan, program := bind(t, everyPack)
	total := 0
	for i := range plan.Sources {
		name := plan.Sources[i].Name
		kinds := map[string]int{}
		w := program.Worker()
		for _, e := range eventsOf(t, filepath.Join(root(t), "examples", "events", name+".jsonl")) {
			total += len(e.payload) + 1
			kind, known := recognize(t, w, i, e)
			if !known {
				t.Errorf("%s: no event of pack %s", e.place, plan.Sources[i].Pack)
				continue
			}
			kinds[plan.Sources[i].Events[kind].Name]++
		}
		t.Logf("%s: %v", name, inOrder(kinds))
	}
	if most := 1_500_000; total > most {
		t.Errorf("the bundled events have %d bytes, want at most %d", total, most)
	}
}

func TestPolicies(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root(t), "config", "policies", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no policies: %v", err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.yaml") {
			continue // of `policy test`
		}
		plan, err := policy.Load(file, nil)
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
			continue
		}
		for _, w := range plan.Warnings {
			t.Errorf("%s: a warning: %s", filepath.Base(file), w.Error())
		}
	}
}

// coverage counts what a pack knows of the events of its platform.
type coverage struct {
	source               *policy.Source
	events, known, acted int
	values, classified   int
	paths                map[string]bool // whether it has a class wherever it occurs
	unknown, silent      map[string]int  // events without type, and without subject
	missing              map[string]int  // fields without class in events of a known type
}

func (c *coverage) event(t *testing.T, w *rewrite.Worker, source int, e realEvent) {
	t.Helper()
	c.events++
	kind, known := recognize(t, w, source, e)
	var classes map[string]policy.Class
	switch name := e.place[:strings.Index(e.place, "__")]; {
	case !known:
		c.unknown[name]++
	default:
		c.known++
		ev := &c.source.Events[kind]
		classes = classesOf(ev)
		if w.HasSubject() {
			c.acted++
		} else {
			c.silent[ev.Name]++
		}
	}
	for _, path := range leavesOf(t, e) {
		c.values++
		_, classified := classes[path]
		if before, seen := c.paths[path]; !seen || before {
			c.paths[path] = classified
		}
		switch {
		case classified:
			c.classified++
		case known:
			c.missing[path]++
		}
	}
}

func (c *coverage) report(t *testing.T) {
	paths := 0
	for _, classified := range c.paths {
		if classified {
			paths++
		}
	}
	values, share := 1000*c.classified/c.values, 1000*paths/len(c.paths)
	t.Logf("events: %d of %d recognized, %d with a subject or about nobody", c.known, c.events, c.acted)
	t.Logf("leaves: %d of %d values have a class (%d ‰), %d of %d paths wherever they occur (%d ‰)", c.classified, c.values, values, paths, len(c.paths), share)
	t.Logf("unknown type: %v", inOrder(c.unknown))
	t.Logf("no subject: %v", inOrder(c.silent))
	t.Logf("without class: %v", inOrder(c.missing))
	if want := floors[c.source.Name]; c.known < want.recognized || c.acted < want.subjects || values < want.values || share < want.paths {
		t.Errorf("got %d recognized, %d with a subject, %d ‰ of values, %d ‰ of paths; want at least %+v", c.known, c.acted, values, share, want)
	}
}

// fitting says which classes a label of the corpus allows. Labels are made by rule, from names of fields: where the pack knows
// better, any class but plain will do for those that are not in this table.
var fitting = map[string][]policy.Class{
	"subject_id": {policy.Account, policy.Handle, policy.Cookie, policy.Device, policy.Hashed, policy.Email, policy.ObjectID, policy.Group, policy.Credential},
	"handle":     {policy.Account, policy.Handle, policy.Email, policy.PersonName},
	"email":      {policy.Email, policy.Hashed, policy.Account, policy.PersonName, policy.ObjectID},
	"phone":      {policy.Phone, policy.Hashed},
	"ip":         {policy.IP, policy.Geo},
	"address":    {policy.Postal, policy.Geo},
	"avatar_url": {policy.Avatar, policy.Media, policy.URL},
	"credential": {policy.Credential},
}

func fits(label string, c policy.Class) bool {
	if allowed := fitting[label]; allowed != nil {
		return slices.Contains(allowed, c)
	}
	return c != policy.Plain
}

func classesOf(e *policy.Event) map[string]policy.Class {
	out := make(map[string]policy.Class, len(e.Leaves))
	for i := range e.Leaves {
		out[e.Leaves[i].Path.String()] = e.Leaves[i].Class
	}
	return out
}

func recognize(t *testing.T, w *rewrite.Worker, source int, e realEvent) (kind int, known bool) {
	t.Helper()
	err := w.Read(source, e.payload)
	if err == nil {
		kind, known, err = w.Event()
	}
	if err != nil {
		t.Errorf("%s: %v", e.place, err)
	}
	return kind, known
}

func bind(t *testing.T, text string) (*policy.Plan, *rewrite.Program) {
	t.Helper()
	plan, err := policy.LoadBytes("policy.yaml", []byte(text), policy.Packs(), ".")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for i := range plan.Recipients {
		names = append(names, plan.Recipients[i].Name)
	}
	keys, err := keyring.Ephemeral("test", names, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	program, err := rewrite.Compile(plan, keys, rewrite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return plan, program
}

// inOrder lists counted names, the most frequent first.
func inOrder(counts map[string]int) []string {
	names := slices.Sorted(maps.Keys(counts))
	slices.SortStableFunc(names, func(a, b string) int { return counts[b] - counts[a] })
	for i, n := range names {
		names[i] = fmt.Sprintf("%s ×%d", n, counts[n])
	}
	return names
}
