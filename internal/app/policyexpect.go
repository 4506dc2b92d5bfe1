// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/policy"
)

// naming remembers which pseudonym a test file calls by which name. A name means one pseudonym for each recipient,
// and no two names, of one recipient or of two, mean the same.
type naming struct {
	placeholder *regexp.Regexp
	values      map[string]string // by recipient and name
	names       map[string]string // by value
}

func newNaming() *naming {
	words := strings.Join(append(policy.IdentityTypes(), "seal", "any"), "|")
	return &naming{regexp.MustCompile(`<(` + words + `)(?::([A-Za-z0-9_-]+))?>`), map[string]string{}, map[string]string{}}
}

// matches tells whether a text is what a text with placeholders says, and if not, why when that is not plain to see.
func (n *naming) matches(recipient, want, got string) (ok bool, why string) {
	found := n.placeholder.FindAllStringSubmatchIndex(want, -1)
	if found == nil {
		return want == got, ""
	}
	pattern, last := "^", 0
	for _, m := range found {
		pattern += regexp.QuoteMeta(want[last:m[0]])
		switch word := want[m[2]:m[3]]; word {
		case "seal":
			pattern += `([A-Za-z0-9_-]{40,})`
		case "any":
			pattern += `((?s:.*))`
		default:
			pattern += `(` + word + `_[1-9][0-9]{0,8}_[0-9a-v]{26})`
		}
		last = m[1]
	}
	pattern += regexp.QuoteMeta(want[last:]) + "$"
	parts := regexp.MustCompile(pattern).FindStringSubmatch(got)
	if parts == nil {
		return false, ""
	}
	for i, m := range found {
		if m[4] < 0 {
			continue
		}
		if why := n.bind(recipient, want[m[0]:m[1]], parts[i+1]); why != "" {
			return false, why
		}
	}
	return true, ""
}

func (n *naming) bind(recipient, name, value string) (why string) {
	key := recipient + " " + name
	if before, known := n.values[key]; known && before != value {
		return fmt.Sprintf("%s of %s is %s", name, recipient, before)
	}
	if other, known := n.names[value]; known && other != key {
		of, called, _ := strings.Cut(other, " ")
		return fmt.Sprintf("it is already called %s, of %s", called, of)
	}
	n.values[key], n.names[value] = value, key
	return ""
}

// expectationCheck compares one event's end with what a test expects.
type expectationCheck struct {
	fail      func(line int, format string, args ...any)
	names     *naming
	recipient string
}

func (c *expectationCheck) check(x *policy.Expectation, end *testEnd) {
	want, got := x.Outcome, end.outcome
	if x.Reason != "" {
		want += " (" + x.Reason + ")"
		got += " (" + end.reason + ")"
	} else if end.reason != "" && want != got {
		got += " (" + end.reason + ")"
	}
	if want != got {
		c.fail(x.Line, "want %s, got %s", want, got)
		return
	}
	if end.outcome != "forward" {
		return
	}
	output, err := parseJSON(end.value)
	if err != nil {
		c.fail(x.Line, "the output is no JSON: %v", err)
		return
	}
	if x.Output != nil {
		c.value("$", x.Output, output)
	}
	c.places(x, output)
	if x.Key != nil {
		var key any
		if end.key != nil {
			key = string(end.key)
		}
		c.value("key", x.Key, key)
	}
	for _, h := range x.Headers {
		at := slices.IndexFunc(end.headers, func(got event.Header) bool { return string(got.Key) == h.Name })
		if at < 0 {
			c.fail(h.Line, "header %s: want %s, got nothing", h.Name, spellExpected(h.Value))
			continue
		}
		c.value("header "+h.Name, h.Value, string(end.headers[at].Value))
	}
	for _, text := range x.Nowhere {
		if where := occurs(text.Name, end, output); where != "" {
			c.fail(text.Line, "want %q nowhere, got it in %s", text.Name, where)
		}
	}
}

func parseJSON(data []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return v, d.Decode(&v)
}

// places checks what is expected of single paths.
func (c *expectationCheck) places(x *policy.Expectation, output any) {
	for _, v := range x.Values {
		found := lookUp(output, "$", v.Path)
		if len(found) == 0 {
			c.fail(v.Line, "%s: want %s, got nothing", v.Name, spellExpected(v.Value))
		}
		for _, f := range found {
			c.value(f.path, v.Value, f.value)
		}
	}
	for _, p := range x.Present {
		if len(lookUp(output, "$", p.Path)) == 0 {
			c.fail(p.Line, "%s: want it present, got nothing", p.Name)
		}
	}
	for _, p := range x.Absent {
		for _, f := range lookUp(output, "$", p.Path) {
			c.fail(p.Line, "%s: want it absent, got %s", f.path, spellJSON(f.value))
		}
	}
}

