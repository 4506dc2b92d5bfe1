// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/subject"
)

// Conform holds a store against its contract. newPlace makes an empty place for one test and gives what opens the store that lies
// there, which is called again after that store was closed.
func Conform(t *testing.T, newPlace func(t *testing.T) (open func() subject.Store)) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(*testing.T, subject.Store)
	}{
		{"load of what is not there", testLoadMissing},
		{"keys repeat in a load", testLoadRepeats},
		{"versions", testVersions},
		{"swap refuses", testSwapRefuses},
		{"spaces", testSpaces},
		{"bodies", testBodies},
		{"commit", testCommit},
		{"commit refuses", testCommitRefuses},
		{"commit of a large batch", testCommitLarge},
		{"scan", testScan},
		{"scan under change", testScanUnderChange},
		{"scan writes what it reads", testScanWrites},
		{"stats", testStats},
		{"canceled", testCanceled},
		{"insert race", testInsertRace},
		{"update race", testUpdateRace},
		{"commit race", testCommitRace},
		{"mixed race", testMixedRace},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newPlace(t)()
			defer closeStore(t, s)
			test.run(t, s)
		})
	}
	t.Run("durable", func(t *testing.T) { testDurable(t, newPlace(t)) })
	t.Run("closed", func(t *testing.T) { testClosed(t, newPlace(t)()) })
	t.Run("close under load", func(t *testing.T) { testCloseUnderLoad(t, newPlace(t)) })
	t.Run("model", func(t *testing.T) { testModel(t, newPlace(t)) })
}

func closeStore(t *testing.T, s subject.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// key gives keys whose order is not that of their numbers.
func key(n int) (k subject.Key) {
	binary.BigEndian.PutUint64(k[:], uint64(n)*0x9e3779b97f4a7c15)
	binary.BigEndian.PutUint64(k[8:], uint64(n))
	return k
}

func newRow(n int, body string) subject.Row { return subject.Row{Key: key(n), Body: []byte(body)} }

func load(t *testing.T, s subject.Store, space subject.Space, keys ...subject.Key) []subject.Row {
	t.Helper()
	rows := make([]subject.Row, len(keys))
	for i, k := range keys {
		rows[i] = subject.Row{Key: k, Version: 99, Body: []byte("left over")}
	}
	if err := s.Load(t.Context(), space, rows); err != nil {
		t.Fatalf("load: %v", err)
	}
	return rows
}

func swap(t *testing.T, s subject.Store, space subject.Space, rows ...subject.Row) []int {
	t.Helper()
	lost, err := s.Swap(t.Context(), space, rows)
	if err != nil {
		t.Fatalf("swap: %v", err)
	}
	return lost
}

func commit(t *testing.T, s subject.Store, changes ...subject.Change) bool {
	t.Helper()
	ok, err := s.Commit(t.Context(), changes)
	if err != nil {
		t.Fatalf("commit: %v", err)
	}
	return ok
}

func wantRow(t *testing.T, got subject.Row, version uint64, body string) {
	t.Helper()
	if got.Version != version || string(got.Body) != body || (version == 0) != (got.Body == nil) {
		t.Errorf("row %x = version %d, %d bytes %.40q (nil %v), want version %d, %.40q",
			got.Key, got.Version, len(got.Body), got.Body, got.Body == nil, version, body)
	}
}

func testLoadMissing(t *testing.T, s subject.Store) {
	for _, row := range load(t, s, subject.People, key(1), key(2)) {
		wantRow(t, row, 0, "")
	}
	if err := s.Load(t.Context(), subject.People, nil); err != nil {
		t.Errorf("load of nothing: %v", err)
	}
	wantFatal(t, "load from space 0", s.Load(t.Context(), 0, make([]subject.Row, 1)))
}

func testLoadRepeats(t *testing.T, s subject.Store) {
	swap(t, s, subject.People, newRow(1, "one"), newRow(2, "two"))
	rows := load(t, s, subject.People, key(2), key(1), key(3), key(2), key(3))
	for i, want := range []string{"two", "one", "", "two", ""} {
		wantRow(t, rows[i], uint64(min(1, len(want))), want)
	}
	rows[0].Body[0] = 'T'
	wantRow(t, rows[3], 1, "two")
}

func testVersions(t *testing.T, s subject.Store) {
	rows := []subject.Row{newRow(1, "a"), newRow(2, "b")}
	if lost, err := s.Swap(t.Context(), subject.People, rows); err != nil || len(lost) > 0 {
		t.Fatalf("insert: lost %v, %v", lost, err)
	}
	wantRow(t, rows[0], 1, "a")
	wantRow(t, rows[1], 1, "b")
	rows[0].Body, rows[1].Version, rows[1].Body = []byte("a2"), 7, []byte("never")
	rows = append(rows, newRow(3, "c"), subject.Row{Key: key(4), Version: 1, Body: []byte("never")})
	lost, err := s.Swap(t.Context(), subject.People, rows)
	if err != nil || !slices.Equal(lost, []int{1, 3}) {
		t.Fatalf("lost %v, %v, want rows 1 and 3", lost, err)
	}
	for i, want := range []struct {
		version uint64
		body    string
	}{{2, "a2"}, {1, "b"}, {1, "c"}, {0, ""}} {
		wantRow(t, rows[i], want.version, want.body)
		wantRow(t, load(t, s, subject.People, rows[i].Key)[0], want.version, want.body)
	}
	if lost := swap(t, s, subject.People, newRow(1, "again")); len(lost) != 1 {
		t.Errorf("an insert over a row won")
	}
	if lost, err := s.Swap(t.Context(), subject.People, nil); err != nil || len(lost) > 0 {
		t.Errorf("swap of nothing: lost %v, %v", lost, err)
	}
}

func testSwapRefuses(t *testing.T, s subject.Store) {
	for name, rows := range map[string][]subject.Row{
		"a repeated key":     {newRow(1, "a"), newRow(2, "b"), newRow(1, "c")},
		"a row without body": {newRow(1, "a"), {Key: key(2)}},
	} {
		_, err := s.Swap(t.Context(), subject.People, rows)
		wantFatal(t, "swap of "+name, err)
	}
	_, err := s.Swap(t.Context(), 0, []subject.Row{newRow(1, "a")})
	wantFatal(t, "swap into space 0", err)
	wantRow(t, load(t, s, subject.People, key(1))[0], 0, "")
}

func wantFatal(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, event.ErrFatal) {
		t.Errorf("%s: %v, want a fatal error", what, err)
	}
}

