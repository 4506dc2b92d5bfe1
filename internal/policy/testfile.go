// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nymstream/nymstream/internal/event"
)

// Test is one case of a *_test.yaml file: a record, and what every recipient it names gets of it.
type Test struct {
	File       string
	Line       int
	Name       string
	Source     string
	Recipients []string
	Payload    []byte // the record's value
	Key        []byte // nil: none
	Headers    []event.Header
	Consent    string         // ConsentNone or ConsentAssumed
	Expect     []*Expectation // one for every event of the record, in their order
}

// What the people of a test's event agreed to.
const (
	ConsentNone    = "none" // nobody was asked: the default
	ConsentAssumed = "assumed"
)

// Expectation is what becomes of one event.
type Expectation struct {
	Line    int
	Outcome string // forward, withhold, quarantine
	Reason  string // "": any
	Output  *Expected
	Values  []ExpectedAt
	Present []ExpectedAt
	Absent  []ExpectedAt
	Nowhere []ExpectedAt // texts that stand in no byte of what leaves
	Key     *Expected
	Headers []ExpectedAt
}

// ExpectedAt is something expected of one place of the output: a path, a header or a text.
type ExpectedAt struct {
	Name  string
	Path  event.Path // of values, present and absent
	Line  int
	Value *Expected // of values and headers
}

// Expected is a JSON value with placeholders, and the lines where its parts stand.
type Expected struct {
	Line    int
	Scalar  *Literal // nil: an object or a list
	Members []ExpectedMember
	Items   []*Expected // of a list
	List    bool
}

// ExpectedMember is one member of an expected object.
type ExpectedMember struct {
	Name  string
	Value *Expected
}

// TestFiles lists the *_test.yaml files beside a policy.
func TestFiles(policy string) ([]string, error) {
	return filepath.Glob(filepath.Join(filepath.Dir(policy), "*_test.yaml"))
}

// ReadTests reads a test file for a policy. It gives no tests when the file says that it tests another. An error is always Problems.
func ReadTests(path, policy string) ([]Test, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, Problems{{File: path, Line: 1, Col: 1, What: "the tests cannot be read: " + err.Error()}}
	}
	f := &faults{files: []string{path}}
	var tests []Test
	if n := parseYAML(path, data, f); n != nil {
		r := testReader{reader{faults: f}, path}
		tests = r.file(n, filepath.Base(policy))
	}
	if len(f.problems) > 0 {
		return nil, f.sorted()
	}
	return tests, nil
}

type testReader struct {
	reader
	path string
}

func (r testReader) file(n *node, policy string) []Test {
	o, ok := r.object(n, "the tests", "language", "policy", "tests")
	if !ok || !r.language(o) {
		return nil
	}
	if v := o.take("policy"); v != nil {
		if name, ok := r.text(v, "policy"); !ok || name != policy {
			return nil
		}
	}
	list := r.need(o, "tests", "write a list of {name, source, recipient, event, expect}")
	if list == nil {
		return nil
	}
	if list.kind != listNode {
		r.add(list.place, "tests must be a list", "write `- name: …` below it")
		return nil
	}
	var out []Test
	names := map[string]int{}
	for _, item := range list.items {
		t := r.test(item)
		if at, twice := names[t.Name]; twice && t.Name != "" {
			r.add(item.place, fmt.Sprintf("%q stands twice", t.Name), fmt.Sprintf("it already stands at line %d", at))
		}
		names[t.Name] = t.Line
		out = append(out, t)
	}
	return out
}