// value compares a JSON value with what is expected of it.
func (c *expectationCheck) value(path string, want *policy.Expected, got any) {
	switch {
	case want.Scalar != nil:
		c.scalar(path, want, got)
	case want.List:
		list, ok := got.([]any)
		if !ok || len(list) != len(want.Items) {
			c.fail(want.Line, "%s: want %s, got %s", path, spellExpected(want), spellJSON(got))
			return
		}
		for i, item := range want.Items {
			c.value(fmt.Sprintf("%s[%d]", path, i), item, list[i])
		}
	default:
		object, ok := got.(map[string]any)
		if !ok {
			c.fail(want.Line, "%s: want an object, got %s", path, spellJSON(got))
			return
		}
		known := map[string]bool{}
		for _, m := range want.Members {
			known[m.Name] = true
			if v, there := object[m.Name]; there {
				c.value(member(path, m.Name), m.Value, v)
			} else {
				c.fail(m.Value.Line, "%s: want %s, got nothing", member(path, m.Name), spellExpected(m.Value))
			}
		}
		for _, name := range slices.Sorted(maps.Keys(object)) {
			if !known[name] {
				c.fail(want.Line, "%s: want nothing, got %s", member(path, name), spellJSON(object[name]))
			}
		}
	}
}

func member(path, name string) string {
	return path + strings.TrimPrefix(event.Path{{Name: name}}.String(), "$")
}

func (c *expectationCheck) scalar(path string, want *policy.Expected, got any) {
	ok, why := false, ""
	switch want.Scalar.Kind {
	case policy.String:
		text, isText := got.(string)
		switch {
		case isText:
			ok, why = c.names.matches(c.recipient, want.Scalar.Text, text)
		case want.Scalar.Text == "<any>":
			ok = got != nil
		}
	case policy.Number:
		number, isNumber := got.(json.Number)
		ok = isNumber && number.String() == want.Scalar.Text
	case policy.Bool:
		flag, isFlag := got.(bool)
		ok = isFlag && fmt.Sprint(flag) == want.Scalar.Text
	case policy.Null:
		ok = got == nil
	}
	if ok {
		return
	}
	if why != "" {
		why = ": " + why
	}
	c.fail(want.Line, "%s: want %s, got %s%s", path, spellExpected(want), spellJSON(got), why)
}

// place is a value of an output and where it stands.
type place struct {
	path  string
	value any
}

// lookUp finds what a path selects.
func lookUp(v any, at string, path event.Path) []place {
	if len(path) == 0 {
		return []place{{at, v}}
	}
	step, rest := path[0], path[1:]
	var out []place
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if step.Kind == event.Members || step.Kind == event.Name && step.Name == name {
				out = append(out, lookUp(v[name], member(at, name), rest)...)
			}
		}
	case []any:
		for i := range v {
			if step.Kind == event.Each || step.Kind == event.Index && step.Index == i {
				out = append(out, lookUp(v[i], fmt.Sprintf("%s[%d]", at, i), rest)...)
			}
		}
	}
	return out
}

// occurs says where a text stands in what leaves: in its bytes, or in a text of the payload once its escapes are undone.
func occurs(text string, end *testEnd, output any) string {
	if where := occursIn(text, "$", output); where != "" {
		return where
	}
	switch {
	case bytes.Contains(random.ReplaceAll(end.value, nil), []byte(text)):
		return "the payload"
	case bytes.Contains(random.ReplaceAll(end.key, nil), []byte(text)):
		return "the key"
	}
	for _, h := range end.headers {
		if bytes.Contains(h.Key, []byte(text)) || bytes.Contains(random.ReplaceAll(h.Value, nil), []byte(text)) {
			return "header " + string(h.Key)
		}
	}
	return ""
}

// random is what differs from run to run: digests of pseudonyms, sealed values and hashes. A short word is found in them by chance.
var random = regexp.MustCompile(`_[0-9a-v]{26}\b|\b[A-Za-z0-9_-]{60,}\b`)

func occursIn(text, at string, v any) string {
	switch v := v.(type) {
	case string:
		if strings.Contains(random.ReplaceAllString(v, ""), text) {
			return at
		}
	case json.Number:
		if strings.Contains(v.String(), text) {
			return at
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if strings.Contains(random.ReplaceAllString(name, ""), text) {
				return "a name at " + at
			}
			if where := occursIn(text, member(at, name), v[name]); where != "" {
				return where
			}
		}
	case []any:
		for i := range v {
			if where := occursIn(text, fmt.Sprintf("%s[%d]", at, i), v[i]); where != "" {
				return where
			}
		}
	}
	return ""
}

func spellJSON(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(b.String())
}

func spellExpected(x *policy.Expected) string {
	switch {
	case x.Scalar != nil && x.Scalar.Kind == policy.String:
		return spellJSON(x.Scalar.Text)
	case x.Scalar != nil:
		return x.Scalar.Text
	case x.List:
		items := make([]string, len(x.Items))
		for i, item := range x.Items {
			items[i] = spellExpected(item)
		}
		return "[" + strings.Join(items, ",") + "]"
	}
	members := make([]string, len(x.Members))
	for i, m := range x.Members {
		members[i] = spellJSON(m.Name) + ":" + spellExpected(m.Value)
	}
	return "{" + strings.Join(members, ",") + "}"
}
