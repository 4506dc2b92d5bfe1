// SPDX-License-Identifier: Apache-2.0

package embedded

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/nymstream/nymstream/internal/store"
	"github.com/nymstream/nymstream/internal/subject"
)

// Swap writes the rows whose versions still hold, all with one fsync, which it shares with others.
func (s *Store) Swap(ctx context.Context, space subject.Space, rows []subject.Row) (lost []int, err error) {
	order, err := store.SwapOrder(space, rows)
	if err := errors.Join(err, store.CheckContext(ctx)); err != nil {
		return nil, err
	}
	var has []subject.Row // what the store has to those that lost
	err = s.write(func(w *writer) error {
		for _, i := range order {
			row := &rows[i]
			won, now, err := w.put(space, row)
			if err != nil {
				return err
			}
			if !won {
				lost, has = append(lost, i), append(has, now)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range rows {
		rows[i].Version++
	}
	for n, i := range lost {
		rows[i] = has[n]
	}
	slices.Sort(lost)
	return lost, nil
}

// Commit writes all changes with one fsync, or none.
func (s *Store) Commit(ctx context.Context, changes []subject.Change) (ok bool, err error) {
	changes, err = store.CommitOrder(changes)
	if err := errors.Join(err, store.CheckContext(ctx)); err != nil {
		return false, err
	}
	ok = true
	err = s.write(func(w *writer) error {
		for i := range changes {
			c := &changes[i]
			change := w.put
			if c.Row.Body == nil {
				change = w.remove
			}
			won, _, err := change(c.Space, &c.Row)
			if err != nil {
				return err
			}
			if !won {
				ok = false
				w.batch.Reset()
				return nil
			}
		}
		return nil
	})
	return ok && err == nil, err
}

// writer reads, and collects what its holder of the lane will apply.
type writer struct {
	reader
	batch *pebble.Batch
	delta map[subject.Space]int64
}

// write lets fn read and collect, applies what it has collected, and returns when that and all that fn has read is durable.
func (s *Store) write(fn func(*writer) error) error {
	if !s.gate.enter() {
		return store.ErrClosed
	}
	defer s.gate.leave()
	batch := s.db.NewBatch()
	defer func() { _ = batch.Close() }()
	turn, err := s.apply(batch, fn)
	if err != nil {
		return err
	}
	if batch.Empty() {
		return s.horizon.reach(turn)
	}
	if err := batch.SyncWait(); err != nil {
		s.horizon.fail(fatal("write the store", err))
	}
	return s.horizon.arrive(turn)
}

func (s *Store) apply(batch *pebble.Batch, fn func(*writer) error) (turn uint64, err error) {
	s.lane.Lock()
	defer s.lane.Unlock()
	if err := s.horizon.failed(); err != nil {
		return 0, err
	}
	r, err := s.reader()
	if err != nil {
		return 0, err
	}
	w := &writer{reader: r, batch: batch, delta: map[subject.Space]int64{}}
	if err := errors.Join(fn(w), r.close()); err != nil {
		return 0, err
	}
	if batch.Empty() {
		return s.horizon.seen(), nil
	}
	if err := s.count(w); err != nil {
		return 0, err
	}
	turn = s.horizon.next() // before readers can see what is applied
	if err := s.db.ApplyNoSyncWait(batch, pebble.Sync); err != nil {
		err = fatal("write the store", err)
		s.horizon.fail(err)
		return 0, err
	}
	return turn, nil
}

// put collects the row with its next version if its version holds; else it gives what the store has.
func (w *writer) put(space subject.Space, row *subject.Row) (won bool, now subject.Row, err error) {
	version, body, err := w.read(space, row.Key)
	if err != nil {
		return false, now, err
	}
	if version != row.Version {
		return false, subject.Row{Key: row.Key, Version: version, Body: bytes.Clone(body)}, nil
	}
	if version == 0 {
		w.delta[space]++
	}
	at := place(space, row.Key)
	var head [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(head[:], version+1)
	op := w.batch.SetDeferred(len(at), n+len(row.Body))
	copy(op.Key, at[:])
	copy(op.Value, head[:n])
	copy(op.Value[n:], row.Body)
	return true, now, op.Finish()
}

// remove collects a deletion if the row's version holds.
func (w *writer) remove(space subject.Space, row *subject.Row) (won bool, now subject.Row, err error) {
	version, _, err := w.read(space, row.Key)
	if err != nil || version != row.Version {
		return false, now, err
	}
	if version == 0 {
		return true, now, nil
	}
	w.delta[space]--
	at := place(space, row.Key)
	return true, now, w.batch.Delete(at[:], nil)
}

// count adds the new numbers of rows where they change.
func (s *Store) count(w *writer) error {
	if len(w.delta) == 0 {
		return nil
	}
	for space, n := range w.delta {
		s.counts[space] += n
	}
	var value []byte
	for space, n := range s.counts {
		if n > 0 {
			value = binary.LittleEndian.AppendUint64(append(value, byte(space)), uint64(n))
		}
	}
	return w.batch.Set(countsAt, value, nil)
}