func testSpaces(t *testing.T, s subject.Store) {
	all := []subject.Space{subject.People, subject.Meta, subject.Outbox, subject.Requests, subject.DataKeys}
	for i, space := range all {
		swap(t, s, space, newRow(1, string(rune('a'+i))))
	}
	for i, space := range all {
		wantRow(t, load(t, s, space, key(1))[0], 1, string(rune('a'+i)))
	}
	wantRow(t, load(t, s, 200, key(1))[0], 0, "")
}

func testBodies(t *testing.T, s subject.Store) {
	big := bytes.Repeat([]byte{0, 1, 0xff, '\'', '\\', '\n'}, 1<<20/6)
	bodies := []string{"", "\x00", "\xff\xfe", string(big), "x", string(big[:100_000])}
	var rows []subject.Row
	for i, body := range bodies {
		rows = append(rows, newRow(i, body))
	}
	swap(t, s, subject.Requests, rows...)
	for i, body := range bodies {
		wantRow(t, load(t, s, subject.Requests, key(i))[0], 1, body)
	}
	seen := 0
	err := s.Scan(t.Context(), subject.Requests, subject.Key{}, func(block []subject.Row) error {
		for _, row := range block {
			wantRow(t, row, 1, bodies[binary.BigEndian.Uint64(row.Key[8:])])
			seen++
		}
		return nil
	})
	if err != nil || seen != len(bodies) {
		t.Errorf("scan saw %d rows of %d, %v", seen, len(bodies), err)
	}
	row := rows[3]
	row.Version, row.Body = 1, []byte{}
	swap(t, s, subject.Requests, row)
	wantRow(t, load(t, s, subject.Requests, row.Key)[0], 2, "")
}

