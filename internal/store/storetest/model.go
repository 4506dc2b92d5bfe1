// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"bytes"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/nymstream/nymstream/internal/subject"
)

// model is a store as its contract describes it.
type model struct {
	store subject.Store
	open  func() subject.Store
	rows  map[place]subject.Row
}

// testModel compares a store with a map, step by step. Every run begins by emptying both.
func testModel(t *testing.T, open func() subject.Store) {
	m := &model{store: open(), open: open, rows: map[place]subject.Row{}}
	defer func() { closeStore(t, m.store) }()
	rapid.Check(t, func(r *rapid.T) {
		m.empty(t, r)
		r.Repeat(map[string]func(*rapid.T){
			"load":   func(r *rapid.T) { m.load(t, r) },
			"swap":   func(r *rapid.T) { m.swap(t, r) },
			"commit": func(r *rapid.T) { m.commit(t, r) },
			"scan":   func(r *rapid.T) { m.scan(t, r) },
			"reopen": func(r *rapid.T) { m.reopen(t, r) },
		})
	})
}

var (
	drawKey   = rapid.Custom(func(r *rapid.T) subject.Key { return key(rapid.IntRange(0, 11).Draw(r, "key")) })
	drawKeys  = rapid.SliceOfN(drawKey, 0, 8)
	drawSpace = rapid.SampledFrom([]subject.Space{subject.People, subject.Outbox, 77})
	drawBody  = rapid.SliceOfN(rapid.Byte(), 0, 5)
)

func (m *model) check(r *rapid.T, got subject.Row, space subject.Space) {
	want := m.rows[place{space, got.Key}]
	if got.Version != want.Version || !bytes.Equal(got.Body, want.Body) || (got.Version == 0) != (got.Body == nil) {
		r.Fatalf("space %d, key %x: version %d body %q, want version %d body %q", space, got.Key, got.Version, got.Body, want.Version, want.Body)
	}
}

func (m *model) empty(t *testing.T, r *rapid.T) {
	var changes []subject.Change
	for at, row := range m.rows {
		changes = append(changes, subject.Change{Space: at.space, Row: subject.Row{Key: at.key, Version: row.Version}})
	}
	if ok, err := m.store.Commit(t.Context(), changes); !ok || err != nil {
		r.Fatalf("deletion of all rows: %v, %v", ok, err)
	}
	clear(m.rows)
}

func (m *model) load(t *testing.T, r *rapid.T) {
	space := drawSpace.Draw(r, "space")
	var rows []subject.Row
	for _, k := range drawKeys.Draw(r, "keys") {
		rows = append(rows, subject.Row{Key: k})
	}
	if err := m.store.Load(t.Context(), space, rows); err != nil {
		r.Fatal(err)
	}
	for _, row := range rows {
		m.check(r, row, space)
	}
}

// draw gives rows whose versions hold mostly.
func (m *model) draw(r *rapid.T, space subject.Space) (rows []subject.Row) {
	for _, k := range rapid.SliceOfNDistinct(drawKey, 0, 8, rapid.ID).Draw(r, "rows") {
		version := m.rows[place{space, k}].Version
		if rapid.IntRange(0, 5).Draw(r, "stale") == 0 {
			version = uint64(rapid.IntRange(0, 4).Draw(r, "version"))
		}
		rows = append(rows, subject.Row{Key: k, Version: version, Body: append([]byte{}, drawBody.Draw(r, "body")...)})
	}
	return rows
}

func (m *model) swap(t *testing.T, r *rapid.T) {
	space := drawSpace.Draw(r, "space")
	rows := m.draw(r, space)
	var want []int
	for i, row := range rows {
		at := place{space, row.Key}
		if m.rows[at].Version != row.Version {
			want = append(want, i)
			continue
		}
		row.Version++
		m.rows[at] = row
	}
	lost, err := m.store.Swap(t.Context(), space, rows)
	if err != nil || !slices.Equal(lost, want) {
		r.Fatalf("lost %v, %v, want %v", lost, err, want)
	}
	for _, row := range rows {
		m.check(r, row, space)
	}
}

func (m *model) commit(t *testing.T, r *rapid.T) {
	var changes []subject.Change
	want := true
	next := maps.Clone(m.rows)
	for _, space := range rapid.SliceOfNDistinct(drawSpace, 0, 2, rapid.ID).Draw(r, "spaces") {
		for _, row := range m.draw(r, space) {
			at := place{space, row.Key}
			want = want && m.rows[at].Version == row.Version
			c := subject.Change{Space: space, Row: row}
			if row.Version++; rapid.Bool().Draw(r, "delete") {
				c.Row.Body = nil
				delete(next, at)
			} else {
				next[at] = row
			}
			changes = append(changes, c)
		}
	}
	ok, err := m.store.Commit(t.Context(), changes)
	if err != nil || ok != want {
		r.Fatalf("commit %v, %v, want %v", ok, err, want)
	}
	if want {
		m.rows = next
	}
}

func (m *model) scan(t *testing.T, r *rapid.T) {
	space, from := drawSpace.Draw(r, "space"), drawKey.Draw(r, "from")
	var got, want []subject.Key
	err := m.store.Scan(t.Context(), space, from, func(block []subject.Row) error {
		for _, row := range block {
			m.check(r, row, space)
			got = append(got, row.Key)
		}
		return nil
	})
	for at := range m.rows {
		if at.space == space && compareKeys(at.key, from) >= 0 {
			want = append(want, at.key)
		}
	}
	slices.SortFunc(want, compareKeys)
	if err != nil || !slices.Equal(got, want) {
		r.Fatalf("scan gave %x, %v, want %x", got, err, want)
	}
}

func (m *model) reopen(t *testing.T, r *rapid.T) {
	if rapid.IntRange(0, 9).Draw(r, "reopen") > 0 {
		return
	}
	closeStore(t, m.store)
	m.store = m.open()
}
