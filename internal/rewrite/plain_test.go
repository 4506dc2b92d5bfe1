// SPDX-License-Identifier: Apache-2.0

package rewrite

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/workload"
)

// plain is the scanner without its tricks: the oracle of what a scan finds. It looks at one byte at a time, learns nothing,
// and leaves grammar and UTF-8 to the standard library.
type plain struct {
	text  []byte
	trie  *trie
	found []string
	twice bool // a named key came twice
}

// scanPlain gives what stands on the tape, entry by entry, and whether the payload is taken.
func scanPlain(payload []byte, t *trie) (found []string, taken bool) {
	if !json.Valid(payload) || !utf8.Valid(payload) || halfPair(payload) || bytes.TrimLeft(payload, " \t\r\n")[0] != '{' {
		return nil, false
	}
	p := &plain{text: payload, trie: t}
	p.value(p.space(0), t.root)
	return p.found, !p.twice
}

// halfPair tells whether an escape stands for half a surrogate pair: the only thing in which encoding/json is lenient.
func halfPair(payload []byte) bool {
	for i := 0; i+6 <= len(payload); i++ {
		if payload[i] != '\\' {
			continue
		}
		if payload[i+1] != 'u' {
			i++
			continue
		}
		unit := func(at int) (u uint16) {
			if at+6 <= len(payload) && payload[at] == '\\' && payload[at+1] == 'u' {
				_, _ = fmt.Sscanf(string(payload[at+2:at+6]), "%04x", &u)
			}
			return u
		}
		switch first := unit(i); {
		case first&0xfc00 == 0xdc00, first&0xfc00 == 0xd800 && unit(i+6)&0xfc00 != 0xdc00:
			return true
		case first&0xfc00 == 0xd800:
			i += 11
		default:
			i += 5
		}
	}
	return false
}

func (p *plain) space(i int) int {
	for i < len(p.text) && strings.IndexByte(" \t\r\n", p.text[i]) >= 0 {
		i++
	}
	return i
}

// value reads the value at i and gives the position behind it. n is nil where nobody named the place.
func (p *plain) value(i int, n *node) int {
	switch p.text[i] {
	case '{', '[':
		if n != nil && (n.marked || p.text[i] == '{' && n.descends() || p.text[i] == '[' && n.elements != nil) {
			p.found = append(p.found, n.path.String())
		}
		return p.inside(i, n)
	case '"':
		return p.scalar(i, p.quoted(i), n)
	}
	end := i
	for end < len(p.text) && strings.IndexByte(",]} \t\r\n", p.text[end]) < 0 {
		end++
	}
	return p.scalar(i, end, n)
}

func (p *plain) scalar(i, end int, n *node) int {
	if n != nil && (n.scalar || n.marked) {
		p.found = append(p.found, n.path.String()+" "+string(p.text[i:end]))
	}
	return end
}

func (p *plain) quoted(i int) int {
	for i++; p.text[i] != '"'; i++ {
		if p.text[i] == '\\' {
			i++
		}
	}
	return i + 1
}

func (p *plain) inside(i int, n *node) int {
	list := p.text[i] == '['
	var met []*node
	for at := 0; ; at++ {
		if i = p.space(i + 1); p.text[i] == ']' || p.text[i] == '}' {
			return i + 1
		}
		var k *node
		if list {
			if n != nil && n.elements != nil {
				k = n.element(at)
			}
		} else {
			end := p.quoted(i)
			var name string
			if err := json.Unmarshal(p.text[i:end], &name); err != nil {
				panic(err)
			}
			if n != nil {
				for _, member := range n.keys {
					if member.name == name {
						k = member
					}
				}
			}
			i = p.space(p.space(end) + 1)
		}
		if k != nil && !list {
			p.twice = p.twice || slices.Contains(met, k)
			met = append(met, k)
		}
		if i = p.space(p.value(i, k)); p.text[i] != ',' {
			return i + 1
		}
	}
}