func testDurable(t *testing.T, open func() subject.Store) {
	s := open()
	swap(t, s, subject.People, newRow(1, "a"), newRow(2, "b"))
	swap(t, s, subject.People, subject.Row{Key: key(2), Version: 1, Body: []byte("b2")})
	if !commit(t, s, subject.Change{Space: subject.People, Row: subject.Row{Key: key(1), Version: 1}},
		subject.Change{Space: subject.Outbox, Row: newRow(9, "out")}) {
		t.Fatal("commit lost")
	}
	closeStore(t, s)
	s = open()
	defer closeStore(t, s)
	wantRow(t, load(t, s, subject.People, key(1))[0], 0, "")
	wantRow(t, load(t, s, subject.People, key(2))[0], 2, "b2")
	wantRow(t, load(t, s, subject.Outbox, key(9))[0], 1, "out")
	st, err := s.Stats(t.Context())
	if err != nil || st.Rows[subject.People] != 1 || st.Rows[subject.Outbox] != 1 {
		t.Errorf("stats after opening again: %v, %v", st.Rows, err)
	}
}

func testStats(t *testing.T, s subject.Store) {
	st, err := s.Stats(t.Context())
	if err != nil || len(st.Rows) != 0 {
		t.Errorf("stats of nothing: %v, %v", st.Rows, err)
	}
	swap(t, s, subject.People, newRow(1, "a"), newRow(2, "b"), newRow(3, "c"))
	swap(t, s, subject.People, newRow(1, "lost"), subject.Row{Key: key(2), Version: 1, Body: []byte("b2")})
	swap(t, s, subject.Meta, newRow(1, "m"))
	commit(t, s, subject.Change{Space: subject.People, Row: subject.Row{Key: key(3), Version: 1}})
	commit(t, s, subject.Change{Space: subject.Meta, Row: subject.Row{Key: key(1), Version: 5}})
	st, err = s.Stats(t.Context())
	if err != nil || len(st.Rows) != 2 || st.Rows[subject.People] != 2 || st.Rows[subject.Meta] != 1 || st.Bytes <= 0 {
		t.Errorf("stats: %+v, %v; want 2 people, 1 meta and some bytes", st, err)
	}
}

func testCanceled(t *testing.T, s subject.Store) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	for _, ctx := range []context.Context{canceled, late} {
		_, swapErr := s.Swap(ctx, subject.People, []subject.Row{newRow(1, "a")})
		_, commitErr := s.Commit(ctx, []subject.Change{{Space: subject.People, Row: newRow(1, "a")}})
		_, statsErr := s.Stats(ctx)
		for what, err := range map[string]error{
			"load":   s.Load(ctx, subject.People, []subject.Row{newRow(1, "")}),
			"swap":   swapErr,
			"commit": commitErr,
			"stats":  statsErr,
			"scan":   s.Scan(ctx, subject.People, subject.Key{}, func([]subject.Row) error { return nil }),
		} {
			if !errors.Is(err, ctx.Err()) || errors.Is(err, event.ErrFatal) {
				t.Errorf("%s: %v, want %v and not fatal", what, err, ctx.Err())
			}
			if ctx == late && !errors.Is(err, event.ErrTransient) {
				t.Errorf("%s: %v, want a transient error", what, err)
			}
		}
	}
	wantRow(t, load(t, s, subject.People, key(1))[0], 0, "")
}

func testClosed(t *testing.T, s subject.Store) {
	swap(t, s, subject.People, newRow(1, "a"))
	closeStore(t, s)
	closeStore(t, s)
	_, swapErr := s.Swap(t.Context(), subject.People, []subject.Row{newRow(1, "a")})
	_, commitErr := s.Commit(t.Context(), []subject.Change{{Space: subject.People, Row: newRow(1, "a")}})
	_, statsErr := s.Stats(t.Context())
	for what, err := range map[string]error{
		"load":   s.Load(t.Context(), subject.People, []subject.Row{newRow(1, "")}),
		"swap":   swapErr,
		"commit": commitErr,
		"stats":  statsErr,
		"scan":   s.Scan(t.Context(), subject.People, subject.Key{}, func([]subject.Row) error { return nil }),
	} {
		wantFatal(t, what+" after close", err)
	}
}
