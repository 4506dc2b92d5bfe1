// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/subject"
)

const racers = 8

// race runs fn as so many racers at once and waits for them.
func race(t *testing.T, fn func(racer int) error) {
	t.Helper()
	var all sync.WaitGroup
	for racer := range racers {
		all.Go(func() {
			if err := fn(racer); err != nil {
				t.Errorf("racer %d: %v", racer, err)
			}
		})
	}
	all.Wait()
}

// again calls fn until it is not refused for the moment.
func again(fn func() error) error {
	for range 100 {
		if err := fn(); err == nil || !errors.Is(err, event.ErrTransient) {
			return err
		}
	}
	return errors.New("100 transient errors")
}

// testInsertRace has all racers insert the same rows in an order of their own: each row is won once, and all know by whom.
func testInsertRace(t *testing.T, s subject.Store) {
	const keys = 500
	seen := make([][]string, racers)
	won := make([][]bool, racers)
	race(t, func(racer int) error {
		seen[racer], won[racer] = make([]string, keys), make([]bool, keys)
		numbers := rand.Perm(keys)
		for part := range slices.Chunk(numbers, 100) {
			rows := make([]subject.Row, len(part))
			for i, n := range part {
				rows[i] = newRow(n, fmt.Sprint("racer ", racer))
				won[racer][n] = true
			}
			lost, err := s.Swap(t.Context(), subject.People, rows)
			if err != nil {
				return err
			}
			for _, i := range lost {
				won[racer][part[i]] = false
			}
			for i, n := range part {
				seen[racer][n] = string(rows[i].Body)
			}
		}
		return nil
	})
	for n := range keys {
		wins := 0
		row := load(t, s, subject.People, key(n))[0]
		for racer := range racers {
			if won[racer][n] {
				wins++
				wantRow(t, row, 1, fmt.Sprint("racer ", racer))
			}
			if seen[racer][n] != string(row.Body) {
				t.Errorf("key %d: racer %d saw %q, the store has %q", n, racer, seen[racer][n], row.Body)
			}
		}
		if wins != 1 {
			t.Errorf("key %d was won %d times", n, wins)
		}
	}
}

// testUpdateRace counts in a few rows: no addition may get lost.
func testUpdateRace(t *testing.T, s subject.Store) {
	const rounds, keys = 40, 10
	race(t, func(racer int) error {
		for range rounds {
			rows := make([]subject.Row, keys)
			for i, n := range rand.Perm(keys) {
				rows[i] = subject.Row{Key: key(n)}
			}
			if err := s.Load(t.Context(), subject.People, rows); err != nil {
				return err
			}
			for len(rows) > 0 {
				for i := range rows {
					rows[i].Body = more(rows[i].Body)
				}
				lost, err := s.Swap(t.Context(), subject.People, rows)
				if err != nil {
					return err
				}
				var left []subject.Row
				for _, i := range lost {
					left = append(left, rows[i])
				}
				rows = left
			}
		}
		return nil
	})
	for n := range keys {
		row := load(t, s, subject.People, key(n))[0]
		if row.Version != racers*rounds || binary.BigEndian.Uint64(row.Body) != racers*rounds {
			t.Errorf("row %d: version %d, count %d, want %d", n, row.Version, row.Body, racers*rounds)
		}
	}
}

// more gives a body that counts one more.
func more(body []byte) []byte {
	n := uint64(0)
	if len(body) == 8 {
		n = binary.BigEndian.Uint64(body)
	}
	return binary.BigEndian.AppendUint64(nil, n+1)
}