func (r testReader) test(n *node) Test {
	t := Test{File: r.path, Line: n.line, Consent: ConsentNone}
	o, ok := r.object(n, "a test", "name", "source", "recipient", "recipients", "event", "file", "key", "headers", "consent", "expect")
	if !ok {
		return t
	}
	if v := r.need(o, "name", "say what it shows: a private post reaches nobody"); v != nil {
		t.Name, _ = r.text(v, "name")
	}
	if v := r.need(o, "source", "name a source of the policy"); v != nil {
		t.Source, _ = r.text(v, "source")
	}
	t.Recipients = r.whom(o)
	t.Payload = r.payload(o)
	if v := o.take("key"); v != nil {
		key, _ := r.text(v, "key")
		t.Key = []byte(key)
	}
	if v := o.take("headers"); v != nil {
		for _, e := range r.entries(v, "headers") {
			value, _ := r.text(e.value, "a header")
			t.Headers = append(t.Headers, event.Header{Key: []byte(e.key.text), Value: []byte(value)})
		}
	}
	if v := o.take("consent"); v != nil {
		if v.kind == mappingNode {
			r.add(v.place, "consent for each purpose is not yet supported by this release", "write `consent: assumed` or `consent: none`")
		} else {
			t.Consent, _ = r.word(v, "consent", ConsentAssumed, ConsentNone)
		}
	}
	if v := r.need(o, "expect", "write {outcome: forward} and what leaves, or {outcome: withhold, reason: …}"); v != nil {
		items := []*node{v}
		if v.kind == listNode {
			items = v.items
		}
		for _, item := range items {
			t.Expect = append(t.Expect, r.expectation(item))
		}
	}
	return t
}

// whom reads one recipient or several.
func (r testReader) whom(o object) []string {
	one, several := o.take("recipient"), o.take("recipients")
	switch {
	case one != nil && several != nil:
		r.add(several.place, "both recipient and recipients", "write one of them")
	case one != nil:
		name, _ := r.text(one, "recipient")
		return []string{name}
	case several != nil:
		var out []string
		for _, item := range r.list(several, "recipients") {
			name, _ := r.text(item, "a recipient")
			out = append(out, name)
		}
		return out
	default:
		r.need(o, "recipient", "name a recipient of the policy, or `recipients:` a list")
	}
	return nil
}

// payload reads the record's value: YAML that is written as JSON, text as it stands, or a file beside the tests.
func (r testReader) payload(o object) []byte {
	inline, file := o.take("event"), o.take("file")
	switch {
	case inline != nil && file != nil:
		r.add(file.place, "both event and file", "write one of them")
	case file != nil:
		name, ok := r.text(file, "file")
		if !ok {
			return nil
		}
		data, err := os.ReadFile(filepath.Join(filepath.Dir(r.path), filepath.FromSlash(name)))
		if err != nil {
			r.add(file.place, "the event cannot be read: "+withoutPath(err).Error(), "the path is relative to the tests' folder")
		}
		return bytes.TrimSuffix(data, []byte("\n"))
	case inline == nil:
		r.need(o, "event", "write the payload below it, or `file:` and its name")
	case inline.kind == scalarNode:
		text, _ := r.text(inline, "event")
		return []byte(strings.TrimSuffix(text, "\n"))
	default:
		var b bytes.Buffer
		r.json(&b, inline)
		return b.Bytes()
	}
	return nil
}

// withoutPath takes the file's name, which the problem names anyway, out of an error.
func withoutPath(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// json writes a node as JSON.
func (r testReader) json(b *bytes.Buffer, n *node) {
	switch n.kind {
	case mappingNode:
		b.WriteByte('{')
		for i, p := range n.pairs {
			if i > 0 {
				b.WriteByte(',')
			}
			quoteJSON(b, p.key.text)
			b.WriteByte(':')
			r.json(b, p.value)
		}
		b.WriteByte('}')
	case listNode:
		b.WriteByte('[')
		for i, item := range n.items {
			if i > 0 {
				b.WriteByte(',')
			}
			r.json(b, item)
		}
		b.WriteByte(']')
	default:
		l, ok := r.literal(n, "a value")
		if ok && l.Kind == String {
			quoteJSON(b, l.Text)
		} else {
			b.WriteString(l.Text)
		}
	}
}

func quoteJSON(b *bytes.Buffer, s string) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string can always be written
	b.Truncate(b.Len() - 1)
}

