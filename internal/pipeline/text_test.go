// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"strings"
	"testing"

	"github.com/nymstream/nymstream/internal/event"
)

const textPolicy = `language: 1
controller: {name: Example Media, contact: privacy@example.org}
purposes:
  insight: {basis: contract, description: What is read?}
sources:
  s: {topics: [raw], pack: nested@1}
recipients:
  named:
    role: processor
    purpose: insight
    topic: clean.named
    retention: 30d
    from: {s: {}}
    classes: {account: pseudonym, handle: pseudonym, text: {text: {found: pseudonym}}}
  tagged:
    role: processor
    purpose: insight
    topic: clean.tagged
    retention: 30d
    from: {s: {}}
    classes: {account: pseudonym, text: text, free: {text: {found: mask, names: none, allow: [Main Street Cafe]}, clear: "names are public here"}}
`

const textPack = `
events:
  any:
    subject: $.by.id
    fields:
      $.by.id: account
      $.by.nick: {class: handle, of: $.by.id}
      $.by.name: {class: name, of: $.by.id}
      $.by.mail: {class: email, of: $.by.id}
      $.text: {class: text, markup: plain, offsets: ["$.marks[*].at"], unit: codepoint}
      $.marks[*].at: offset
      $.note: free
`

// What people write about themselves and others leaves as each recipient's rule says; where something was found, and who it is, is
// the recipient's own pseudonym of them, and positions in the text do not leave.
func TestTextThroughThePipeline(t *testing.T) {
	p := pipelineOf(t, textPolicy, textPack, Options{})
	const by = `"by":{"id":7,"nick":"zorb_q","name":"Zorblax Quuxley","mail":"zq@example.org"}`
	for _, c := range []struct{ text, note, named, tagged string }{
		{"nothing", "nothing", `"text":"nothing"`, `"text":"nothing","note":"nothing"`},
		{"I'm Zorblax, not @zorb_q or @ann", "call +1 605 555 0134", `"text":"I'm ACC1, not @HDL2 or @HDL3"`, `"text":"I'm [PERSON], not @HDL`},
		{"zq@example.org or ZORB_Q", "a@b.org at Main Street Cafe", `or HDL`, `"note":"*@*.*** at Main Street Cafe"`},
	} {
		n := decide(t, p, event.Record{Value: []byte(`{` + by + `,"text":` + quote(c.text) + `,"note":` + quote(c.note) + `,"marks":[{"at":3}]}`)})
		got := plainly(strings.Join(n.lines, "\n"))
		for _, want := range []string{c.named, c.tagged} {
			if !strings.Contains(got, want) {
				t.Errorf("%q: want %s in\n%s", c.text, want, got)
			}
		}
		for _, clear := range []string{"orblax", "uuxley", "orb_q", "ORB_Q", "zq@", "marks", "605"} {
			if strings.Contains(strings.Join(n.outputs, ""), clear) {
				t.Errorf("%q: %q left in clear: %s", c.text, clear, n.outputs)
			}
		}
	}
}

func quote(s string) string { return `"` + strings.ReplaceAll(s, `"`, `\"`) + `"` }

// Who writes another one's pseudonym into a text sends their record to quarantine.
func TestTextWithAPseudonym(t *testing.T) {
	p := pipelineOf(t, textPolicy, textPack, Options{})
	n := decide(t, p, value(`{"by":{"id":7},"text":"as acc_1_0123456789abcdefghijklmnop said"}`))
	if got := strings.Join(n.lines, "\n"); !strings.Contains(got, "named: quarantined, pseudonym-shaped at $.text") {
		t.Errorf("got %s", got)
	}
}

// A field that its pack calls not personal, and that leaves as it is, is looked through for what should not be there.
func TestPersonalDataInPlainFields(t *testing.T) {
	for name, c := range map[string]struct {
		payload string
		samples int
		want    string
	}{
		"an address":       {`{"by":1,"word":"mail ann at 203.0.113.77 now"}`, 5, "personal-data $.word ip"},
		"seen twice":       {`{"by":1,"word":"mail ann at 203.0.113.77 now"}`, 2, ""},
		"a card":           {`{"by":1,"words":["x","card 4111 1111 1111 1111"]}`, 5, "personal-data $.words[*] card"},
		"nothing":          {`{"by":1,"word":"version 1.2.3 of 2026"}`, 5, ""},
		"does not leave":   {`{"by":1,"kept":"card 4111 1111 1111 1111"}`, 5, ""},
		"not in its class": {`{"by":1,"mail":"ann@example.org"}`, 5, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, _ := driftedBy(t, guardPack, c.payload, c.samples)
			if strings.Join(got, "; ") != c.want {
				t.Errorf("want %q, got %q", c.want, got)
			}
		})
	}
}

const guardPack = `
events:
  any:
    subject: $.by
    fields:
      $.by: account
      $.word: {plain: {max: 80}}
      $.words[*]: {plain: {max: 80}}
      $.kept: free
      $.mail: email
`
