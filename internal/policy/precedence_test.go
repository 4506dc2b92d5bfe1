// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/nymstream/nymstream/internal/event"
)

// loadRules loads testdata/base.yaml with other rules for its one recipient.
func loadRules(t *testing.T, classes, paths []string) (*Plan, error) {
	t.Helper()
	base, _, _ := strings.Cut(string(testFile(t, "base.yaml")), "    classes:\n")
	text := base + "    classes:\n      account: pseudonym\n"
	for _, c := range classes {
		text += "      " + c + "\n"
	}
	if len(paths) > 0 {
		text += "    paths:\n      social:\n"
	}
	for _, p := range paths {
		text += "        " + p + "\n"
	}
	return LoadBytes("policy.yaml", []byte(text), fstest.MapFS{"social.yaml": {Data: testFile(t, "social.yaml")}}, "testdata")
}

// decisionAt gives what the first recipient gets of a path in an event.
func decisionAt(t *testing.T, p *Plan, name, path string) Decision {
	t.Helper()
	for i, e := range p.Sources[0].Events {
		for j, l := range e.Leaves {
			if e.Name == name && l.Path.String() == path {
				return p.Flows[0].Events[i].Decisions[j]
			}
		}
	}
	t.Fatalf("event %s has no leaf %s", name, path)
	return Decision{}
}

func TestPrecedence(t *testing.T) {
	tests := []struct {
		name    string
		classes []string
		paths   []string
		leaf    string
		want    string // technique, and the rule that decided
	}{
		{"nothing names it", nil, nil, "$.author.email", ""},
		{"class", []string{"email: email_domain"}, nil, "$.author.email", "email_domain classes.email"},
		{"path over class", []string{"email: email_domain"}, []string{"$.author.email: seal"}, "$.author.email", "seal paths.$.author.email"},
		{"drop of the class over the path", []string{"email: drop"}, []string{"$.author.email: seal"}, "$.author.email", "drop classes.email"},
		{"drop at any depth over the path", nil, []string{"$.author.email: seal", "$..email: drop"}, "$.author.email", "drop paths.$..email"},
		{"drop at any depth reaches into arrays", []string{"email: seal"}, []string{"$..mentions..: drop"}, "", "refused"},
		{"drop below a name at any depth", []string{"email: seal"}, []string{"$..author.email: drop"}, "$.repost.author.email", "drop paths.$..author.email"},
		{"drop below a name leaves others", []string{"email: seal"}, []string{"$..author.email: drop"}, "$.mentions[*].email", "seal classes.email"},
		{"names over a wildcard", nil, []string{"$.*.email: seal", "$.author.email: email_domain"}, "$.author.email", "email_domain paths.$.author.email"},
		{"wildcard over class", []string{"email: email_domain"}, []string{"$.*.email: seal"}, "$.author.email", "seal paths.$.*.email"},
		{"more names over fewer", nil, []string{"$.*.*: presence", "$.*.email: email_domain", "$..token: drop"}, "$.author.email", "email_domain paths.$.*.email"},
		{"elements over members", nil, []string{"$.mentions[*].email: email_domain", "$.mentions[*].*: presence"}, "$.mentions[*].email", "email_domain paths.$.mentions[*].email"},
		{"order of the lines says nothing", nil, []string{"$.author.email: email_domain", "$.*.email: seal"}, "$.author.email", "email_domain paths.$.author.email"},
		{"equal rank, equal result", nil, []string{"$.*.email: presence", "$.author.*: presence"}, "$.author.email", "presence paths.$.*.email"},
		{"equal rank, decided by a third", nil, []string{"$.*.email: seal", "$.author.*: presence", "$.author.email: email_domain", "$.author.links[*]: drop"}, "$.author.email", "email_domain paths.$.author.email"},
		{"class drop of some", []string{"locale: {keep: {max: 8}}"}, []string{"$.repost.language: drop"}, "$.language", "keep classes.locale"},
		{"a technique that fits only some of its class", []string{"geo: {round: 10km}"}, nil, "$.place", "round classes.geo"},
		{"… drops the others", []string{"geo: {round: 10km}"}, nil, "$.town", " classes.geo: round does not fit this field"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			plan, err := loadRules(t, test.classes, test.paths)
			if err != nil {
				if test.want != "refused" {
					t.Fatal(err)
				}
				return
			}
			d := decisionAt(t, plan, "post", test.leaf)
			_, rule, _ := strings.Cut(d.Rule, " ")
			got := strings.TrimRight(fmt.Sprintf("%s %s", d.Technique.Name, rule), " ")
			if got != test.want {
				t.Errorf("want %q, got %q", test.want, got)
			}
		})
	}
}

