// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"strings"
	"testing"
)

// What a reader with bad intentions tried, and got.

// withClasses is the policy of the other tests with these rules.
func withClasses(classes string) string {
	i := strings.Index(constructsPolicy, "    classes:")
	return constructsPolicy[:i] + "    classes: {" + classes + "}\n"
}

// case with [*] beside [0] in the condition's array
func TestAdversaryCaseOverlap(t *testing.T) {
	p := pipelineOf(t, withClasses("account: pseudonym, email: pseudonym, plain: keep"), `
events:
  e:
    subject: $.by
    fields:
      $.by: account
      $.a[0].first: {plain: boolean}
      $.a[*].v:
        cases:
          - {when: {kind: word}, plain: {max: 80}}
          - {class: phone}
`, Options{})
	n := decide(t, p, value(`{"by":1,"a":[{"kind":"word","v":"x"},{"kind":"phone","v":"+4915112345678"},{"kind":"word","v":"y"}]}`))
	if strings.Contains(n.outputs[0], "4915112345678") {
		t.Error("a telephone number left: its case was decided by its siblings' kind")
	}
}

// a case at [*] overrules a literal [0]
func TestAdversaryCaseBeatsIndex(t *testing.T) {
	for _, order := range []string{"      $.a[0]: phone\n", ""} {
		pack := `
events:
  e:
    subject: $.by
    fields:
      $.by: account
` + order + `      $.a[*]:
        cases:
          - {when: {kind: word}, plain: {max: 80}}
`
		if order == "" {
			pack += "      $.a[0]: phone\n"
		}
		p := pipelineOf(t, withClasses("account: pseudonym, phone: drop, plain: keep"), pack, Options{})
		n := decide(t, p, value(`{"by":1,"kind":"word","a":["+4915112345678","x"]}`))
		if strings.Contains(n.outputs[0], "4915112345678") {
			t.Error("a[0] is a telephone number that is dropped, and left")
		}
	}
}

// tombstone after event with a key of its own
func TestAdversaryTombstoneKey(t *testing.T) {
	pol := strings.Replace(withClasses("account: pseudonym, group: pseudonym, plain: keep"), "    topic: clean\n", "    topic: clean\n    key: source\n", 1)
	p := pipelineOf(t, pol, `
record: {key: account}
events:
  g:
    when: {$.t: g}
    subject: none
    record: {key: group}
    fields:
      $.g: group
  e:
    subject: none
    fields:
      $.by: account
`, Options{})
	a, b := value(`{"t":"g","g":1}`), value("")
	a.Key, b.Key = []byte("9"), []byte("5")
	n := decide(t, p, a, b)
	n2 := decide(t, p, b)
	if n.lines[1] != n2.lines[0] {
		t.Errorf("the key of a tombstone depends on the record before it: %s and %s", n.lines[1], n2.lines[0])
	}
}

// a record key of one event leaves because another event's does
func TestAdversaryKeyWithoutRule(t *testing.T) {
	pol := strings.Replace(withClasses("group: pseudonym, plain: keep"), "    topic: clean\n", "    topic: clean\n    key: source\n", 1)
	p := pipelineOf(t, pol, `
record: {key: group}
events:
  g:
    when: {$.t: g}
    subject: none
    record: {key: account}
    fields:
      $.n: {plain: integer}
  e:
    subject: none
    fields:
      $.g: group
`, Options{})
	a := value(`{"t":"g","n":1}`)
	a.Key = []byte("9")
	n := decide(t, p, a)
	if strings.Contains(n.lines[0], "key=acc_") {
		t.Error("an account's pseudonym left as the key, and no rule says so")
	}
}

// subject of a field with cases
func TestAdversarySubjectCases(t *testing.T) {
	p := pipelineOf(t, withClasses("account: pseudonym, email: pseudonym, plain: keep"), `
events:
  e:
    subject: $.value
    fields:
      $.value:
        cases:
          - {when: {kind: mail}, class: email}
          - {when: {kind: user}, class: account}
          - {plain: {max: 80}}
`, Options{})
	for _, k := range []string{"mail", "user", "none"} {
		n := decide(t, p, value(`{"kind":"`+k+`","value":"a@b.example"}`))
		t.Log(k, n.lines)
	}
}

// count of a document
func TestAdversaryDocumentArray(t *testing.T) {
	p := pipelineOf(t, withClasses("account: pseudonym, plain: keep"), `
events:
  e:
    when: {$.payload: {exists: true}}
    subject: none
    fields:
      $.payload: {decode: json, fields: {id: account}}
`, Options{})
	n := decide(t, p, value(`{"payload":[1,2,3]}`))
	if strings.Contains(n.lines[0], "3") {
		t.Error("the size of an array left where a document was named")
	}
}

func TestAdversaryMapNameMeetsField(t *testing.T) {
	p := pipelineOf(t, withClasses("name: {truncate: {keep: 3}}, plain: keep"), `
events:
  e:
    subject: none
    fields:
      $.m: {keys: name, values: {plain: integer}, fields: {tot: {plain: integer}}}
`, Options{})
	n := decide(t, p, value(`{"m":{"totally":1,"tot":2}}`))
	if len(n.outputs) > 0 && strings.Count(n.outputs[0], `"tot"`) > 1 {
		t.Error("one name stands twice: " + n.outputs[0])
	}
}
