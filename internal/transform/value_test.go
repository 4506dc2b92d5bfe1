// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// scalar makes the Value that a scan makes of one JSON scalar.
func scalar(t testing.TB, raw string) *Value {
	t.Helper()
	v, ok := tryScalar(raw)
	if !ok {
		t.Fatalf("%s is no JSON scalar", raw)
	}
	return v
}

func tryScalar(raw string) (*Value, bool) {
	if !json.Valid([]byte(raw)) || raw != strings.TrimSpace(raw) {
		return nil, false
	}
	v := &Value{Text: []byte(raw), Raw: []byte(raw)}
	switch raw[0] {
	case '{', '[':
		return nil, false
	case '"':
		v.Kind, v.Text = String, AppendUnescaped(nil, v.Raw[1:len(v.Raw)-1])
	case 't':
		v.Kind = True
	case 'f':
		v.Kind = False
	case 'n':
		v.Kind = Null
	default:
		v.Kind = Number
	}
	return v, true
}

// quoted gives text as a JSON string.
func quoted(text string) string { return string(AppendString(nil, []byte(text))) }

const (
	before = `{"a":`
	misfit = "misfit"
)

// apply gives what the technique leaves of a JSON scalar, or misfit. It checks what must hold of every technique.
func apply(t testing.TB, tech Technique, raw string) string {
	t.Helper()
	v := scalar(t, raw)
	dst, verdict := tech.Append([]byte(before), v, nil)
	if !strings.HasPrefix(string(dst), before) {
		t.Fatalf("%s: what stood before was changed to %q", raw, dst)
	}
	got := string(dst[len(before):])
	exact := v.Kind != String && !strings.ContainsAny(raw, ".eE") || v.Kind == String && !strings.ContainsRune(raw, '\\')
	if exact && len(raw) <= int(VerbatimOf(tech)[v.Kind]) && got != raw {
		t.Errorf("%s could be copied, and is made %s", raw, got)
	}
	switch {
	case verdict == Misfit && got == "":
		return misfit
	case verdict != Done:
		t.Fatalf("%s: verdict %d with %q appended", raw, verdict, got)
	case !json.Valid([]byte(got)):
		t.Fatalf("%s: %q is not JSON", raw, got)
	}
	return got
}

// must takes a constructor's answer.
func must(t testing.TB) func(Technique, error) Technique {
	return func(tech Technique, err error) Technique {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return tech
	}
}

type change struct{ raw, want string }

func check(t *testing.T, tech Technique, changes []change) {
	t.Helper()
	for _, c := range changes {
		if got := apply(t, tech, c.raw); got != c.want {
			t.Errorf("of %s: got %s, want %s", c.raw, got, c.want)
		}
	}
}

// eachString calls f with every string in the shared corpus of events.
func eachString(t *testing.T, f func(s string)) {
	t.Helper()
	root := filepath.Join("..", "..", "..", "shared", "corpus", "events")
	if _, err := os.Stat(root); errors.Is(err, fs.ErrNotExist) {
		t.Skip("the shared corpus is not here")
	}
	files, err := filepath.Glob(filepath.Join(root, "*", "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			var event any
			if json.Unmarshal([]byte(line), &event) == nil {
				walk(event, f)
			}
		}
	}
}

func walk(x any, f func(s string)) {
	switch x := x.(type) {
	case string:
		f(x)
	case []any:
		for _, y := range x {
			walk(y, f)
		}
	case map[string]any:
		for _, y := range x {
			walk(y, f)
		}
	}
}
