// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"testing"
	"unicode/utf8"
)

func TestSizes(t *testing.T) {
	for _, c := range []struct {
		size                    Size
		bytes                   int
		leastLeaves, mostLeaves int
	}{
		{Size1K, 1300, 52, 52},
		{Size3K, 3000, 75, 110},
		{Size10K, 10_000, 200, 300},
	} {
		t.Run(string(c.size), func(t *testing.T) {
			const total, subjects = 4096, 500
			g, err := NewSized(c.size, 1, subjects)
			if err != nil {
				t.Fatal(err)
			}
			size, escapes, least, most := 0, 0, 1<<20, 0
			for n := range total {
				key, value := g.Event(n)
				var e struct{ Actor struct{ ID string } }
				if err := json.Unmarshal(value, &e); err != nil {
					t.Fatalf("event %d: %v\n%s", n, err, value)
				}
				if e.Actor.ID != string(key) {
					t.Fatalf("event %d: want key %s, got %s", n, e.Actor.ID, key)
				}
				got := leaves(t, value)
				least, most = min(least, got), max(most, got)
				if bytes.Contains(value, []byte(`\u`)) {
					escapes++
					if !isASCII(value) {
						t.Fatalf("event %d: want all of it escaped, or nothing\n%s", n, value)
					}
				}
				size += len(value)
			}
			if mean := size / total; mean < c.bytes*9/10 || mean > c.bytes*11/10 {
				t.Errorf("want %d bytes in the mean, a tenth more or less, got %d", c.bytes, mean)
			}
			if least < c.leastLeaves || most > c.mostLeaves {
				t.Errorf("want %d to %d leaves, got %d to %d", c.leastLeaves, c.mostLeaves, least, most)
			}
			want := total / 8
			if c.size == Size1K {
				want = 0
			}
			if escapes != want {
				t.Errorf("want %d events with escapes, got %d", want, escapes)
			}
			t.Logf("%d bytes in the mean, %d to %d leaves", size/total, least, most)
		})
	}
}

func TestEventsOfEverySizeAreDeterminedBySeedAndNumber(t *testing.T) {
	for _, size := range []Size{Size1K, Size3K, Size10K} {
		var events [2][]byte
		for i := range events {
			g, err := NewSized(size, 1, 100)
			if err != nil {
				t.Fatal(err)
			}
			g.Event(7 + i)
			_, events[i] = g.Event(8)
		}
		if !bytes.Equal(events[0], events[1]) {
			t.Errorf("%s: want the same event again, got\n%s\ninstead of\n%s", size, events[1], events[0])
		}
	}
}

func isASCII(text []byte) bool {
	for _, b := range text {
		if b >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func TestEscapesSayTheSame(t *testing.T) {
	const text = `{"a":"Zoë \"🔥\" – ok\n"}`
	var want, got map[string]string
	if err := json.Unmarshal([]byte(text), &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(escaped([]byte(text)), &got); err != nil {
		t.Fatal(err)
	}
	if got["a"] != want["a"] {
		t.Errorf("want %q, got %q", want["a"], got["a"])
	}
}

func TestUnknownSizeIsRefused(t *testing.T) {
	if _, err := NewSized("2k", 1, 1); err == nil {
		t.Error("want an error, got none")
	}
}

// Figures of two versions compare only where the events are the same: to change them is to measure all of it anew.
func TestMarkedEventsStay(t *testing.T) {
	sum := sha256.New()
	g := generator(t, 1, 10_000)
	for n := range 1000 {
		key, value := g.Event(n)
		_, _ = sum.Write(append(key, value...)) // never fails, says hash.Hash
	}
	alone := sha256.Sum256(Event())
	for _, c := range []struct {
		what, want string
		got        []byte
	}{
		{"the event", "494785946c554379b02db9b6324b8237b6c108e6ad1ee6c4b869f22b583da22c", alone[:]},
		{"the generated events", "be33d45f7a97ebfba27ac258b964aab23861f155e6bc9c4ee480f1dedfe25bba", sum.Sum(nil)},
	} {
		if got := fmt.Sprintf("%x", c.got); got != c.want {
			t.Errorf("%s: want hash %s, got %s", c.what, c.want, got)
		}
	}
}