func (r testReader) expectation(n *node) *Expectation {
	x := &Expectation{Line: n.line, Outcome: "forward"}
	o, ok := r.object(n, "expect", "outcome", "reason", "output", "values", "present", "absent", "nowhere", "key", "headers")
	if !ok {
		return x
	}
	if v := r.need(o, "outcome", "write forward, withhold or quarantine"); v != nil {
		x.Outcome, _ = r.word(v, "outcome", "forward", "withhold", "quarantine")
	}
	if v := o.take("reason"); v != nil {
		var names []string
		for _, reason := range event.Reasons() {
			names = append(names, reason.String())
		}
		x.Reason, _ = r.word(v, "reason", names...)
		if x.Outcome == "forward" {
			r.add(v.place, "what is forwarded has no reason", "remove it, or write `outcome: withhold`")
		}
	}
	for _, key := range []string{"output", "values", "present", "absent", "key", "headers"} {
		if at := o.keys[key]; at != nil && x.Outcome != "forward" {
			r.add(at.place, fmt.Sprintf("%s of what is not forwarded", key), "remove it, or write `outcome: forward`")
		}
	}
	if v := o.take("output"); v != nil {
		x.Output = r.expected(v)
	}
	if v := o.take("key"); v != nil {
		x.Key = r.expected(v)
	}
	if v := o.take("values"); v != nil {
		for _, e := range r.pathKeys(v, "values") {
			if path, ok := r.outputPath(e.key); ok {
				x.Values = append(x.Values, ExpectedAt{Name: e.key.text, Path: path, Line: e.key.line, Value: r.expected(e.value)})
			}
		}
	}
	if v := o.take("headers"); v != nil {
		for _, e := range r.entries(v, "headers") {
			x.Headers = append(x.Headers, ExpectedAt{Name: e.key.text, Line: e.key.line, Value: r.expected(e.value)})
		}
	}
	x.Present, x.Absent = r.paths(o.take("present"), "present"), r.paths(o.take("absent"), "absent")
	if v := o.take("nowhere"); v != nil {
		for _, item := range r.list(v, "nowhere") {
			if text, ok := r.text(item, "a text"); ok {
				x.Nowhere = append(x.Nowhere, ExpectedAt{Name: text, Line: item.line})
			}
		}
	}
	return x
}

func (r testReader) paths(n *node, what string) []ExpectedAt {
	if n == nil {
		return nil
	}
	var out []ExpectedAt
	for _, item := range r.list(n, what) {
		if path, ok := r.outputPath(item); ok {
			out = append(out, ExpectedAt{Name: item.text, Path: path, Line: item.line})
		}
	}
	return out
}

// outputPath reads a path to look up in an output.
func (r testReader) outputPath(n *node) (event.Path, bool) {
	path, ok := r.anyPath(n, fromRoot)
	if ok && slices.ContainsFunc(path, func(s event.Segment) bool {
		return s.Kind != event.Name && s.Kind != event.Index && s.Kind != event.Each && s.Kind != event.Members
	}) {
		r.add(n.place, "paths of an output name every step", "write $.a.b, $.a[0] or $.a[*].b")
		return nil, false
	}
	return path, ok
}

func (r testReader) expected(n *node) *Expected {
	x := &Expected{Line: n.line}
	switch n.kind {
	case mappingNode:
		for _, p := range n.pairs {
			x.Members = append(x.Members, ExpectedMember{p.key.text, r.expected(p.value)})
		}
	case listNode:
		x.List = true
		for _, item := range n.items {
			x.Items = append(x.Items, r.expected(item))
		}
	default:
		l, _ := r.literal(n, "a value")
		x.Scalar = &l
	}
	return x
}

// IdentityTypes lists what pseudonyms begin with.
func IdentityTypes() []string {
	var out []string
	for _, t := range identityTypes {
		out = append(out, t)
	}
	slices.Sort(out)
	return out
}
