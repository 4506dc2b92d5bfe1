// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// diffOf loads a policy and the same with some lines replaced, and says what changes.
func diffOf(t *testing.T, replace ...string) Changes {
	t.Helper()
	before := strings.Replace(string(testFile(t, "base.yaml")), "      plain: keep\n", "      plain: keep\n      email: email_domain\n      timestamp: {time: day}\n", 1)
	after := before
	pack := string(testFile(t, "social.yaml"))
	nextPack := pack
	for i := 0; i < len(replace); i += 2 {
		switch {
		case strings.Contains(after, replace[i]):
			after = strings.Replace(after, replace[i], replace[i+1], 1)
		case strings.Contains(nextPack, replace[i]):
			nextPack = strings.Replace(nextPack, replace[i], replace[i+1], 1)
		default:
			t.Fatalf("%q is in neither policy nor pack", replace[i])
		}
	}
	load := func(text, pack string) *Plan {
		p, err := LoadBytes("policy.yaml", []byte(text), fstest.MapFS{"social.yaml": {Data: []byte(pack)}}, "")
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	return Diff(load(before, pack), load(after, nextPack))
}

const emails = "6 fields of social%s: $.author.email, $.mentions[*].email, $.repost.author.email, $.repost.mentions[*].email, $.repost.repost.author.email, $.repost.repost.mentions[*].email"

const times = "7 fields of social%s: $.author.joined, $.created, $.mentions[*].joined, $.repost.author.joined, $.repost.mentions[*].joined, $.repost.repost.author.joined and 1 more"

func TestDiff(t *testing.T) {
	tests := []struct {
		name    string
		replace []string
		want    []string
	}{
		{"nothing", nil, nil},
		{"a field more", []string{"        $.text: drop\n", "        $.text: drop\n        $.language: {keep: {max: 5}}\n"},
			[]string{"more: analytics now also receives $.language of social as locale ({keep: {max: 5}})"}},
		{"a class less", []string{"      email: email_domain\n", ""},
			[]string{"less: analytics no longer receives " + fmt.Sprintf(emails, " as email (email_domain)")}},
		{"more exactly", []string{"{time: day}", "{time: hour}"},
			[]string{"more: analytics receives more of " + fmt.Sprintf(times, " as timestamp ({time: hour}), no longer as timestamp ({time: day})")}},
		{"less exactly", []string{"{time: day}", "{time: week}"},
			[]string{"less: analytics receives less of " + fmt.Sprintf(times, " as timestamp ({time: week}), no longer as timestamp ({time: day})")}},
		{"neither weaker nor stronger", []string{"email_domain", "pseudonym"},
			[]string{"more: analytics receives something else of " + fmt.Sprintf(emails, " as email (pseudonym), no longer as email (email_domain)")}},
		{"a wider filter", []string{"only: {visibility: public}", "only: {visibility: [public, unlisted]}"},
			[]string{"more: analytics receives of social (post) only visibility public or unlisted, no longer only visibility public"}},
		{"an event less", []string{"[post, deletion]", "[post]"},
			[]string{"less: analytics no longer receives these events of social: deletion"}},
		{"an event and its fields more", []string{"[post, deletion]", "[post, deletion, visit]", ", only: {visibility: public}", ""}, []string{
			"more: analytics now also receives these events of social: visit",
			"more: analytics receives of social (post) only what `from:` names, no longer only visibility public",
			"more: analytics now also receives $.user of social as account (pseudonym)",
			"more: analytics now also receives $.seconds of social as plain ({keep: number})",
		}},
		{"longer retention", []string{"395d", "400d"}, []string{"more: analytics keeps its data for 400d, no longer for 395d"}},
		{"minors", []string{"395d", "395d\n    minors: allow"}, []string{"more: minors of analytics: allow, no longer withhold"}},
		{"renewal", []string{"395d", "395d\n    pseudonyms: {renew: 30d}"}, []string{"less: pseudonyms of analytics are renewed every 30d, no longer only by command"}},
		{"consent is no longer asked", []string{"basis: consent", "basis: contract"}, []string{"more: analytics no longer needs consent: its purpose rests on contract"}},
		{"sale", []string{"basis: consent", "basis: consent\n    sale: true"}, []string{"less: an opt-out of sale now withholds events from analytics"}},
		{"role", []string{"role: processor", "role: third-party"}, []string{"more: analytics is now a third-party, no longer a processor"}},
		{"a topic", []string{"clean.analytics", "clean.other"}, []string{"more: analytics is now written to topic clean.other, no longer to clean.analytics: others may read it there"}},
		{"another raw topic", []string{"[raw.social]", "[raw.social, raw.more]"}, []string{"more: social is also read from raw.more"}},
		{"finer record time", []string{"395d", "395d\n    record_time: minute"}, []string{"more: timestamps of records of analytics are cut to 1m, no longer to 1h"}},
		{"a description", []string{"Which posts do readers engage with?", "Another sentence"}, []string{"other: purpose insight is described differently"}},
		{"a reason", []string{"plain: keep", "plain: keep\n      ip: {keep: {max: 45}, clear: To find abuse}"},
			[]string{"more: analytics now also receives $.ip of social as ip ({keep: {max: 45}})"}},
		{"an event found otherwise", []string{"{$.type: deleted}", "{$.type: [deleted, gone]}"}, []string{"more: event deletion of social is found by other conditions, or elsewhere: it may match more payloads"}},
		{"a signal no more", []string{"    signal: object-deleted\n", "", "{events: [post, deletion], only: {visibility: public}}", "{events: [post, deletion]}"}, []string{
			"more: event deletion of social is no longer a signal: it may carry more than pseudonyms",
			"more: analytics receives of social (post) only what `from:` names, no longer only visibility public",
			"more: analytics now also receives $.reason of social as plain ({keep: {max: 80}})",
		}},
		{"a class of the pack", []string{"      email: email\n", "      email: name\n"}, []string{
			"less: analytics no longer receives " + fmt.Sprintf(emails, " as email (email_domain)"),
			"other: " + fmt.Sprintf(emails, ": class name, no longer email"),
		}},
		{"a reclassification", []string{"    pack: social@1\n", "    pack: social@1\n    reclassify:\n      $.language: {plain: {max: 5}, reason: Ours is one language}\n"}, []string{
			"more: analytics now also receives $.language of social as plain ({keep: {max: 5}})",
			"other: $.language of social: class plain, no longer locale",
			"other: $.language of social is reclassified from locale to plain, because: Ours is one language",
		}},
		{"a format", []string{"395d", "395d\n    format: avro"}, []string{"other: records of analytics are wrapped in avro, no longer in json"}},
		{"a header", []string{"395d", "395d\n    headers: {social: {ce_type: drop}}"}, []string{
			"less: analytics no longer receives the header ce_type of social as plain ({keep: {max: 80}})"}},
		{"a type", []string{"{plain: {enum: [post, repost]}}", "{plain: {enum: [post, repost, quote]}}"}, []string{
			"more: analytics receives more of $.type of social as plain ({keep: {enum: [post, repost, quote]}}), no longer as plain ({keep: {enum: [post, repost]}})"}},
		{"what the pack says else", []string{"{plain: {enum: [post, repost]}}", "{plain: {enum: [post, repost]}}\n      $.to: {class: account, except: {plain: [all]}}"}, []string{
			"more: analytics now also receives $.to of social as account (pseudonym)"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			changes := diffOf(t, tt.replace...)
			for _, c := range changes {
				got = append(got, fmt.Sprintf("%s: %s", c.Direction, c))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("want\n%s\ngot\n%s", strings.Join(tt.want, "\n"), strings.Join(got, "\n"))
			}
			if more := len(tt.want) > 0 && strings.HasPrefix(tt.want[0], "more"); changes.More() != more {
				t.Errorf("want more leaves %v, got %v", more, changes.More())
			}
		})
	}
}

func TestDiffOfRecipients(t *testing.T) {
	text := string(testFile(t, "base.yaml"))
	_, analytics, _ := strings.Cut(text, "recipients:\n")
	other := strings.NewReplacer("  analytics:", "  partner:", "clean.analytics", "clean.partner").Replace(analytics)
	load := func(text string) *Plan {
		p, err := LoadBytes("policy.yaml", []byte(text), fstest.MapFS{"social.yaml": {Data: testFile(t, "social.yaml")}}, "")
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	one, two := load(text), load(text+other)
	first := Diff(one, two)[0]
	if want := "partner is a new recipient: processor, for insight (consent), topic clean.partner, kept for 395d, minors withhold"; first.Direction != More || first.What != want {
		t.Errorf("want more: %s, got %s: %s", want, first.Direction, first.What)
	}
	back := Diff(two, one)
	if want := "partner is no longer a recipient"; len(back) != 1 || back[0].Direction != Less || back[0].What != want {
		t.Errorf("want less: %s, got %v", want, back)
	}
}

// TestDiffOfTheSame compares the example policy with itself.
func TestDiffOfTheSame(t *testing.T) {
	plan, err := Load("../../config/policies/social.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := Diff(plan, plan); len(got) > 0 {
		t.Errorf("want no difference, got %v", got)
	}
}

func TestCompareTechniques(t *testing.T) {
	read := func(text string) *Technique {
		f := &faults{}
		technique, _, ok := reader{faults: f}.technique(parseYAML("t", []byte(text), f))
		if !ok {
			t.Fatalf("%s: %v", text, f.problems)
		}
		return &technique
	}
	// Each tells less than the next.
	chains := [][]string{
		{"drop", "blank", "count", "{keep: integer}"},
		{"drop", "presence", "pseudonym", "{seal: {deterministic: true}}", "{keep: {max: 10}}"},
		{"presence", "pseudonym", "{seal: {deterministic: true}}", "{fpe: digits}", "{keep: {max: 10}}"},
		{"presence", "seal", "{seal: {deterministic: true}}", "{keep: {max: 10}}"},
		{"{time: week}", "{time: day}", "{time: hour}", "{keep: {max: 10}}"},
		{"{round: 100km}", "{round: 10km}", "{keep: number}"},
		{"{round: {places: -2}}", "round", "{round: {places: 2}}"},
		{"{bucket: [10]}", "{bucket: [10, 20]}"},
		{"mask", "{mask: {keep: 2}}", "{keep: {max: 10}}"},
		{"{truncate: {ipv4: 16}}", "truncate", "{truncate: {ipv6: 64}}"},
		{"{truncate: {keep: 2}}", "{truncate: {keep: 3}}"},
		{"{keep: {enum: [a]}}", "{keep: {enum: [a, b]}}", "{keep: {enum: [a, b], nullable: true}}"},
		{"{keep: {max: 10, pattern: a}}", "{keep: {max: 10}}", "{keep: {max: 20}}", "{keep: {max: 20, or: [1]}}"},
		{"{keep: integer}", "{keep: number}"},
	}
	for _, chain := range chains {
		for i := range chain {
			for j := range chain {
				want := tellsSame
				if i < j {
					want = tellsMore
				} else if i > j {
					want = tellsLess
				}
				if got := compareTechniques(read(chain[i]), read(chain[j])); got != want {
					t.Errorf("%s after %s: want %d, got %d", chain[j], chain[i], want, got)
				}
			}
		}
	}
	for _, pair := range [][2]string{{"pseudonym", "email_domain"}, {"seal", "pseudonym"}, {"{mask: {keep: 2}}", "{mask: {keep: 2, at: start}}"},
		{"{truncate: {ipv4: 16, ipv6: 64}}", "truncate"}, {"{bucket: [10, 20]}", "{bucket: [10, 30]}"}, {"{round: 10km}", "round"}, {"{time: day}", "{time: shift}"}, {"{fpe: hex}", "{fpe: digits}"}, {"{keep: integer}", "{keep: boolean}"},
		{"{keep: {pattern: a}}", "{keep: {pattern: b}}"}} {
		for _, p := range [][2]string{pair, {pair[1], pair[0]}} {
			if got := compareTechniques(read(p[0]), read(p[1])); got != tellsOther {
				t.Errorf("%s after %s: want neither weaker, got %d", p[1], p[0], got)
			}
		}
	}
}

// TestSpellTechnique reads back what is spelled.
func TestSpellTechnique(t *testing.T) {
	for _, text := range []string{"pseudonym", "seal", "{seal: {deterministic: true}}", "{mask: {keep: 2, at: start}}", "{truncate: {keep: 3}}", "{truncate: {ipv4: 16, ipv6: 40}}",
		"{round: 10km}", "{round: {places: 1}}", "{bucket: [18, 25.5]}", "{time: week}", "{time: shift}", "{fpe: digits}", "{keep: integer}", "{keep: {type: integer, nullable: true}}", "{keep: {enum: [a, b]}}",
		`{keep: {pattern: "^a$", max: 5, or: ["x", 1]}}`, `{replace: {value: "-"}}`, "{replace: {value: 3}}"} {
		f := &faults{}
		technique, _, ok := reader{faults: f}.technique(parseYAML("t", []byte(text), f))
		if got := SpellTechnique(&technique); !ok || got != text {
			t.Errorf("want %s, got %s", text, got)
		}
	}
}
