// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"slices"
	"testing"
	"testing/fstest"

	"github.com/nymstream/nymstream/internal/policy"
)

const publicOnly = `
language: 1
controller: {name: Example, contact: privacy@example.org}
purposes:
  study: {basis: legitimate-interest, description: What is public}
sources:
  mastodon: {topics: [m], pack: mastodon@1}
  twitter_v2: {topics: [t], pack: twitter_v2@1}
  bluesky: {topics: [b], pack: bluesky@1}
recipients:
  study:
    role: processor
    purpose: study
    topic: clean
    pseudonyms: {renew: 90d}
    retention: 395d
    from:
      mastodon: {events: [status, stream-status, notification], only: {visibility: public}}
      twitter_v2: {events: [post, posts], only: {visibility: public}}
      bluesky: {events: [post-view], only: {visibility: public}}
    classes: {account: pseudonym}
`

const onePack = `
language: 1
controller: {name: Example, contact: privacy@example.org}
purposes:
  study: {basis: legitimate-interest, description: What is public}
sources:
  p: {topics: [p], pack: p@1}
recipients:
  study:
    role: processor
    purpose: study
    topic: clean
    pseudonyms: {renew: 90d}
    retention: 395d
    from: {p: {}}
    classes: {account: pseudonym}
`

func TestMostPrivateVisibilityWins(t *testing.T) {
	const (
		toot  = `{"id":"1","visibility":"public","content":"x","created_at":"2026-01-01T00:00:00Z","account":{"id":"7"}`
		tweet = `{"data":{"id":"1","text":"x","author_id":"7"}`
		skeet = `{"author":{"did":"did:plc:a"},"record":{"text":"x"},"indexedAt":"2026-01-01T00:00:00Z"`
	)
	plan, program := bind(t, publicOnly)
	w := program.Worker()
	for _, test := range []struct {
		pack, payload string
		want          bool
	}{
		{"mastodon", toot + `}`, true},
		{"mastodon", toot + `,"reblog":null,"quote":null}`, true},
		{"mastodon", toot + `,"reblog":{"id":"2","visibility":"public"}}`, true},
		{"mastodon", toot + `,"reblog":{"id":"2","visibility":"unlisted"}}`, false},
		{"mastodon", toot + `,"reblog":{"id":"2","visibility":"direct"}}`, false},
		{"mastodon", toot + `,"reblog":{"id":"2"}}`, false},
		{"mastodon", toot + `,"quote":{"state":"accepted","quoted_status":{"id":"2","visibility":"private"}}}`, false},
		{"mastodon", toot + `,"quote":{"quoted_status":{"id":"2","visibility":"public","quote":{"quoted_status":{"id":"3","visibility":"limited"}}}}}`, false},
		{"mastodon", toot + `,"reblog":{"id":"2","visibility":"public","quote":{"quoted_status":{"id":"3","visibility":"private"}}}}`, false},
		{"mastodon", `{"event":"update","payload":` + toot + `}}`, true},
		{"mastodon", `{"event":"update","payload":` + toot + `,"reblog":{"id":"2","visibility":"private"}}}`, false},
		{"mastodon", `{"id":"9","type":"quote","account":{"id":"8"},"status":` + toot + `}}`, true},
		{"mastodon", `{"id":"9","type":"quote","account":{"id":"8"},"status":` + toot + `,"quote":{"quoted_status":{"id":"2","visibility":"direct"}}}}`, false},
		{"twitter_v2", tweet + `,"includes":{"users":[{"id":"7","protected":false}]}}`, true},
		{"twitter_v2", tweet + `,"includes":{"users":[{"id":"7","protected":false},{"id":"8","protected":true}]}}`, false},
		{"twitter_v2", tweet + `,"includes":{"users":[{"id":"7"}]}}`, false},
		{"twitter_v2", tweet + `,"includes":{"users":[{"id":"7","protected":"false"}]}}`, false},
		{"twitter_v2", tweet + `}`, false},
		{"twitter_v2", `{"data":[{"id":"1","text":"x","author_id":"7"}]}`, false},
		{"bluesky", skeet + `}`, true},
		{"bluesky", skeet + `,"embed":{"record":{"author":{"did":"did:plc:b","labels":[{"val":"!no-unauthenticated"}]}}}}`, false},
	} {
		source := slices.IndexFunc(plan.Sources, func(s policy.Source) bool { return s.Name == test.pack })
		kind, known := recognize(t, w, source, realEvent{test.pack, []byte(test.payload)})
		if !known {
			t.Fatalf("%s %s: no event of the pack", test.pack, test.payload)
		}
		name := plan.Sources[source].Events[kind].Name
		if got := w.Admits(0); got != test.want {
			t.Errorf("%s %s %s: got admitted %t, want %t", test.pack, name, test.payload, got, test.want)
		}
	}
}

// A word with a list of condition sets fits when one of them holds whole.
func TestFacetWordsHaveAlternatives(t *testing.T) {
	pack := func(private string) (*policy.Plan, error) {
		text := "language: 1\npack: p\nversion: 1\nevents:\n  e:\n    subject: $.by\n    fields:\n      $.by: account\n      $.a: {plain: boolean}\n      $.b: {plain: boolean}\n" +
			"    facets:\n      visibility:\n        private: " + private + "\n        else: public\n"
		return policy.LoadBytes("policy.yaml", []byte(onePack), fstest.MapFS{"p.yaml": {Data: []byte(text)}}, ".")
	}
	plan, err := pack("[{$.a: true, $.b: true}, {$.a: {absent: true}}]")
	if err != nil {
		t.Fatal(err)
	}
	words := plan.Sources[0].Events[0].Facets[0].Words
	if len(words) != 2 || words[0].Word != "private" || len(words[0].When) != 2 || words[1].Word != "private" || len(words[1].When) != 1 {
		t.Errorf("got %+v, want private by two sets, of 2 and 1 conditions", words)
	}
	for _, bad := range []string{"[]", "[{}]", "[always]", "[[{$.a: true}]]", "[{a: true}]"} {
		if _, err := pack(bad); err == nil {
			t.Errorf("private: %s was taken", bad)
		}
	}
}
