// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/nymstream/nymstream/internal/event"
)

// realEvent is one line of a file of events.
type realEvent struct {
	place   string // file:line
	payload []byte
}

func realEvents(t *testing.T, platform string) []realEvent {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(shared(t, "corpus/events"), platform, "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var out []realEvent
	for _, f := range files {
		out = append(out, eventsOf(t, f)...)
	}
	return out
}

func eventsOf(t *testing.T, file string) []realEvent {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []realEvent
	for i, line := range bytes.Split(bytes.TrimSpace(data), []byte("\n")) {
		out = append(out, realEvent{fmt.Sprintf("%s:%d", filepath.Base(file), i+1), line})
	}
	return out
}

// leavesOf lists the paths of the payload's scalars, with [*] for array elements. A null says nothing.
func leavesOf(t *testing.T, e realEvent) []string {
	t.Helper()
	var v any
	d := json.NewDecoder(bytes.NewReader(e.payload))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", e.place, err)
	}
	var out []string
	var walk func(p event.Path, v any)
	walk = func(p event.Path, v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, inner := range v {
				walk(append(p[:len(p):len(p)], event.Segment{Name: name}), inner)
			}
		case []any:
			for _, inner := range v {
				walk(append(p[:len(p):len(p)], event.Segment{Kind: event.Each}), inner)
			}
		case nil:
		default:
			out = append(out, p.String())
		}
	}
	walk(nil, v)
	return out
}

// label says that the value at a path of one payload is personal.
type label struct{ path, class string }

// labeled gives the corpus's labels by the place of the payload.
func labeled(t *testing.T) map[string][]label {
	t.Helper()
	places := map[string][]string{} // by the hash of the payload; the index says which
	linesOf(t, shared(t, "corpus/events/INDEX.tsv"), func(line []byte) {
		if f := strings.Split(string(line), "\t"); len(f) > 5 {
			places[f[5]] = append(places[f[5]], f[3]+":"+f[4])
		}
	})
	out := map[string][]label{}
	linesOf(t, shared(t, "corpus/gold_values.jsonl"), func(line []byte) {
		var v struct {
			Hash   string
			Values [][3]string
		}
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatal(err)
		}
		for _, place := range places[v.Hash] {
			for _, l := range v.Values {
				out[place] = append(out[place], label{spelled(l[0]), l[1]})
			}
		}
	})
	return out
}

var odd = regexp.MustCompile(`\.([^.\[]*[^A-Za-z0-9_$.\[-][^.\[]*)`)

// spelled writes a label's path as packs do: names with spaces in quotes.
func spelled(path string) string { return odd.ReplaceAllString(path, "['$1']") }

func linesOf(t *testing.T, file string, each func(line []byte)) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		each(lines.Bytes())
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	for ; err == nil; dir = filepath.Dir(dir) {
		if _, missing := os.Stat(filepath.Join(dir, "go.mod")); missing == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	t.Fatalf("no go.mod above the working directory: %v", err)
	return ""
}

// shared finds a file of the shared corpus, which lies beside the repository; tests that need it skip where it is absent.
func shared(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(root(t), "..", "shared", filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the shared corpus is absent: %s", name)
	}
	return path
}
