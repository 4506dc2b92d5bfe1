// SPDX-License-Identifier: Apache-2.0

package rewrite

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nymstream/nymstream/internal/event"
)

// shared finds a file of the shared corpus, which lies beside the repository; tests that need it skip where it is absent.
func shared(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
	}
	path := filepath.Join(dir, "..", "shared", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the shared corpus is absent: %s", name)
	}
	return path
}

// eachLine decodes every line of a JSON Lines file of the corpus.
func eachLine[T any](t testing.TB, name string, fn func(T)) {
	t.Helper()
	f, err := os.Open(shared(t, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var line T
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		fn(line)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

func paths(t testing.TB, texts ...string) []event.Path {
	t.Helper()
	var out []event.Path
	for _, s := range texts {
		p, _, err := event.ParsePath(s)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

// scanOf scans a payload with a trie in which every given path is a leaf.
func scanOf(t testing.TB, payload []byte, leaves ...string) *scanner {
	t.Helper()
	trie := newTrie(paths(t, leaves...))
	for _, n := range trie.nodes {
		n.scalar = len(n.ends) > 0
	}
	s := &scanner{maxDepth: 128, maxFields: 1 << 17}
	s.run(payload, trie)
	return s
}

// TestJSONTestSuite holds the grammar against the whole suite. What the suite accepts is accepted, except what this
// project quarantines by choice: a root that is no object, and a named key that occurs twice.
func TestJSONTestSuite(t *testing.T) {
	type vector struct{ Name, Expect, B64 string }
	// The suite's objects have these keys; naming them makes duplicates count.
	named := []string{"$.a", "$.asd", "$.id", "$.x", "$.min", "$.max", "$.title"}
	byChoice := map[string]event.Reason{
		"y_object_duplicated_key.json":           event.DuplicateKey,
		"y_object_duplicated_key_and_value.json": event.DuplicateKey,
	}
	seen, accepted, refused := 0, 0, 0
	eachLine(t, "corpus/json/jsontestsuite.jsonl", func(v vector) {
		seen++
		payload, err := base64.StdEncoding.DecodeString(v.B64)
		if err != nil {
			t.Fatal(err)
		}
		s := scanOf(t, payload, named...)
		switch root := strings.TrimLeft(string(payload), " \t\r\n"); {
		case v.Expect == "either":
		case byChoice[v.Name] != event.None:
			if s.reason != byChoice[v.Name] {
				t.Errorf("%s: reason %v, want %v", v.Name, s.reason, byChoice[v.Name])
			}
			delete(byChoice, v.Name)
		case strings.HasPrefix(v.Name, "y_") && !strings.HasPrefix(root, "{"):
			accepted++
			if s.reason != event.NotObject {
				t.Errorf("%s: reason %v, want %v", v.Name, s.reason, event.NotObject)
			}
		case strings.HasPrefix(v.Name, "y_"):
			accepted++
			if s.reason != event.None {
				t.Errorf("%s: refused as %v at %d, want accepted", v.Name, s.reason, s.at)
			}
		default:
			refused++
			if s.reason == event.None || s.reason == event.NotObject {
				t.Errorf("%s: reason %v, want refused by the grammar", v.Name, s.reason)
			}
		}
	})
	if seen < 300 || accepted < 80 || refused < 180 {
		t.Errorf("saw %d vectors, %d accepted, %d refused: the suite is not whole", seen, accepted, refused)
	}
	for name := range byChoice {
		t.Errorf("%s: not in the suite", name)
	}
}

func TestScanRefuses(t *testing.T) {
	deep := func(n int) string { return `{"x":` + strings.Repeat("[", n) + strings.Repeat("]", n) + "}" }
	tests := []struct {
		name, payload string
		want          event.Reason
	}{
		{"nothing", "", event.Malformed},
		{"only space", " \n", event.Malformed},
		{"garbage behind", `{"a":1} {"a":2}`, event.Malformed},
		{"second line", "{\"a\":1}\n{\"a\":2}", event.Malformed},
		{"leading zero", `{"dropped":01}`, event.Malformed},
		{"NaN", `{"dropped":NaN}`, event.Malformed},
		{"control character in a dropped string", "{\"dropped\":\"a\nb\"}", event.Malformed},
		{"wrong UTF-8 in a dropped string", "{\"dropped\":\"a\xff\"}", event.InvalidUTF8},
		{"wrong UTF-8 in a dropped key", "{\"a\xc0\xaf\":1}", event.InvalidUTF8},
		{"overlong UTF-8", "{\"dropped\":\"\xc0\x80\"}", event.InvalidUTF8},
		{"encoded surrogate", "{\"dropped\":\"\xed\xa0\x80\"}", event.InvalidUTF8},
		{"lone high surrogate", `{"dropped":"\ud800"}`, event.InvalidUTF8},
		{"lone low surrogate", `{"dropped":"\udc00"}`, event.InvalidUTF8},
		{"two high surrogates", `{"dropped":"\ud800\ud800"}`, event.InvalidUTF8},
		{"named key twice", `{"a":1,"a":2}`, event.DuplicateKey},
		{"named key twice, once escaped", `{"a":1,"\u0061":2}`, event.DuplicateKey},
		{"named key twice, with null first", `{"o":null,"o":{"b":1}}`, event.DuplicateKey},
		{"named key twice in an element", `{"l":[{"b":1},{"b":1,"b":2}]}`, event.DuplicateKey},
		{"129 levels, dropped", deep(128), event.TooDeep},
		{"128 levels, dropped", deep(127), event.None},
		{"an array", `[1]`, event.NotObject},
		{"a string", `"a"`, event.NotObject},
		{"byte order mark", "\xef\xbb\xbf{}", event.Malformed},
		{"UTF-16", "{\x00}\x00", event.Malformed},
		{"unnamed key twice", `{"z":1,"z":2}`, event.None},
		{"escaped pair", `{"a":"\ud83d\ude00"}`, event.None},
		{"empty object", ` {} `, event.None},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := scanOf(t, []byte(tt.payload), "$.a", "$.o.b", "$.l[*].b")
			if s.reason != tt.want {
				t.Errorf("reason %v at %d, want %v", s.reason, s.at, tt.want)
			}
		})
	}
}

// TestScanTape writes down which fields a scan records.
func TestScanTape(t *testing.T) {
	payload := `{"skip":{"a":1},"\u0061":"x","o":{"b":[1,2],"c":true},"l":[{"b":1},7,[{"b":2}],{"b":{"d":1}}],"o2":{},"n":null}`
	s := scanOf(t, []byte(payload), "$.a", "$.o.c", "$.l[*].b", "$.l[0].b", "$.o2.x", "$.n")
	var got []string
	for i := range s.tape {
		e := &s.tape[i]
		text := s.trie.nodes[e.node].path.String()
		if !e.container() {
			text += " " + string(e.raw(s.payload))
		}
		got = append(got, text)
	}
	want := []string{"$", `$.a "x"`, "$.o", "$.o.c true", "$.l", "$.l[0]", "$.l[0].b 1", "$.l[*]", "$.o2", "$.n null"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if list := s.tape[4]; list.count != 4 || list.end != 8 {
		t.Errorf("the array has %d elements and ends at entry %d, want 4 and 8", list.count, list.end)
	}
}

// TestManyKeys reads an object with more named keys than one word of bits holds.
func TestManyKeys(t *testing.T) {
	var leaves []string
	var payload strings.Builder
	payload.WriteString("{")
	for i := range 200 {
		name := "key" + strings.Repeat("x", i%17) + string(rune('a'+i%26)) + string(rune('a'+i/26))
		leaves = append(leaves, "$."+name)
		payload.WriteString(`"` + name + `":1,`)
	}
	whole := payload.String()
	if s := scanOf(t, []byte(strings.TrimSuffix(whole, ",")+"}"), leaves...); s.reason != event.None || len(s.tape) != 201 {
		t.Errorf("reason %v, %d entries, want none and 201", s.reason, len(s.tape))
	}
	if s := scanOf(t, []byte(whole+`"`+leaves[199][2:]+`":2}`), leaves...); s.reason != event.DuplicateKey {
		t.Errorf("reason %v, want %v", s.reason, event.DuplicateKey)
	}
}
