// SPDX-License-Identifier: Apache-2.0

package control

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/subject"
)

// ErrLeaseLost says that a lease ran out before it could be renewed, or that another holder has it. It is transient.
var ErrLeaseLost = fmt.Errorf("the lease is lost: %w", event.ErrTransient)

// ErrLeaseFormat says that a newer release wrote the lease.
var ErrLeaseFormat = fmt.Errorf("lease of an unknown format; run the release that wrote it: %w", event.ErrFatal)

const leaseFormat = 1

// Rows is the part of a subject.Store that a lease needs.
type Rows interface {
	Load(ctx context.Context, space subject.Space, rows []subject.Row) error
	Swap(ctx context.Context, space subject.Space, rows []subject.Row) (lost []int, err error)
}

// Lease is a right that one holder at a time has, for as long as it renews it. Holders' clocks need not agree: a contender
// takes the lease when its row has not changed for the whole time to live and a quarter of it, counted by the contender's
// clock from when it first saw the row so; the holder counts the time to live from before it wrote the row, so its right ends
// earlier, and its work has the quarter to end. A lease keeps two from
// doing the same work for long. Where they must not at all, the work's own rows are swapped by version.
// It is safe for concurrent use.
type Lease struct {
	rows   Rows
	key    subject.Key
	name   string
	holder string
	ttl    time.Duration
	now    func() time.Time
	token  [8]byte // tells this lease from another of the same holder's name

	taking  sync.Mutex // guards what follows while the store is asked
	version uint64     // of the row as it was last seen or written
	seen    time.Time  // since when the row has had this version, as far as is known here

	mu    sync.Mutex
	until time.Time // the end of the right; zero: not held
}

// NewLease names a lease and its holder. Nothing is taken before Take or Hold. now may be nil.
func NewLease(rows Rows, name, holder string, ttl time.Duration, now func() time.Time) (*Lease, error) {
	if rows == nil || name == "" || holder == "" || len(holder) > mostText || ttl <= 0 {
		return nil, errors.New("a lease needs rows, a name, a holder's name of at most 255 bytes and a time to live")
	}
	if now == nil {
		now = time.Now
	}
	sum := sha256.Sum256([]byte("nymstream lease\x00" + name))
	l := &Lease{rows: rows, key: subject.Key(sum[:16]), name: name, holder: holder, ttl: ttl, now: now}
	_, _ = rand.Read(l.token[:]) // it never fails
	return l, nil
}

// Held tells whether this holder has the lease now.
func (l *Lease) Held() bool {
	return l.left() > 0
}

// left is how long the right still lasts, by the clock that says less.
func (l *Lease) left() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if l.until.IsZero() {
		return 0
	}
	return min(l.until.Sub(now), l.until.Round(0).Sub(now.Round(0)))
}

func (l *Lease) setUntil(t time.Time) {
	l.mu.Lock()
	l.until = t
	l.mu.Unlock()
}

// Take takes the lease, or renews it when it is held: one look at the row and at most one write. A lease of another holder
// is taken only after it has been seen unchanged for long, so contenders call again and again.
func (l *Lease) Take(ctx context.Context) (held bool, err error) {
	l.taking.Lock()
	defer l.taking.Unlock()
	began := l.now()
	rows := []subject.Row{{Key: l.key}}
	if err := l.rows.Load(ctx, subject.Meta, rows); err != nil {
		return false, fmt.Errorf("lease %s: %w", l.name, err)
	}
	mine, free, err := l.read(&rows[0], l.now())
	if err != nil {
		return false, fmt.Errorf("lease %s: %w", l.name, err)
	}
	if !mine {
		l.setUntil(time.Time{})
	}
	if !mine && !free {
		return false, nil
	}
	return l.write(ctx, rows[0].Version, l.holder, began)
}

// read tells whose the row is, and whether it may be taken.
func (l *Lease) read(row *subject.Row, now time.Time) (mine, free bool, err error) {
	if row.Version != l.version || l.seen.IsZero() {
		l.version, l.seen = row.Version, now
	}
	if row.Version == 0 || len(row.Body) == 0 {
		return false, true, nil
	}
	r := reader{rest: row.Body}
	if r.byte() != leaseFormat {
		return false, false, ErrLeaseFormat
	}
	token, holder := [8]byte(r.fixed(8)), r.text()
	ttl := time.Duration(r.uint()) * time.Millisecond
	if r.bad {
		return false, false, fmt.Errorf("its row is malformed; delete it: %w", event.ErrFatal)
	}
	if len(holder) == 0 {
		return false, true, nil
	}
	unchanged := min(now.Sub(l.seen), now.Round(0).Sub(l.seen.Round(0)))
	longest := max(ttl, l.ttl)
	return token == l.token, unchanged >= longest+longest/4, nil
}

// write puts a holder, or nobody, into the row if it still has the version.
func (l *Lease) write(ctx context.Context, version uint64, holder string, began time.Time) (bool, error) {
	body := append([]byte{leaseFormat}, l.token[:]...)
	body = binary.AppendUvarint(appendText(body, holder), uint64(l.ttl.Milliseconds()))
	rows := []subject.Row{{Key: l.key, Version: version, Body: body}}
	lost, err := l.rows.Swap(ctx, subject.Meta, rows)
	if err != nil {
		// It may have been written. What was held before stays so until its end.
		return l.Held(), fmt.Errorf("lease %s: %w", l.name, err)
	}
	l.version, l.seen = rows[0].Version, l.now()
	if len(lost) > 0 || holder == "" {
		l.setUntil(time.Time{})
		return false, nil
	}
	l.setUntil(began.Add(l.ttl))
	return l.Held(), nil
}

// Release gives the lease back, so that others need not wait. Not to be able to is no fault: it runs out.
func (l *Lease) Release(ctx context.Context) error {
	l.taking.Lock()
	defer l.taking.Unlock()
	if !l.Held() {
		return nil
	}
	l.setUntil(time.Time{})
	_, err := l.write(ctx, l.version, "", l.now())
	return err
}

// Hold waits for the lease, calls fn, renews the lease while fn works and gives it back when fn returns, whose error it
// returns. When the lease is lost, fn's context ends with ErrLeaseLost as its cause, and Hold returns that. While the store
// does not answer, a lease that is held stays so until it runs out.
func (l *Lease) Hold(ctx context.Context, fn func(ctx context.Context) error) error {
	for {
		held, err := l.Take(ctx)
		if errors.Is(err, event.ErrFatal) {
			return err
		}
		if held {
			break
		}
		if err := wait(ctx, l.ttl/4); err != nil {
			return err
		}
	}
	working, stop := context.WithCancelCause(ctx)
	var renewing sync.WaitGroup
	renewing.Go(func() { l.renew(working, stop) })
	err := fn(working)
	stop(nil)
	renewing.Wait()
	if lost := context.Cause(working); errors.Is(lost, ErrLeaseLost) {
		return fmt.Errorf("lease %s: %w", l.name, lost)
	}
	leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.ttl/2)
	defer cancel()
	_ = l.Release(leaving)
	return err
}

// renew keeps the lease until ctx ends, or ends ctx.
func (l *Lease) renew(ctx context.Context, stop context.CancelCauseFunc) {
	for wait(ctx, min(l.ttl/4, l.left())) == nil {
		trying, cancel := context.WithTimeout(ctx, min(l.ttl/4, l.left()))
		held, err := l.Take(trying)
		cancel()
		if ctx.Err() == nil && !held && (err == nil || !l.Held()) {
			stop(ErrLeaseLost)
			return
		}
	}
}