func TestSignalsCarryPseudonymsOnly(t *testing.T) {
	plan, err := loadRules(t, []string{"object-id: pseudonym", "plain: keep"}, []string{"$.reason: {keep: {max: 10}}"})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"$.by": Pseudonym, "$.id": Pseudonym, "$.reason": ""} {
		if got := decisionAt(t, plan, "deletion", path).Technique.Name; got != want {
			t.Errorf("%s: want %q, got %q", path, want, got)
		}
	}
}

func TestOffsetsFallWithTheirText(t *testing.T) {
	for text, want := range map[string]string{
		`$.text: {keep: {max: 500}}`:     Keep,
		`$.text: {truncate: {keep: 20}}`: "",
		`$.text: drop`:                   "",
	} {
		plan, err := loadRules(t, []string{"offset: {keep: integer}"}, []string{text})
		if err != nil {
			t.Fatal(err)
		}
		if got := decisionAt(t, plan, "post", "$.tags[*].start").Technique.Name; got != want {
			t.Errorf("%s: want %q for the offsets, got %q", text, want, got)
		}
	}
}

func TestCountStandsForItsArray(t *testing.T) {
	plan, err := loadRules(t, []string{"object-id: pseudonym", "name: {mask: {keep: 1}}"}, []string{"$.mentions: count", "$.repost: presence"})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"$.mentions": Count, "$.mentions[*].id": "", "$.mentions[*].name": "", "$.author.name": Mask,
		"$.repost": Presence, "$.repost.id": "", "$.repost.repost.author.name": "", "$.id": Pseudonym,
	} {
		if got := decisionAt(t, plan, "post", path).Technique.Name; got != want {
			t.Errorf("%s: want %q, got %q", path, want, got)
		}
	}
}

func TestKeys(t *testing.T) {
	keys := func(deletion, post, visit string) map[string]string {
		return map[string]string{"deletion": deletion, "post": post, "visit": visit}
	}
	tests := []struct {
		name, extra string
		paths       []string
		want        string
		from        map[string]string // events of the source: what their keys may be made of
	}{
		{"the subject's pseudonym by default", "", nil, KeySubject, keys("[true]", "[true]", "[true false]")},
		{"not where it does not leave", "", []string{"$.author: presence"}, KeySubject, keys("[true]", "[false]", "[true false]")},
		{"none where it never leaves", "", []string{"$.author.id: drop", "$.by: drop", "$.user: drop"}, KeyNone, keys("[false]", "[false]", "[false false]")},
		{"stated none", "key: none", []string{"$.author.id: drop"}, KeyNone, keys("[]", "[]", "[]")},
		{"the event's id", "key: event", []string{"$.id: pseudonym"}, KeyEvent, keys("[true]", "[true]", "[]")},
		{"the source's key", "key: source", nil, KeySource, keys("[true]", "[true]", "[true]")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			text := strings.Replace(string(testFile(t, "base.yaml")), "      object-id: pseudonym\n", "", 1)
			text = strings.Replace(text, "{events: [post, deletion], only: {visibility: public}}", "{}", 1)
			text = strings.Replace(text, "    retention: 395d\n", "    retention: 395d\n    "+test.extra+"\n", 1)
			for _, p := range test.paths {
				text += "        " + p + "\n"
			}
			plan, err := LoadBytes("policy.yaml", []byte(text), fstest.MapFS{"social.yaml": {Data: testFile(t, "social.yaml")}}, "")
			if err != nil {
				t.Fatal(err)
			}
			if got := plan.Recipients[0].Key; got != test.want {
				t.Errorf("want key %s, got %s", test.want, got)
			}
			for i, e := range plan.Sources[0].Events {
				if got := fmt.Sprint(plan.Flows[0].Events[i].KeyFrom); got != test.from[e.Name] {
					t.Errorf("event %s: want a key from %v, got %v", e.Name, test.from[e.Name], got)
				}
			}
		})
	}
}

func TestRankOfPaths(t *testing.T) {
	ordered := []string{"$.*.*.*", "$.*[*].*", "$.*[0].*", "$.a.*.*", "$.a[*].*", "$.a[0].*", "$.a.b.*", "$.a.b[*]", "$.a.b[0]", "$.a.b.c"}
	for i := 1; i < len(ordered); i++ {
		low, high := mustPath(t, ordered[i-1]), mustPath(t, ordered[i])
		if rankOf(high).compare(rankOf(low)) <= 0 {
			t.Errorf("%s must outrank %s", ordered[i], ordered[i-1])
		}
	}
}

func mustPath(t *testing.T, s string) event.Path {
	t.Helper()
	p, _, err := event.ParsePath(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
