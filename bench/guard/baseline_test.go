// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"testing"

	"github.com/nymstream/nymstream/internal/workload"
)

// The baseline must do the same work, else the ratio says nothing: the same leaves, with the same values where they are not secret.
func TestBaselineLetsTheSameOut(t *testing.T) {
	for _, size := range []workload.Size{workload.Size1K, workload.Size3K} {
		c := newCourse(t, append(varied(t, size, 64), workload.Event()))
		ours := &outputs{}
		if err := c.worker.Process(c.records, ours); err != nil {
			t.Fatal(err)
		}
		if len(ours.values) != len(c.records) {
			t.Fatalf("%s: want %d events forwarded, got %d", size, len(c.records), len(ours.values))
		}
		for i := range c.records {
			value, key, err := c.baseline.Transform(c.records[i].Value)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(string(key), "acc_1_") {
				t.Errorf("%s, event %d: want a pseudonym as key, got %s", size, i, key)
			}
			want, got := leaves(t, ours.values[i]), leaves(t, value)
			if !maps.Equal(got, want) {
				t.Fatalf("%s, event %d: want\n%v\ngot\n%v", size, i, want, got)
			}
		}
	}
}

// leaves gives values by path. Of pseudonyms it keeps kind and length, of seals that there is one: keys and nonces differ.
func leaves(t *testing.T, text []byte) map[string]string {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	var note func(path string, v any)
	note = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, member := range v {
				note(path+"."+name, member)
			}
		case []any:
			for i, element := range v {
				note(path+"["+strconv.Itoa(i)+"]", element)
			}
		case string:
			kind, _, isPseudonym := strings.Cut(v, "_1_")
			switch {
			case path == "$.actor.email" || path == "$.object.text":
				v = "sealed"
			case isPseudonym:
				v = kind + strconv.Itoa(len(v))
			}
			all[path] = v
		default:
			spelled, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			all[path] = string(spelled)
		}
	}
	note("$", v)
	return all
}
