// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"sync/atomic"
	"time"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/rights"
	"github.com/nymstream/nymstream/internal/subject"
)

const (
	// mostNotes bounds what waits to be written while the store is down. Above it notes are lost: they come again with later events.
	mostNotes = 1 << 20
	// notePause is how long notes gather before they are written. What waits is lost when the process is killed.
	notePause = 200 * time.Millisecond
	// mostNotePause is between attempts that fail.
	mostNotePause = 10 * time.Second
	// lastNotes is how long the last notes may take when the service ends.
	lastNotes = 5 * time.Second
	// linkBatch is how many links are written at once.
	linkBatch = 1000
	// linkPeriod is how long events may tell a link again without its being noted again, in milliseconds of event time.
	linkPeriod = int64(time.Hour / time.Millisecond)
)

// link is a handle and its account, in one period of event time.
type link struct {
	handle, account subject.Key
	period          int64
}

func (p *people) Touch(day int32, seen []*subject.Person) {
	if len(seen) == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range seen {
		if len(p.touched) < mostNotes {
			p.touched[s.Key] = day
		}
	}
	p.hurry()
}

func (p *people) Link(handle, account subject.Key, at int64) {
	l := link{handle, account, at / linkPeriod}
	if p.recent.has(l) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.linked) >= mostNotes {
		return
	}
	p.linked[l] = at
	p.recent.add(l)
	p.hurry()
}

func (p *people) hurry() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// notes writes who was seen and which names are one, beside the stream, until ctx ends, and then what is left.
func (p *people) notes(ctx context.Context) error {
	pause := notePause
	for {
		select {
		case <-ctx.Done():
			return p.noteLast(ctx)
		case <-p.wake:
		}
		if err := p.write(ctx); err == nil {
			pause = notePause
		} else if ctx.Err() == nil {
			pause = min(2*pause, mostNotePause)
			p.log.Warn().Err(err).Msg("could not note who was seen")
		}
		select {
		case <-ctx.Done():
			return p.noteLast(ctx)
		case <-time.After(pause):
		}
	}
}

func (p *people) noteLast(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastNotes)
	defer cancel()
	if err := p.write(ctx); err != nil {
		p.log.Warn().Err(err).Msg("could not note who was seen last; later events bring it again")
	}
	return nil
}

func (p *people) take() (map[subject.Key]int32, map[link]int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	touched, linked := p.touched, p.linked
	p.touched, p.linked = map[subject.Key]int32{}, map[link]int64{}
	return touched, linked
}

// write writes what waits. Links that a failing store did not take wait again. The error is the first, with the count of others.
func (p *people) write(ctx context.Context) error {
	touched, linked := p.take()
	byDay := map[int32][]subject.Key{}
	for k, day := range touched {
		byDay[day] = append(byDay[day], k)
	}
	var f faults
	for day, keys := range byDay {
		f.add(p.directory.Touch(ctx, keys, day))
	}
	pairs := make([]subject.Pair, 0, len(linked))
	for l, at := range linked {
		pairs = append(pairs, subject.Pair{Handle: l.handle, Account: l.account, At: at})
	}
	for part := range slices.Chunk(pairs, linkBatch) {
		err := p.link(ctx, part)
		f.add(err)
		if err != nil && !errors.Is(err, event.ErrFatal) {
			p.again(part)
		}
	}
	return f.err()
}

// link notes links, and erases handles whose account was erased before their link was noted.
func (p *people) link(ctx context.Context, pairs []subject.Pair) error {
	erase, err := p.directory.LinkAll(ctx, pairs)
	if len(erase) == 0 || p.rights == nil {
		return err
	}
	failed := p.erase(ctx, erase)
	if errors.Is(failed, rights.ErrHeld) { // nobody is erased where one is held
		for _, k := range erase {
			if failed = p.erase(ctx, []subject.Key{k}); failed != nil && !errors.Is(failed, rights.ErrHeld) {
				break
			}
			failed = nil
		}
	}
	if failed != nil {
		return failed
	}
	return err
}

func (p *people) erase(ctx context.Context, keys []subject.Key) error {
	_, err := p.rights.Erase(ctx, rights.Erasure{Keys: keys, Reason: rights.OnRequest, By: rights.Actor{Name: p.instance}})
	return err
}

// again lets links wait once more.
func (p *people) again(pairs []subject.Pair) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, pair := range pairs {
		l := link{pair.Handle, pair.Account, pair.At / linkPeriod}
		if _, newer := p.linked[l]; newer {
			continue
		}
		if len(p.linked) >= mostNotes {
			p.recent.forget(l)
			continue
		}
		p.linked[l] = pair.At
	}
	p.hurry()
}

// faults keeps the first of many errors.
type faults struct {
	first error
	count int
}

func (f *faults) add(err error) {
	if err == nil {
		return
	}
	if f.count++; f.count == 1 {
		f.first = err
	}
}

func (f *faults) err() error {
	if f.count > 1 {
		return fmt.Errorf("%w (and %d more errors)", f.first, f.count-1)
	}
	return f.first
}

const (
	recentWays    = 4
	recentBuckets = 1 << 16
	periodBits    = 16
)

// recentLinks remembers links that were noted lately, without a lock: of each pair one period. It forgets some; it says of none that
// it was noted which was not, but for one hash in 2^46. A word is 48 bits of the pair's hash, whose other 16 choose the bucket, and
// the low bits of the period. Keys are a PRF's outputs, thus hashes already.
type recentLinks [recentBuckets * recentWays]atomic.Uint64

func (r *recentLinks) place(l link) (bucket []atomic.Uint64, word uint64) {
	h := binary.LittleEndian.Uint64(l.handle[:]) ^ bits.RotateLeft64(binary.LittleEndian.Uint64(l.account[:]), 29)
	at := h % recentBuckets * recentWays
	return r[at : at+recentWays], h>>periodBits<<periodBits | uint64(l.period)&(1<<periodBits-1)
}

func (r *recentLinks) has(l link) bool {
	bucket, word := r.place(l)
	for i := range bucket {
		if bucket[i].Load() == word {
			return true
		}
	}
	return false
}

// add takes the place of the pair's other period, or a free one, or any.
func (r *recentLinks) add(l link) {
	bucket, word := r.place(l)
	at := int(word>>periodBits) % recentWays
	for i := range bucket {
		was := bucket[i].Load()
		if was>>periodBits == word>>periodBits {
			at = i
			break
		}
		if was == 0 {
			at = i
		}
	}
	bucket[at].Store(word)
}

func (r *recentLinks) forget(l link) {
	bucket, word := r.place(l)
	for i := range bucket {
		bucket[i].CompareAndSwap(word, 0)
	}
}
