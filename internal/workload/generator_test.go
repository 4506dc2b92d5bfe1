// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"bytes"
	"encoding/json"
	"testing"
)

func generator(t *testing.T, seed uint64, subjects int) *Generator {
	t.Helper()
	g, err := NewGenerator(seed, subjects)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestEventsAreDeterminedBySeedAndNumber(t *testing.T) {
	one, again, other := generator(t, 1, 100), generator(t, 1, 100), generator(t, 2, 100)
	again.Event(7)
	_, want := one.Event(3)
	if _, got := again.Event(3); !bytes.Equal(got, want) {
		t.Errorf("want the same event again, got\n%s\ninstead of\n%s", got, want)
	}
	if _, got := other.Event(3); bytes.Equal(got, want) {
		t.Error("want another event from another seed, got the same")
	}
}

// The figures are for events of 1.3 KB with 52 leaves, keyed by subject, no two alike.
func TestEventsAreWhatTheFiguresSay(t *testing.T) {
	const total, subjects = 20_000, 500
	g := generator(t, 1, subjects)
	keys, ids, size := map[string]bool{}, map[string]bool{}, 0
	for n := range total {
		key, value := g.Event(n)
		var e struct {
			ID    string
			Actor struct{ ID string }
		}
		if err := json.Unmarshal(value, &e); err != nil {
			t.Fatalf("event %d: %v\n%s", n, err, value)
		}
		if e.Actor.ID != string(key) {
			t.Fatalf("event %d: want key %s, got %s", n, e.Actor.ID, key)
		}
		if got := leaves(t, value); got != 52 {
			t.Fatalf("event %d: want 52 leaves, got %d", n, got)
		}
		keys[string(key)], ids[e.ID] = true, true
		size += len(value)
	}
	if len(keys) != subjects {
		t.Errorf("want %d subjects, got %d", subjects, len(keys))
	}
	if len(ids) != total {
		t.Errorf("want %d ids, got %d", total, len(ids))
	}
	if mean := size / total; mean < 1250 || mean > 1350 {
		t.Errorf("want events of about 1.3 KB, got %d bytes in the mean", mean)
	}
}

// leaves counts the scalars of a JSON text.
func leaves(t *testing.T, text []byte) int {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return scalars(v)
}

func scalars(v any) int {
	n := 0
	switch v := v.(type) {
	case map[string]any:
		for _, member := range v {
			n += scalars(member)
		}
	case []any:
		for _, element := range v {
			n += scalars(element)
		}
	default:
		return 1
	}
	return n
}
