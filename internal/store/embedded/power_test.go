// SPDX-License-Identifier: Apache-2.0

package embedded

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/subject"
)

// known are the rows that somebody was told are there: their writer, a loser, a reader, or a scan.
type known struct {
	mu       sync.Mutex
	versions map[subject.Key]uint64
}

func (k *known) add(rows ...subject.Row) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, row := range rows {
		if row.Version > k.versions[row.Key] {
			k.versions[row.Key] = row.Version
		}
	}
}

// TestPowerFails lets the power fail on a disk that forgets whatever was not synced: nothing that anybody was told may be forgotten.
func TestPowerFails(t *testing.T) {
	files := vfs.NewCrashableMem()
	for round := range 10 {
		s, err := openIn(slow(files), "store", nil, Options{})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		told := &known{versions: map[subject.Key]uint64{}}
		stop := make(chan struct{})
		var all sync.WaitGroup
		for _, work := range []func(context.Context, *known, *Store) error{writeSome, writeSome, writeHot, loseHot, readSome, readSome, scanAll} {
			all.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					if err := work(t.Context(), told, s); err != nil {
						t.Errorf("round %d: %v", round, err)
						return
					}
				}
			})
		}
		time.Sleep(time.Duration(10+rand.IntN(40)) * time.Millisecond)
		told.mu.Lock() // the moment of the failure: what is not known yet was not told
		versions := told.versions
		told.versions = map[subject.Key]uint64{}
		after := files.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rand.IntN(2) * 30, RNG: rand.New(rand.NewPCG(1, uint64(round)))})
		told.mu.Unlock()
		close(stop)
		all.Wait()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		files = after
		check(t, files, versions)
	}
}

// slow makes every sync take a millisecond, in which others may see what it is to make durable.
func slow(files vfs.FS) vfs.FS {
	return errorfs.Wrap(files, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData {
			time.Sleep(time.Millisecond)
		}
		return nil
	}))
}

func check(t *testing.T, files vfs.FS, versions map[subject.Key]uint64) {
	t.Helper()
	s, err := openIn(files, "store", nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	var rows []subject.Row
	for key := range versions {
		rows = append(rows, subject.Row{Key: key})
	}
	if err := s.Load(t.Context(), subject.People, rows); err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if row.Version < versions[row.Key] {
			t.Fatalf("row %x is at version %d, somebody was told of %d", row.Key, row.Version, versions[row.Key])
		}
	}
	if st, err := s.Stats(t.Context()); err != nil || st.Rows[subject.People] < int64(len(rows)) {
		t.Errorf("%d rows are counted, at least %d are there; %v", st.Rows[subject.People], len(rows), err)
	}
}

func someRows() []subject.Row {
	rows := make([]subject.Row, 0, 20)
	for _, n := range rand.Perm(2000)[:20] {
		row := subject.Row{Body: make([]byte, 150)}
		binary.BigEndian.PutUint64(row.Key[:], uint64(n))
		rows = append(rows, row)
	}
	return rows
}

func writeSome(ctx context.Context, told *known, s *Store) error {
	rows := someRows()
	for range 2 {
		if _, err := s.Swap(ctx, subject.People, rows); err != nil {
			return err
		}
		told.add(rows...)
	}
	return nil
}

// writeHot updates one row again and again.
func writeHot(ctx context.Context, told *known, s *Store) error {
	row := []subject.Row{{Key: subject.Key{1}, Body: []byte{}}}
	for range 10 {
		row[0].Body = []byte{}
		if _, err := s.Swap(ctx, subject.People, row); err != nil {
			return err
		}
		told.add(row...)
	}
	return nil
}

// loseHot loses against it.
func loseHot(ctx context.Context, told *known, s *Store) error {
	row := []subject.Row{{Key: subject.Key{1}, Version: 1 << 40, Body: []byte{}}}
	_, err := s.Swap(ctx, subject.People, row)
	told.add(row...)
	return err
}

func readSome(ctx context.Context, told *known, s *Store) error {
	rows := someRows()
	if err := s.Load(ctx, subject.People, rows); err != nil {
		return err
	}
	told.add(rows...)
	return nil
}

func scanAll(ctx context.Context, told *known, s *Store) error {
	return s.Scan(ctx, subject.People, subject.Key{}, func(block []subject.Row) error {
		told.add(block...)
		return nil
	})
}

// TestDiskFails wants one error for everybody once the log cannot be synced, and all that was acknowledged before
// it after opening again.
func TestDiskFails(t *testing.T) {
	var broken atomic.Bool
	files := vfs.NewCrashableMem()
	failing := errorfs.Wrap(files, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if broken.Load() && (op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData) {
			return errors.New("no space left")
		}
		return nil
	}))
	s, err := openIn(failing, "store", nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	first, second := someRows(), someRows()
	if _, err := s.Swap(t.Context(), subject.People, first); err != nil {
		t.Fatal(err)
	}
	broken.Store(true)
	_, swapErr := s.Swap(t.Context(), subject.Meta, second)
	loadErr := s.Load(t.Context(), subject.Meta, second)
	_, commitErr := s.Commit(t.Context(), []subject.Change{{Space: subject.Meta, Row: subject.Row{Body: []byte("a")}}})
	for what, err := range map[string]error{"swap": swapErr, "load": loadErr, "commit": commitErr} {
		if !errors.Is(err, event.ErrFatal) {
			t.Errorf("%s on a broken disk: %v, want a fatal error", what, err)
		}
	}
	versions := map[subject.Key]uint64{}
	for _, row := range first {
		versions[row.Key] = 1
	}
	check(t, files.CrashClone(vfs.CrashCloneCfg{}), versions)
}
