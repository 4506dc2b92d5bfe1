// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/nymstream/nymstream/internal/subject"
)

// fill inserts n rows into People and gives their keys in order.
func fill(t *testing.T, s subject.Store, n int) []subject.Key {
	t.Helper()
	rows := make([]subject.Row, n)
	keys := make([]subject.Key, n)
	for i := range rows {
		rows[i] = newRow(i+1, "first")
		keys[i] = rows[i].Key
	}
	swap(t, s, subject.People, rows...)
	slices.SortFunc(keys, compareKeys)
	return keys
}

func compareKeys(a, b subject.Key) int { return bytes.Compare(a[:], b[:]) }

func scan(t *testing.T, s subject.Store, from subject.Key) (keys []subject.Key) {
	t.Helper()
	err := s.Scan(t.Context(), subject.People, from, func(block []subject.Row) error {
		if len(block) == 0 {
			t.Error("scan gave an empty block")
		}
		for _, row := range block {
			keys = append(keys, row.Key)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("scan: %v", err)
	}
	return keys
}

func testScan(t *testing.T, s subject.Store) {
	if got := scan(t, s, subject.Key{}); len(got) != 0 {
		t.Errorf("scan of nothing gave %d rows", len(got))
	}
	swap(t, s, subject.Meta, newRow(1, "other space"))
	keys := fill(t, s, 3000)
	after := keys[1000]
	after[15]++
	last := subject.Key(bytes.Repeat([]byte{0xff}, 16))
	for _, test := range []struct {
		name string
		from subject.Key
		want []subject.Key
	}{
		{"from the beginning", subject.Key{}, keys},
		{"from a key", keys[1000], keys[1000:]},
		{"from between", after, keys[1001:]},
		{"from the last", keys[2999], keys[2999:]},
		{"from the end", last, nil},
	} {
		if got := scan(t, s, test.from); !slices.Equal(got, test.want) {
			t.Errorf("%s: %d rows, want %d in the order of their keys", test.name, len(got), len(test.want))
		}
	}
	swap(t, s, subject.People, subject.Row{Key: last, Body: []byte("z")}, subject.Row{Body: []byte("a")})
	if got := scan(t, s, keys[2999]); !slices.Equal(got, []subject.Key{keys[2999], last}) {
		t.Errorf("scan to the highest key gave %d rows, want 2", len(got))
	}
	if got := scan(t, s, subject.Key{}); len(got) != 3002 || got[0] != (subject.Key{}) {
		t.Errorf("scan from the lowest key gave %d rows, want 3002", len(got))
	}
	blocks := 0
	err := s.Scan(t.Context(), subject.People, subject.Key{}, func([]subject.Row) error { blocks++; return errStopped })
	if !errors.Is(err, errStopped) || blocks != 1 {
		t.Errorf("a scan that was stopped: %v after %d blocks", err, blocks)
	}
}

// testScanUnderChange wants every row that was there all the time, once, in order, old or new, whatever happens around it.
func testScanUnderChange(t *testing.T, s subject.Store) {
	keys := fill(t, s, 2000)
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() { stopped <- churn(t, s, keys, stop) }()
	for range 5 {
		var last subject.Key
		seen := map[subject.Key]bool{}
		err := s.Scan(t.Context(), subject.People, subject.Key{}, func(block []subject.Row) error {
			for _, row := range block {
				if compareKeys(row.Key, last) <= 0 {
					t.Errorf("key %x after %x", row.Key, last)
				}
				if last = row.Key; row.Version > 1 == (string(row.Body) == "first") {
					t.Errorf("version %d with body %q", row.Version, row.Body)
				}
				seen[row.Key] = true
			}
			return nil
		})
		if err != nil {
			t.Errorf("scan: %v", err)
		}
		for _, k := range keys {
			if !seen[k] {
				t.Errorf("scan missed %x", k)
				break
			}
		}
	}
	close(stop)
	if err := <-stopped; err != nil {
		t.Errorf("writer: %v", err)
	}
}

// churn updates rows, and inserts and deletes others between them.
func churn(t *testing.T, s subject.Store, keys []subject.Key, stop chan struct{}) error {
	versions := map[subject.Key]uint64{}
	for n := 0; ; n++ {
		select {
		case <-stop:
			return nil
		default:
		}
		k := keys[n*7%len(keys)]
		guest := k
		guest[15] ^= 0x80
		if _, err := s.Swap(t.Context(), subject.People, []subject.Row{{Key: k, Version: versions[k] + 1, Body: []byte("then")}, {Key: guest, Body: []byte("first")}}); err != nil {
			return err
		}
		versions[k]++
		if _, err := s.Commit(t.Context(), []subject.Change{{Space: subject.People, Row: subject.Row{Key: guest, Version: 1}}}); err != nil {
			return err
		}
	}
}

func testScanWrites(t *testing.T, s subject.Store) {
	fill(t, s, 1500)
	err := s.Scan(t.Context(), subject.People, subject.Key{}, func(block []subject.Row) error {
		again := slices.Clone(block)
		for i := range again {
			again[i].Body = []byte("second")
		}
		lost, err := s.Swap(t.Context(), subject.People, again)
		if len(lost) > 0 {
			t.Errorf("lost %v", lost)
		}
		return err
	})
	if err != nil {
		t.Fatalf("scan that writes: %v", err)
	}
	err = s.Scan(t.Context(), subject.People, subject.Key{}, func(block []subject.Row) error {
		for _, row := range block {
			wantRow(t, row, 2, "second")
		}
		return nil
	})
	if err != nil {
		t.Fatalf("scan: %v", err)
	}
}
