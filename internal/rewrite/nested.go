// SPDX-License-Identifier: Apache-2.0

package rewrite

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"hash/maphash"
	"net/url"
	"strconv"
	"strings"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/transform"
)

// member reads a member whose name is data. The name stands at first, the value at i.
func (s *scanner) member(first, i int, n *node, up int32, depth int) int {
	at := s.note(n, first)
	if at < 0 {
		return failed
	}
	e := &s.tape[at]
	e.node, e.up, e.start, e.kind = n.id, up, int32(first), member
	end, escaped := s.text(first + 1)
	name := s.note(n.named, first)
	if name < 0 {
		return failed
	}
	e = &s.tape[name]
	e.node, e.up, e.start, e.end, e.kind, e.exact = n.named.id, at, int32(first), int32(end+1), kind(transform.String), !escaped
	i = s.named(i, n.value, at, depth)
	s.tape[at].end, s.tape[at].count = int32(len(s.tape)), 0
	return i
}

// document reads what is inside the string from i to end. What cannot be read is no fault of the payload: it is left out.
func (s *scanner) document(i, end int, n *node, up int32, depth int) int {
	at := s.note(n, i)
	if at < 0 {
		return failed
	}
	e := &s.tape[at]
	e.node, e.up, e.start, e.kind, e.count = n.id, up, int32(i), document, 0
	outer, seen := len(s.payload), len(s.seen)
	if start := len(s.arena); s.decode(s.payload[i+1:end-1], n.codec) {
		s.payload = s.arena
		j := s.named(s.space(start), n.inner, at, depth+1)
		if j >= 0 {
			if j = s.space(j); j != len(s.payload) {
				s.fail(event.Malformed, j)
			}
		}
	}
	s.payload = s.arena[:outer]
	if s.reason != event.None && len(s.tape) < s.maxFields {
		s.reason, s.place = event.None, none
		s.tape, s.seen = s.tape[:at+1], s.seen[:seen]
		for k := range s.slots {
			if s.slots[k] > at {
				s.slots[k] = none
			}
		}
	}
	s.tape[at].end = int32(len(s.tape))
	if s.reason != event.None {
		return failed
	}
	return end
}

// decode appends the document inside a string to the arena, as JSON.
func (s *scanner) decode(text []byte, codec string) bool {
	start := len(s.arena)
	s.arena = transform.AppendUnescaped(s.arena, text)
	switch codec {
	case "json":
		return true
	case "base64":
		return s.fromBase64(start)
	}
	return s.fromForm(start)
}

// fromBase64 decodes what stands at the end of the arena: either alphabet of RFC 4648, padded or not.
func (s *scanner) fromBase64(start int) bool {
	text := bytes.TrimRight(s.arena[start:], "=")
	alphabet := base64.RawStdEncoding
	if bytes.ContainsAny(text, "-_") {
		alphabet = base64.RawURLEncoding
	}
	n, err := alphabet.Decode(text, text)
	s.arena = s.arena[:start+n]
	return err == nil
}

// fromForm turns a=b&c=d at the end of the arena into an object of strings. A name that comes twice is refused where it is read.
func (s *scanner) fromForm(start int) bool {
	form := string(s.arena[start:])
	s.arena = append(s.arena[:start], '{')
	for first := true; form != ""; first = false {
		var pair string
		pair, form, _ = strings.Cut(form, "&")
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return false
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return false
		}
		if !first {
			s.arena = append(s.arena, ',')
		}
		s.arena = transform.AppendString(s.arena, []byte(name))
		s.arena = append(s.arena, ':')
		s.arena = transform.AppendString(s.arena, []byte(value))
	}
	s.arena = append(s.arena, '}')
	return true
}

// appendNamed writes a member whose name is data: its name by the rule for names, a colon, its value. Without the one the other
// does not leave. Two names that leave as one would make two members of one name: that is a fault.
func (w *Worker) appendNamed(dst []byte, at int32) ([]byte, bool) {
	name, value := at+1, at+2
	if value >= w.tape[at].end {
		return dst, false
	}
	start := len(dst)
	dst, written := w.appendOne(dst, name)
	if !written || dst[start] != '"' {
		return dst, false
	}
	end := len(dst)
	dst = append(dst, ':')
	for _, k := range w.source.trie.nodes[w.tape[w.tape[at].up].node].keys {
		if string(k.spelled) == string(dst[start:]) { // a member that the pack names has this name already
			w.misfits[w.flow]++
			return dst, false
		}
	}
	if dst, written = w.appendOne(dst, value); !written {
		return dst, false
	}
	key := maphash.Bytes(w.seed, dst[start:end]) + uint64(w.tape[at].up)*spreading
	if _, twice := w.names[key]; twice {
		w.fault = &event.Poison{Reason: event.DuplicateKey, Rule: w.source.trie.nodes[w.tape[at].node].path.String(), Offset: int(w.tape[at].start)}
		return dst, false
	}
	w.names[key] = struct{}{}
	return dst, true
}

// spreading keeps the names of different objects apart.
const spreading = 0x9E3779B97F4A7C15

// appendOne writes one entry, as far as its rule goes.
func (w *Worker) appendOne(dst []byte, at int32) ([]byte, bool) {
	e, o := &w.tape[at], w.ops[w.tape[at].node]
	before := len(dst)
	var written bool
	switch {
	case o.verb >= count:
		dst, written = w.measure(dst, at, o)
	case e.container():
		if !o.descends {
			return dst, false
		}
		return w.container(dst, at)
	case o.verb == drop:
		return dst, false
	default:
		dst, written = w.leaf(dst, at, o)
	}
	if w.Trace != nil && (o.verb <= presence || o.verb == writeText) {
		w.trace(e, o, at, dst[before:], written)
	}
	return dst, written
}

// appendDocument writes what is left of the document inside a string, encoded as it was.
func (w *Worker) appendDocument(dst []byte, at int32) ([]byte, bool) {
	e := &w.tape[at]
	if int(at)+1 >= int(e.end) {
		w.misfits[w.flow]++
		return dst, false
	}
	start := len(dst)
	dst, written := w.appendOne(dst, at+1)
	if !written || w.fault != nil {
		return dst, false
	}
	w.inner = append(w.inner[:0], dst[start:]...)
	switch w.source.trie.nodes[e.node].codec {
	case "base64":
		dst = append(dst[:start], '"')
		dst = base64.StdEncoding.AppendEncode(dst, w.inner)
		return append(dst, '"'), true
	case "form":
		form, ok := toForm(w.inner)
		if !ok {
			w.misfits[w.flow]++
			return dst, false
		}
		return transform.AppendString(dst[:start], []byte(form)), true
	}
	return transform.AppendString(dst[:start], w.inner), true
}

// toForm encodes an object of scalars as application/x-www-form-urlencoded, names sorted.
func toForm(object []byte) (string, bool) {
	var members map[string]any
	d := json.NewDecoder(bytes.NewReader(object))
	d.UseNumber()
	if err := d.Decode(&members); err != nil {
		return "", false
	}
	form := url.Values{}
	for name, value := range members {
		switch v := value.(type) {
		case string:
			form.Set(name, v)
		case json.Number:
			form.Set(name, v.String())
		case bool:
			form.Set(name, strconv.FormatBool(v))
		default:
			return "", false
		}
	}
	return form.Encode(), true
}
