// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"
	"testing"
	"testing/fstest"
)

const twoRecipients = `
  partner:
    role: third-party
    purpose: insight
    topic: clean.partner
    retention: 30d
    from: {social: {events: [post]}}
    classes: {account: pseudonym, object-id: pseudonym}
`

// hashes loads the base policy with a second recipient after an edit of policy or pack. It gives the plan's and both recipients' hashes.
func hashes(t *testing.T, old, new string) (plan, analytics, partner string) {
	t.Helper()
	text := string(testFile(t, "base.yaml")) + strings.TrimPrefix(twoRecipients, "\n")
	pack := string(testFile(t, "social.yaml"))
	if !strings.Contains(text+pack, old) {
		t.Fatalf("nothing to edit: %q", old)
	}
	text, pack = strings.Replace(text, old, new, 1), strings.Replace(pack, old, new, 1)
	p, err := LoadBytes("policy.yaml", []byte(text), fstest.MapFS{"social.yaml": {Data: []byte(pack)}}, "")
	if err != nil {
		t.Fatal(err)
	}
	return p.Hash, p.Recipients[0].Hash, p.Recipients[1].Hash
}

func TestHashIgnoresWhatSaysNothing(t *testing.T) {
	plan, analytics, partner := hashes(t, "", "")
	if len(plan) != 64 || plan == analytics || analytics == partner {
		t.Fatalf("hashes %q, %q, %q", plan, analytics, partner)
	}
	for name, edit := range map[string][2]string{
		"comments and lines":   {"sources:\n", "\n# what comes in\nsources:\n"},
		"order of rules":       {"      account: pseudonym\n      object-id: pseudonym\n", "      object-id: pseudonym\n      account: pseudonym\n"},
		"order of fields":      {"      $.ip: ip\n      $.token: credential\n", "      $.token: credential\n      $.ip: ip\n"},
		"spelling of a path":   {"        $.text: drop\n", "        \"$['text']\": drop\n"},
		"a default, written":   {"    retention: 395d\n", "    retention: 395d\n    minors: withhold\n"},
		"order of the mapping": {"    topic: clean.analytics\n    retention: 395d\n", "    retention: 395d\n    topic: clean.analytics\n"},
	} {
		gotPlan, gotAnalytics, gotPartner := hashes(t, edit[0], edit[1])
		if gotPlan != plan || gotAnalytics != analytics || gotPartner != partner {
			t.Errorf("%s: the hash changed", name)
		}
	}
}

func TestHashSeesWhatChanges(t *testing.T) {
	plan, analytics, partner := hashes(t, "", "")
	for _, test := range []struct {
		name, old, new     string
		analytics, partner bool // whose part changes
	}{
		{"controller", "Example Media", "Other Media", false, false},
		{"a rule of one recipient", "        $.text: drop\n", "        $.text: {truncate: {keep: 9}}\n", true, false},
		{"a new rule of one recipient", "        $.text: drop\n", "        $.mentions: count\n", true, false},
		{"the other's retention", "retention: 30d", "retention: 31d", false, true},
		{"the purpose of both", "Which posts do readers engage with?", "Who reads us?", true, true},
		{"the source's topic", "raw.social", "raw.social.2", true, true},
		{"the platform instance", "    pack: social@1\n", "    pack: social@1\n    instance: b\n", true, true},
		{"a type that one recipient keeps", "{plain: {max: 140}}", "{plain: {max: 141}}", true, false},
		{"a class that both get", "reply_to: account", "reply_to: email", true, true},
		{"when an event matches", "$.type: deleted", "$.type: removed", true, true},
		{"the data protection officer", "controller: {name", "controller: {dpo: someone, name", false, false},
	} {
		gotPlan, gotAnalytics, gotPartner := hashes(t, test.old, test.new)
		if gotPlan == plan {
			t.Errorf("%s: the plan's hash did not change", test.name)
		}
		if (gotAnalytics != analytics) != test.analytics {
			t.Errorf("%s: the hash of analytics changed: %v, want %v", test.name, gotAnalytics != analytics, test.analytics)
		}
		if (gotPartner != partner) != test.partner {
			t.Errorf("%s: the hash of partner changed: %v, want %v", test.name, gotPartner != partner, test.partner)
		}
	}
}

func TestHashIsTheSameInEveryRun(t *testing.T) {
	want, _, _ := hashes(t, "", "")
	for range 20 {
		if got, _, _ := hashes(t, "", ""); got != want {
			t.Fatalf("want %s, got %s", want, got)
		}
	}
}
