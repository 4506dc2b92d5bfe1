// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"strings"
	"testing"
)

// TestWholePolicies spells what a policy decides about every field and header. A person reviews the files.
func TestWholePolicies(t *testing.T) {
	archives(t, "whole", func(t *testing.T, a *archive) {
		plan, err := a.load(t)
		if err != nil {
			t.Fatal(err)
		}
		a.compare(t, spell(plan))
	})
}

func spell(p *Plan) string {
	var b strings.Builder
	for _, w := range p.Warnings {
		fmt.Fprintf(&b, "warning: %v\n", w)
	}
	for _, f := range p.Flows {
		r, s := p.Recipients[f.Recipient], p.Sources[f.Source]
		fmt.Fprintf(&b, "\n%s from %s: key %s, partition by %s, time by %v\n", r.Name, s.Name, r.Key, r.PartitionBy, r.RecordTime)
		for i, h := range s.Headers {
			fmt.Fprintf(&b, "  header %s %s: %s\n", h.Name, h.Leaf.Class, spellDecision(f.Headers[i]))
		}
		for i, e := range s.Events {
			if !f.Events[i].Selected {
				fmt.Fprintf(&b, "  event %s: not selected\n", e.Name)
				continue
			}
			fmt.Fprintf(&b, "  event %s: only %v, key from %v\n", e.Name, f.Events[i].Only, f.Events[i].KeyFrom)
			for j, l := range e.Leaves {
				what := string(l.Class)
				if l.Container {
					what = "container"
				}
				fmt.Fprintf(&b, "    %s %s: %s\n", l.Path, what, spellDecision(f.Events[i].Decisions[j]))
			}
		}
	}
	return b.String()
}

func spellDecision(d Decision) string {
	t := d.Technique
	if t.Name == "" && d.Rule == "" {
		return "-"
	}
	out := t.Name
	for _, p := range []struct {
		set  bool
		text string
	}{
		{t.Type != nil, strings.Replace(fmt.Sprintf("type %+v", t.Type), " Text:false}", "}", 1)},
		{t.Deterministic, "deterministic"},
		{t.Name == Mask || t.Keep > 0, fmt.Sprintf("keep %d", t.Keep)},
		{t.At != "", "at " + t.At},
		{t.IPv4 > 0, fmt.Sprintf("/%d /%d", t.IPv4, t.IPv6)},
		{t.Places != 0, fmt.Sprintf("places %d", t.Places)},
		{t.Grid > 0, fmt.Sprintf("grid %gkm", t.Grid)},
		{t.Bounds != nil, fmt.Sprintf("bounds %v", t.Bounds)},
		{t.Step > 0, fmt.Sprintf("step %v", t.Step)},
		{t.Value != nil, fmt.Sprintf("value %+v", t.Value)},
		{d.Clear != "", "clear because: " + d.Clear},
	} {
		if p.set {
			out += ", " + p.text
		}
	}
	return strings.TrimSpace(out + " <" + d.Rule + ">")
}

// TestExample loads a policy over built-in packs and looks at some of its decisions.
func TestExample(t *testing.T) {
	plan, err := Load("testdata/example.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ recipient, source, event, path, want string }{
		{"analytics", "mastodon", "status", "$.account.display_name", "seal <example.yaml:44 paths.$.account.display_name>"},
		{"analytics", "mastodon", "status", "$.reblog.account.display_name", "-"},
		{"analytics", "mastodon", "status", "$.account.id", "pseudonym <example.yaml:34 classes.account>"},
		{"analytics", "mastodon", "status", "$.application.name", "keep, type &{Kind:5 Enum:[] Pattern: Max:80 Or:[] Nullable:false} <example.yaml:39 classes.plain>"},
		{"analytics", "mastodon", "status", "$.ticket", "pseudonym <example.yaml:35 classes.object-id>"},
		{"analytics", "mastodon", "stream-delete", "$.payload", "pseudonym <example.yaml:35 classes.object-id>"},
		{"analytics", "twitter", "post", "$.data.text", "truncate, keep 40 <example.yaml:36 classes.text>"},
		{"analytics", "twitter", "post", "$.data.source", "drop <example.yaml:42 paths.$..source>"},
		{"ads-partner", "twitter", "post", "$.data.text", "-"},
	} {
		got := "no such leaf"
		for _, f := range plan.Flows {
			s := plan.Sources[f.Source]
			if plan.Recipients[f.Recipient].Name != test.recipient || s.Name != test.source {
				continue
			}
			for i, e := range s.Events {
				for j, l := range e.Leaves {
					if e.Name == test.event && l.Path.String() == test.path {
						got = spellDecision(f.Events[i].Decisions[j])
					}
				}
			}
		}
		if got != test.want {
			t.Errorf("%s, %s of %s %s: want %q, got %q", test.recipient, test.path, test.source, test.event, test.want, got)
		}
	}
}
