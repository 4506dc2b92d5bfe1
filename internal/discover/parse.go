// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"strings"
	"unicode/utf8"
)

type valueKind uint8

const (
	nullValue valueKind = iota
	boolValue
	numberValue
	stringValue
	objectValue
	arrayValue
)

// value is one JSON value. Objects keep the order of their members.
type value struct {
	kind  valueKind
	text  string // of strings and numbers; "true" or "false"
	names []string
	items []*value
}

var (
	errJSON      = errors.New("no valid JSON")
	errDeep      = errors.New("nested too deep")
	errDuplicate = errors.New("a member name stands twice in an object")
)

// parse reads one strict JSON value. Its errors hold nothing of the payload.
func parse(payload []byte, depth int) (*value, error) {
	if !utf8.Valid(payload) {
		return nil, errJSON
	}
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber()
	v, err := parseValue(d, depth)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errJSON
	}
	return v, nil
}

func parseValue(d *json.Decoder, depth int) (*value, error) {
	t, err := d.Token()
	if err != nil {
		return nil, errJSON
	}
	switch t := t.(type) {
	case nil:
		return &value{}, nil
	case bool:
		if t {
			return &value{kind: boolValue, text: "true"}, nil
		}
		return &value{kind: boolValue, text: "false"}, nil
	case json.Number:
		return &value{kind: numberValue, text: t.String()}, nil
	case string:
		return &value{kind: stringValue, text: t}, nil
	case json.Delim:
		if depth <= 0 {
			return nil, errDeep
		}
		return parseContainer(d, t, depth)
	}
	return nil, errJSON
}

func parseContainer(d *json.Decoder, open json.Delim, depth int) (*value, error) {
	v := &value{kind: arrayValue}
	seen := map[string]bool{}
	if open == '{' {
		v.kind = objectValue
	}
	for d.More() {
		if v.kind == objectValue {
			t, err := d.Token()
			name, ok := t.(string)
			if err != nil || !ok {
				return nil, errJSON
			}
			if seen[name] {
				return nil, errDuplicate
			}
			seen[name] = true
			v.names = append(v.names, name)
		}
		item, err := parseValue(d, depth-1)
		if err != nil {
			return nil, err
		}
		v.items = append(v.items, item)
	}
	if _, err := d.Token(); err != nil {
		return nil, errJSON
	}
	return v, nil
}

// longestInner bounds the strings that are tried as documents.
const longestInner = 1 << 20

// innerDocument tells whether a string is a document of its own, and of which coding. v is nil when it is not.
func innerDocument(s string, depth int) (coding string, v *value) {
	if len(s) < 2 || len(s) > longestInner || depth <= 0 {
		return "", nil
	}
	if t := strings.TrimLeft(s, " \t\r\n"); t != "" && (t[0] == '{' || t[0] == '[') {
		if v := documentOf([]byte(s), depth); v != nil {
			return "json", v
		}
		return "", nil
	}
	if len(s) >= 8 && len(s)%4 == 0 && (s[0] == 'e' || s[0] == 'W') { // `{"`, `[{` and the like
		if raw, err := base64.StdEncoding.DecodeString(s); err == nil {
			if v := documentOf(raw, depth); v != nil {
				return "base64", v
			}
		}
	}
	if v := formOf(s); v != nil {
		return "form", v
	}
	return "", nil
}

// documentOf reads a JSON object, or an array of objects or arrays.
func documentOf(raw []byte, depth int) *value {
	v, err := parse(raw, depth)
	if err != nil || len(v.items) == 0 || v.kind == arrayValue && v.items[0].kind < objectValue {
		return nil
	}
	return v
}

// formOf reads a=b&c=d, where each name stands once and is a word.
func formOf(s string) *value {
	if len(s) > 1<<16 || !strings.Contains(s, "=") || !strings.Contains(s, "&") || strings.ContainsAny(s, " \n<{?/") {
		return nil
	}
	v := &value{kind: objectValue}
	seen := map[string]bool{}
	for part := range strings.SplitSeq(s, "&") {
		name, text, ok := strings.Cut(part, "=")
		name, err1 := url.QueryUnescape(name)
		text, err2 := url.QueryUnescape(text)
		if !ok || err1 != nil || err2 != nil || name == "" || dataName(name) || seen[name] {
			return nil
		}
		seen[name] = true
		v.names = append(v.names, name)
		v.items = append(v.items, &value{kind: stringValue, text: text})
	}
	return v
}