// scanned gives what a scanner's tape holds, in the words of plain.
func scanned(s *scanner) []string {
	var out []string
	for i := range s.tape {
		e := &s.tape[i]
		text := s.trie.nodes[e.node].path.String()
		if !e.container() {
			text += " " + string(e.raw(s.payload))
		}
		out = append(out, text)
	}
	return out
}

// compare holds one scan of a scanner, whatever it has learned, against the oracle.
func compare(t *testing.T, s *scanner, payload []byte, trie *trie) {
	t.Helper()
	taken := s.run(payload, trie)
	want, ok := scanPlain(payload, trie)
	if s.reason == event.TooDeep || s.reason == event.TooLarge {
		return // a limit, which the oracle has not
	}
	if taken != ok {
		t.Fatalf("%q: taken %v (%v at %d), want %v", payload, taken, s.reason, s.at, ok)
	}
	if got := scanned(s); taken && !slices.Equal(got, want) {
		t.Fatalf("%q: got\n%s\nwant\n%s", payload, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// sampleTrie names a part of what the sample payloads hold: short names, long ones, and names that begin alike.
func sampleTrie(t testing.TB) *trie {
	trie := newTrie(paths(t, "$.id", "$.id_str", "$.a", "$.ab", "$.o.a", "$.o['with \"quotes\"']", "$.l[*].a", "$.l[1].b", "$.in_reply_to_user_id_str",
		"$.in_reply_to_user_id", "$.ünï", "$.o.deep.x", "$.user.name", "$.actor.id", "$.account.acct", "$.mentions[*].id", "$.context.traits.email"))
	for _, n := range trie.nodes {
		n.scalar = len(n.ends) > 0
	}
	return trie
}

// TestScanLearnsNothingWrong scans payloads whose keys come in ever other orders and spellings with one scanner.
func TestScanLearnsNothingWrong(t *testing.T) {
	trie := sampleTrie(t)
	names := []string{`"id"`, `"id_str"`, `"a"`, `"ab"`, `"\u0061"`, `"abc"`, `"in_reply_to_user_id"`, `"in_reply_to_user_id_str"`, `"in_reply_to_user_id_st"`,
		`"ünï"`, `"with \"quotes\""`, `"i"`, `""`, `"x"`, `"unnamed_and_longer_than_sixteen"`, `"unnamed_and_longer_than_sixteem"`}
	values := []string{`1`, `"text"`, `null`, `{"a":1,"b":[{}]}`, `[{"a":2},{"b":3,"a":4}]`, `"\ud83d\ude00 ünï"`, `-1.5e3`, `true`}
	s := &scanner{maxDepth: 128, maxFields: 1 << 17}
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		var b []byte
		b = append(b, '{')
		for i := range r.IntN(9) {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(append(b, strings.Repeat(" ", r.IntN(30)/28)...), names[r.IntN(len(names))]...)
			b = append(append(b, []string{":", ":", ":", " :", ": "}[r.IntN(5)]...), values[r.IntN(len(values))]...)
		}
		b = append(b, '}')
		if r.IntN(10) == 0 {
			b = append([]byte(`{"o":`), append(b, '}')...)
		}
		if r.IntN(20) == 0 {
			b = b[:r.IntN(len(b))]
		}
		compare(t, s, b, trie)
	}
	if learned := len(s.orders[trie.root.id].strangers); learned == 0 || learned > mostStrangers {
		t.Errorf("%d unnamed keys learned, want some and at most %d", learned, mostStrangers)
	}
}

// Keys can be made up without end: what is learned of them must have one.
func TestScanLearnsOnlySoMuch(t *testing.T) {
	var places []string
	for i := range 300 {
		places = append(places, fmt.Sprintf("$.o%d.x", i))
	}
	trie := newTrie(paths(t, places...))
	s := &scanner{maxDepth: 128, maxFields: 1 << 17}
	for round := range 40 {
		b := []byte{'{'}
		for i := range 300 {
			b = fmt.Appendf(b, `"o%d":{"made up %d":1,"x":2},`, i, round)
		}
		compare(t, s, append(b, `"end":0}`...), trie)
	}
	learned := 0
	for i := range s.orders {
		learned += len(s.orders[i].strangers)
	}
	if learned != mostMet {
		t.Errorf("%d unnamed keys learned, want %d", learned, mostMet)
	}
}

func TestScanFindsWhatPlainFinds(t *testing.T) {
	trie, s := sampleTrie(t), &scanner{maxDepth: 128, maxFields: 1 << 17}
	files, err := filepath.Glob(filepath.Join(filepath.Dir(shared(t, "corpus/events/MANIFEST.tsv")), "*", "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no events of the corpus: %v", err)
	}
	events := 0
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(text) {
			events++
			compare(t, s, bytes.TrimSpace(line), trie)
		}
	}
	if events < 1000 {
		t.Errorf("%d events, want the whole corpus", events)
	}
}

// FuzzScan holds scans against the oracle, one after the other with one scanner.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{`{"id":1,"a":"x"}`, `{"a":1,"id":2}`, `{"o":{"a":[1,{"b":null}]},"l":[1,{"b":"\u00e9"}]}`, `{"z":"ünï","\u0061":1}`, ` { "a" : -0.1e+9 } `, `{"a":1,"a":2}`, `{"z":"\ud800"}`} {
		f.Add([]byte(seed), []byte(`{"a":1,"z":2,"id":3}`))
	}
	trie := sampleTrie(f)
	f.Fuzz(func(t *testing.T, one, other []byte) {
		s := &scanner{maxDepth: 128, maxFields: 1 << 17}
		for range 2 {
			compare(t, s, one, trie)
			compare(t, s, other, trie)
		}
	})
}

