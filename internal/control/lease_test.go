// SPDX-License-Identifier: Apache-2.0

package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/subject"
)

// table is a store of rows in memory.
type table struct {
	mu   sync.Mutex
	rows map[subject.Key]subject.Row
}

func newTable() *table { return &table{rows: make(map[subject.Key]subject.Row)} }

func (s *table) Load(_ context.Context, _ subject.Space, rows []subject.Row) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range rows {
		have := s.rows[rows[i].Key]
		rows[i].Version, rows[i].Body = have.Version, slices.Clone(have.Body)
	}
	return nil
}

func (s *table) Swap(_ context.Context, _ subject.Space, rows []subject.Row) (lost []int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range rows {
		have := s.rows[rows[i].Key]
		if have.Version != rows[i].Version {
			rows[i] = have
			lost = append(lost, i)
			continue
		}
		rows[i].Version++
		s.rows[rows[i].Key] = rows[i]
	}
	return lost, nil
}

// line is one holder's way to the store.
type line struct {
	*table
	down  atomic.Bool  // no answer until ctx ends
	delay atomic.Int64 // of each call, before and after
	lose  atomic.Bool  // what is written is not acknowledged
}

var errNoAnswer = fmt.Errorf("no answer: %w", event.ErrTransient)

func (l *line) pass(ctx context.Context) error {
	for l.down.Load() {
		if wait(ctx, 10*time.Millisecond) != nil {
			return errNoAnswer
		}
	}
	if wait(ctx, time.Duration(l.delay.Load())) != nil {
		return errNoAnswer
	}
	return nil
}

func (l *line) Load(ctx context.Context, space subject.Space, rows []subject.Row) error {
	if err := l.pass(ctx); err != nil {
		return err
	}
	_ = l.table.Load(ctx, space, rows)
	return l.pass(ctx)
}

func (l *line) Swap(ctx context.Context, space subject.Space, rows []subject.Row) ([]int, error) {
	if err := l.pass(ctx); err != nil {
		return nil, err
	}
	lost, _ := l.table.Swap(ctx, space, rows)
	if l.lose.Load() {
		return nil, errNoAnswer
	}
	return lost, l.pass(ctx)
}

const ttl = 10 * time.Second

func lease(t *testing.T, store *table, holder string) (*Lease, *line) {
	t.Helper()
	way := &line{table: store}
	l, err := NewLease(way, "signals/0", holder, ttl, nil)
	if err != nil {
		t.Fatal(err)
	}
	return l, way
}

func (l *Lease) want(t *testing.T, want bool) {
	t.Helper()
	if got, err := l.Take(t.Context()); got != want || err != nil || l.Held() != want {
		t.Errorf("%s: held %v, then %v, error %v; want %v", l.holder, got, l.Held(), err, want)
	}
}

func TestLeaseHasOneHolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTable()
		a, _ := lease(t, store, "a")
		b, _ := lease(t, store, "b")
		a.want(t, true)
		for range 10 {
			b.want(t, false)
			time.Sleep(ttl / 2)
			a.want(t, true) // renewed
		}
		if err := b.Release(t.Context()); err != nil {
			t.Error(err)
		}
		a.want(t, true)
		if err := a.Release(t.Context()); err != nil {
			t.Error(err)
		}
		b.want(t, true) // at once
		a.want(t, false)
		time.Sleep(ttl)
		if b.Held() {
			t.Error("held beyond its time to live")
		}
		a.want(t, false)
		time.Sleep(ttl / 4)
		a.want(t, true)
		b.want(t, false)
		again, _ := lease(t, store, "a") // after a restart, under the same name
		again.want(t, false)
	})
}

func TestLeaseOutlivesAnUnansweredRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, way := lease(t, newTable(), "a")
		a.want(t, true)
		time.Sleep(ttl / 2)
		way.lose.Store(true)
		if held, err := a.Take(t.Context()); !held || !errors.Is(err, event.ErrTransient) {
			t.Errorf("a renewal without an answer: got %v, %v", held, err)
		}
		time.Sleep(ttl / 2)
		if a.Held() {
			t.Error("held by a renewal that was not acknowledged")
		}
		way.lose.Store(false)
		a.want(t, true)
	})
}

func TestHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTable()
		a, way := lease(t, store, "a")
		b, _ := lease(t, store, "b")
		done := errors.New("done")
		release := make(chan struct{})
		var worked sync.WaitGroup
		worked.Go(func() {
			err := a.Hold(t.Context(), func(ctx context.Context) error {
				<-release
				if ctx.Err() != nil {
					t.Errorf("it was ended: %v", context.Cause(ctx))
				}
				return done
			})
			if !errors.Is(err, done) {
				t.Errorf("Hold: got %v", err)
			}
		})
		time.Sleep(10 * ttl)
		b.want(t, false)
		close(release)
		worked.Wait()
		b.want(t, true)
		if err := b.Release(t.Context()); err != nil {
			t.Error(err)
		}

		began := time.Now()
		err := a.Hold(t.Context(), func(ctx context.Context) error {
			way.down.Store(true)
			<-ctx.Done()
			return ctx.Err()
		})
		if took := time.Since(began); !errors.Is(err, ErrLeaseLost) || took > ttl || took < ttl/2 {
			t.Errorf("with the store gone: got %v after %v, want the loss within %v", err, took, ttl)
		}

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := a.Hold(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Hold at the end of its context: got %v", err)
		}
	})
}

// TestLeaseContenders lets holders crash, lose the store and be slow at random: never have two the lease at a time.
func TestLeaseContenders(t *testing.T) {
	for seed := range uint64(8) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			store := newTable()
			ctx, stop := context.WithCancel(t.Context())
			var working atomic.Int32
			var turns [3]int
			var all sync.WaitGroup
			ways := make([]*line, len(turns))
			leases := make([]*Lease, len(turns))
			for i := range turns {
				leases[i], ways[i] = lease(t, store, fmt.Sprint(i))
				all.Go(func() {
					for ctx.Err() == nil {
						_ = leases[i].Hold(ctx, func(ctx context.Context) error {
							turns[i]++
							if working.Add(1) > 1 {
								t.Error("two work at a time")
							}
							_ = wait(ctx, 37*time.Second)
							working.Add(-1)
							return nil
						})
					}
				})
			}
			for range 200 {
				way := ways[random.IntN(len(ways))]
				way.down.Store(random.IntN(3) == 0)
				way.lose.Store(random.IntN(4) == 0)
				way.delay.Store(int64(random.IntN(3000)) * int64(time.Millisecond))
				time.Sleep(time.Duration(random.IntN(8000)) * time.Millisecond)
				held := 0
				for _, l := range leases {
					if l.Held() {
						held++
					}
				}
				if held > 1 {
					t.Errorf("%d hold it", held)
				}
			}
			stop()
			all.Wait()
			if turns[0]+turns[1]+turns[2] < 5 {
				t.Errorf("turns %v: hardly anybody worked", turns)
			}
		})
	}
}

func TestLeaseOfANewerRelease(t *testing.T) {
	store := newTable()
	a, _ := lease(t, store, "a")
	for want, body := range map[error][]byte{ErrLeaseFormat: {leaseFormat + 1}, event.ErrFatal: {leaseFormat, 1}} {
		store.rows[a.key] = subject.Row{Key: a.key, Version: 1, Body: body}
		if held, err := a.Take(t.Context()); held || !errors.Is(err, want) {
			t.Errorf("got %v, %v", held, err)
		}
		if err := a.Hold(t.Context(), nil); !errors.Is(err, want) {
			t.Errorf("Hold: got %v", err)
		}
	}
	if _, err := NewLease(store, "", "a", ttl, nil); err == nil {
		t.Error("a lease without a name was made")
	}
}

// A lease of the first release is read for ever, and written as it was.
func TestFrozenLease(t *testing.T) {
	frozen := []byte{leaseFormat, 1, 2, 3, 4, 5, 6, 7, 8, 1, 'a', 0xe0, 0xd4, 3}
	rows := newTable()
	l, err := NewLease(rows, "signals", "a", time.Minute, nil)
	if err != nil {
		t.Fatal(err)
	}
	l.token = [8]byte{1, 2, 3, 4, 5, 6, 7, 8}
	if mine, free, err := l.read(&subject.Row{Version: 1, Body: frozen}, time.Now()); err != nil || !mine || free {
		t.Errorf("read: mine %v, free %v, %v", mine, free, err)
	}
	if held, err := l.Take(t.Context()); err != nil || !held || !bytes.Equal(rows.rows[l.key].Body, frozen) {
		t.Errorf("written as %x, %v", rows.rows[l.key].Body, err)
	}
	newer := append([]byte{leaseFormat + 1}, frozen[1:]...)
	if _, _, err := l.read(&subject.Row{Version: 2, Body: newer}, time.Now()); !errors.Is(err, ErrLeaseFormat) {
		t.Errorf("of the next format: got %v", err)
	}
}