// testCommitRace moves units between rows that racers share: their sum must stay, and no row may be in two movements at once.
func testCommitRace(t *testing.T, s subject.Store) {
	const rows, each, rounds = 6, 1000, 60
	for n := range rows {
		swap(t, s, subject.People, subject.Row{Key: key(n), Body: binary.BigEndian.AppendUint64(nil, each)})
	}
	race(t, func(racer int) error {
		for n := range rounds {
			for moved := false; !moved; {
				pair := rand.Perm(rows)[:2]
				two := []subject.Row{{Key: key(pair[0])}, {Key: key(pair[1])}}
				if err := s.Load(t.Context(), subject.People, two); err != nil {
					return err
				}
				from, to := binary.BigEndian.Uint64(two[0].Body), binary.BigEndian.Uint64(two[1].Body)
				two[0].Body, two[1].Body = binary.BigEndian.AppendUint64(nil, from-1), binary.BigEndian.AppendUint64(nil, to+1)
				err := again(func() (err error) {
					moved, err = s.Commit(t.Context(), []subject.Change{{Space: subject.People, Row: two[0]}, {Space: subject.People, Row: two[1]},
						{Space: subject.Outbox, Row: newRow(racer*rounds+n, "moved")}})
					return err
				})
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	sum, versions := uint64(0), uint64(0)
	for n := range rows {
		row := load(t, s, subject.People, key(n))[0]
		sum += binary.BigEndian.Uint64(row.Body)
		versions += row.Version - 1
	}
	st, err := s.Stats(t.Context())
	if sum != rows*each || versions != 2*racers*rounds || st.Rows[subject.Outbox] != racers*rounds || err != nil {
		t.Errorf("sum %d, %d movements, %d notes, %v; want %d, %d and %d", sum, versions/2, st.Rows[subject.Outbox], err, rows*each, racers*rounds, racers*rounds)
	}
}

// testMixedRace throws swaps and commits with inserts, updates and deletions of the same rows at the store: none may fail for good,
// and each row is what its last winner wrote.
func testMixedRace(t *testing.T, s subject.Store) {
	const keys, rounds = 30, 60
	race(t, func(racer int) error {
		for range rounds {
			numbers := rand.Perm(keys)[:10]
			rows := make([]subject.Row, len(numbers))
			for i, n := range numbers {
				rows[i] = subject.Row{Key: key(n)}
			}
			if err := s.Load(t.Context(), subject.People, rows); err != nil {
				return err
			}
			var changes []subject.Change
			for i := range rows {
				rows[i].Body = fmt.Append(nil, "version ", rows[i].Version+1)
				changes = append(changes, subject.Change{Space: subject.People, Row: rows[i]})
				if i%3 == 0 {
					changes[i].Row.Body = nil
				}
			}
			err := again(func() (err error) {
				if racer%2 == 0 {
					_, err = s.Commit(t.Context(), changes)
				} else {
					_, err = s.Swap(t.Context(), subject.People, rows)
				}
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	for n := range keys {
		row := load(t, s, subject.People, key(n))[0]
		if want := fmt.Sprint("version ", row.Version); row.Version > 0 && string(row.Body) != want {
			t.Errorf("row %d has %q, want %q", n, row.Body, want)
		}
	}
}

// testCloseUnderLoad closes while others write: whatever was acknowledged is there afterwards.
func testCloseUnderLoad(t *testing.T, open func() subject.Store) {
	s := open()
	var started, all sync.WaitGroup
	started.Add(racers)
	done := make([]int, racers)
	for racer := range racers {
		all.Go(func() {
			ready := sync.OnceFunc(started.Done)
			defer ready()
			for {
				_, err := s.Swap(t.Context(), subject.People, []subject.Row{newRow(racer<<32|done[racer], "kept")})
				if err != nil {
					if !errors.Is(err, event.ErrFatal) && !errors.Is(err, event.ErrTransient) {
						t.Errorf("racer %d: %v has no class", racer, err)
					}
					return
				}
				if done[racer]++; done[racer] == 5 {
					ready()
				}
			}
		})
	}
	started.Wait()
	closeStore(t, s)
	all.Wait()
	s = open()
	defer closeStore(t, s)
	for racer := range racers {
		if done[racer] == 0 {
			t.Errorf("racer %d wrote nothing", racer)
		}
		for n := range done[racer] {
			if row := load(t, s, subject.People, key(racer<<32|n))[0]; row.Version != 1 {
				t.Fatalf("row %d of racer %d is gone", n, racer)
			}
		}
	}
}
