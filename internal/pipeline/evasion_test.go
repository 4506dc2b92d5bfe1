// SPDX-License-Identifier: Apache-2.0

package pipeline

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
	path := filepath.Join("..", "..", "..", "shared", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the shared corpus is absent: %s", name)
	}
	return path
}

// evasions says what becomes of every vector: `none` where nothing is left to forward.
var evasions = map[string]string{
	"escaped_key":               `{"email":"EML1","n":1}`,
	"escaped_value":             `{"email":"EML1"}`,
	"escaped_slash_value":       `{"url":"x.test"}`,
	"dup_keys_last":             "duplicate-key at $.email",
	"dup_parent":                "duplicate-key at $.user",
	"case_variant":              `{}`,
	"double_nested_json_string": `{}`,
	"bigint_id":                 `{"id":"ACC1","id_str":"ACC1"}`,
	"bigint_uint64":             `{"id":"ACC1"}`,
	"float_id":                  `{}`,
	"int_vs_float":              `{}`,
	"lone_surrogate":            "invalid-utf8",
	"utf16le":                   "malformed",
	"trailing_garbage":          "malformed",
	"ndjson_in_value":           "malformed",
	"top_level_string":          "not-object",
	"empty":                     "tombstone",
	"type_flip_object":          `{}`,
	"homoglyph_email":           `{"email":"EML1"}`,
	"offsets":                   `{"entities":[{"type":"mention"}]}`,
	"deep_nest":                 "too-deep",
	"proto_key":                 `{}`,
	"empty_key":                 `{}`,
}

// TestEvasions sends every vector that tries to smuggle personal data past a policy, and looks for it in all that comes out.
func TestEvasions(t *testing.T) {
	f, err := os.Open(shared(t, "corpus/json/pii_evasion.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := load(t, "testdata/evasion-policy.yaml", Options{})
	seen := map[string]bool{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var v struct{ Name, B64, Must string }
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		payload, err := base64.StdEncoding.DecodeString(v.B64)
		if err != nil {
			t.Fatal(err)
		}
		seen[v.Name] = true
		t.Run(v.Name, func(t *testing.T) {
			n := decide(t, p, event.Record{Value: payload})
			got := plainly(strings.Join(n.lines, "\n"))
			got = strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(got, "analysts: "), "quarantined, "), "withheld, ")
			if want := evasions[v.Name]; got != want {
				t.Errorf("got %s, want %s (%s)", got, want, v.Must)
			}
			for _, s := range append(n.outputs, string(join(n.sealed))) {
				s = pseudonyms.ReplaceAllString(s, "") // their letters may spell anything by chance
				for _, clear := range []string{"jane", "roe@", "\\u0040", "example.org", "900719925474099", "1844674407370955"} {
					if strings.Contains(s, clear) {
						t.Errorf("%q left in clear", clear)
					}
				}
			}
		})
	}
	for name := range evasions {
		if !seen[name] {
			t.Errorf("%s is not among the vectors", name)
		}
	}
	for name := range seen {
		if _, known := evasions[name]; !known {
			t.Errorf("%s has no expectation", name)
		}
	}
}

func join(parts [][]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// TestOneSubjectOnePseudonym holds all spellings of one identifier against each other: also beyond 2^53.
func TestOneSubjectOnePseudonym(t *testing.T) {
	p := load(t, "testdata/evasion-policy.yaml", Options{})
	pseudonym := func(id string) string {
		return decide(t, p, value(`{"id":`+id+`}`)).lines[0]
	}
	for _, same := range [][]string{
		{`9007199254740993`, `"9007199254740993"`, `"\u0039007199254740993"`, `"009007199254740993"`},
		{`7`, `"7"`},
		{`18446744073709551615`, `"18446744073709551615"`},
	} {
		for _, other := range same[1:] {
			if a, b := pseudonym(same[0]), pseudonym(other); a != b {
				t.Errorf("%s gives %s, %s gives %s", same[0], a, other, b)
			}
		}
	}
	if a, b := pseudonym(`9007199254740992`), pseudonym(`9007199254740993`); a == b {
		t.Errorf("two subjects next to each other share %s", a)
	}
}