// Bytes of every value, at every place of a word, among all kinds of neighbors.
func TestSpecialBytes(t *testing.T) {
	for _, neighbor := range []byte{'a', ' ', 0x7f, 0x80, 0xff, '"', '\\', 0x1f, '#', ']', '[', '!'} {
		for at := range 8 {
			for c := range 256 {
				word := bytes.Repeat([]byte{neighbor}, 8)
				for i := range at {
					word[i] = 'a' // the first special byte is what counts
				}
				word[at] = byte(c)
				want := 8
				for i, c := range word {
					if c < 0x20 || c == '"' || c == '\\' || c >= 0x80 {
						want = i
						break
					}
				}
				got := 0
				for m := special(binary.LittleEndian.Uint64(word)); m&0xff == 0 && got < 8; m >>= 8 {
					got++
				}
				if got != want {
					t.Fatalf("% x: special at %d, want %d", word, got, want)
				}
			}
		}
	}
}

// BenchmarkRead scans the benchmarks' event, beside what the standard library takes to check it.
func BenchmarkRead(b *testing.B) {
	var places []string
	for _, path := range strings.Fields(`type published actor.id actor.handle actor.email actor.age actor.verified actor.followers object.id object.type object.text
		object.lang object.in_reply_to_user_id object.possibly_sensitive object.metrics.likes object.metrics.reposts object.metrics.replies object.metrics.views
		object.entities.mentions[*].id object.entities.hashtags[*] context.ip context.device.id context.device.os context.session_id context.geo.lat context.geo.lon context.geo.country`) {
		places = append(places, "$."+path)
	}
	trie := newTrie(paths(b, places...))
	for _, n := range trie.nodes {
		n.scalar = len(n.ends) > 0
	}
	payload := workload.Event()
	s := &scanner{maxDepth: 128, maxFields: 1 << 17}
	b.Run("scan", func(b *testing.B) {
		b.SetBytes(int64(len(payload)))
		b.ReportAllocs()
		for b.Loop() {
			if !s.run(payload, trie) {
				b.Fatal(s.reason)
			}
		}
	})
	b.Run("plain", func(b *testing.B) {
		b.SetBytes(int64(len(payload)))
		for b.Loop() {
			if !json.Valid(payload) {
				b.Fatal("no JSON")
			}
		}
	})
}
