// SPDX-License-Identifier: Apache-2.0

package control

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/nymstream/nymstream/internal/event"
)

// fromEnd has a Log followed from its end.
const fromEnd = -1

// Log is a topic of one partition that every instance appends to and reads.
type Log interface {
	// Append writes records durably and sets where each lies. It tries again until ctx ends; a record may be written twice.
	Append(ctx context.Context, records []event.Record) error
	// Follow hands out the records from an offset on, or from the end with -1, in order and without a gap, until ctx ends.
	// It calls fn, with end and without records, also when it has found its place and there is nothing to read.
	Follow(ctx context.Context, from int64, fn func(batch []event.Record, end bool) error) error
}

// MAC authenticates messages. Several keys may verify while one is replaced.
type MAC interface {
	Sum(dst, msg []byte) []byte
	Verify(tag, msg []byte) error
}

// Evictions is what this instance remembers of people. Neither method may call the Follower; what was loaded before one of
// them returns, or is being loaded, must not be used for decisions after it.
type Evictions interface {
	Evict(keys []Key)
	DropAll()
}

// Options configure a Follower. Required are Log, MAC, Evictions, Tenant, Keyring and Instance.
type Options struct {
	Log       Log
	MAC       func() MAC // nil from it: there is no key, and nothing is fresh
	Evictions Evictions

	Tenant   string
	Keyring  string // its id
	Store    string // its id; "" for none
	Instance string

	Reads int // newest format of the store's rows that this build reads; default 1

	Beat   time.Duration // default 500 ms: between two beats
	Stale  time.Duration // default 2 s: how old what is known may be
	Merged time.Duration // how old the newest claim may be that all signals are merged; 0: nobody merges any
	Live   time.Duration // default 3 s: how long an instance without a beat counts as alive
	Listen time.Duration // default two beats: how long to listen, before joining, for instances that differ
	// Settle is how long after its beginning no transaction can be committed any more: the longest transaction timeout of
	// all instances, and the 10 s within which brokers notice that one is over. Default 25 s.
	Settle time.Duration

	Pending func() time.Time    // of the oldest decision neither committed nor given up; zero: none. Default: none ever
	Plan    func() [32]byte     // hash of the plan at work, for Instances; default none
	OnPlan  func(hash [32]byte) // called for every plan that is announced, from Run; default nothing

	Logger     zerolog.Logger
	Registerer prometheus.Registerer // nil: no metrics
	Now        func() time.Time      // its monotonic reading is used
}

// Follower follows the control log for one instance. It is safe for concurrent use.
type Follower struct {
	opts    Options
	codec   codec
	session session
	store   origin
	metrics *metrics
	wake    chan struct{} // a beat is wanted now

	mu        sync.Mutex
	made      time.Time
	placed    time.Time // since when the log has been followed without a gap; zero: it is not
	listening time.Time // since when others are listened for; zero: not yet
	born      int64     // offset of this session's hello; -1: not yet said
	number    uint64    // of the newest beat
	sent      map[uint64]time.Time
	beat      time.Time // when the newest own beat that was read back was sent; zero: none was
	lost      bool      // what is known is out of date, and has been dropped
	regained  time.Time // since when it is not
	tightened time.Time // when the newest change arrived that allows less
	applied   int64     // offset of the newest message read; -1: none
	readings  []reading // of the last while
	merged    time.Time // as of when all signals are merged; zero: not known
	arrivals  []arrival // of changes that some decision in hand may not know
	peers     map[session]*peer
	fatal     error
	moved     chan struct{} // closed and replaced with every beat that is read
	refused   map[string]int
}

// arrival is a change that was applied at a time.
type arrival struct {
	offset int64
	at     time.Time
}

// New makes a follower; Run does the work.
func New(o Options) (*Follower, error) {
	o.setDefaults()
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	f := &Follower{
		opts: o, codec: newCodec(o.Tenant, o.Keyring, o.MAC), store: fingerprint([]byte(o.Store)), wake: make(chan struct{}, 1),
		made: o.Now(), born: -1, applied: -1, lost: true, sent: make(map[uint64]time.Time), peers: make(map[session]*peer),
		moved: make(chan struct{}), refused: make(map[string]int),
	}
	_, _ = rand.Read(f.session[:]) // it never fails
	var err error
	if f.metrics, err = newMetrics(o.Registerer, f); err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	return f, nil
}

func (o *Options) validate() error {
	var faults []error
	for _, need := range []struct {
		missing bool
		what    string
	}{
		{o.Log == nil, "no log"}, {o.MAC == nil, "no MAC"}, {o.Evictions == nil, "no evictions"}, {o.Tenant == "", "no tenant"},
		{o.Keyring == "", "no keyring id"}, {o.Instance == "", "no instance name"}, {len(o.Instance) > mostText, "an instance name above 255 bytes"},
		{o.Reads < 1, "a format of rows below 1"},
		{min(o.Beat, o.Stale, o.Merged, o.Live, o.Listen, o.Settle) < 0, "a negative duration"},
		{o.Beat > o.Stale/2, "beats rarer than twice within the time after which they are stale"},
	} {
		if need.missing {
			faults = append(faults, errors.New(need.what))
		}
	}
	return errors.Join(faults...)
}

func (o *Options) setDefaults() {
	for _, t := range []struct {
		p *time.Duration
		d time.Duration
	}{{&o.Beat, 500 * time.Millisecond}, {&o.Stale, 2 * time.Second}, {&o.Live, 3 * time.Second}, {&o.Settle, 25 * time.Second}} {
		if *t.p == 0 {
			*t.p = t.d
		}
	}
	if o.Listen == 0 {
		o.Listen = 2 * o.Beat
	}
	if o.Reads == 0 {
		o.Reads = 1
	}
	if o.Pending == nil {
		o.Pending = func() time.Time { return time.Time{} }
	}
	if o.Plan == nil {
		o.Plan = func() (none [32]byte) { return none }
	}
	if o.OnPlan == nil {
		o.OnPlan = func([32]byte) {}
	}
	if o.Registerer == nil {
		o.Registerer = prometheus.NewRegistry()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
}

// Run follows the log from its end and beats, until ctx ends; then it says goodbye and returns nil. Whatever this instance
// decides must have ended before. An error is of class event.ErrFatal: this instance may not go on.
func (f *Follower) Run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var side sync.WaitGroup
	side.Go(func() { f.watch(ctx) })
	side.Go(func() {
		if err := f.beats(ctx); err != nil {
			stop(err)
		}
	})
	err := f.follow(ctx)
	stop(err)
	side.Wait()
	if why := context.Cause(ctx); err == nil && errors.Is(why, event.ErrFatal) {
		err = why
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		f.gap()
		f.fatal = fmt.Errorf("control: %w", err)
		return f.fatal
	}
	f.lost, f.beat, f.placed = true, time.Time{}, time.Time{}
	return nil
}

// follow reads the log, again from its end after whatever goes wrong: all that is remembered is dropped then.
func (f *Follower) follow(ctx context.Context) error {
	pause, failed := 100*time.Millisecond, 0
	for {
		placed := false
		err := f.opts.Log.Follow(ctx, fromEnd, func(batch []event.Record, _ bool) error {
			if !placed {
				placed, pause = true, 100*time.Millisecond
				f.place()
			}
			if len(batch) > 0 {
				failed = 0
			}
			return f.take(batch)
		})
		if ctx.Err() != nil {
			return nil
		}
		f.mu.Lock()
		f.gap()
		f.mu.Unlock()
		if errors.Is(err, event.ErrFatal) {
			return err
		}
		if failed++; failed&(failed-1) == 0 { // the first, and then ever more rarely
			f.opts.Logger.Warn().Err(err).Msg("lost the control log; nothing is forwarded until it is back")
		}
		if wait(ctx, pause) != nil {
			return nil
		}
		pause = min(2*pause, time.Second)
	}
}

// watch finds out that beats have stopped coming back, also when nobody asks.
func (f *Follower) watch(ctx context.Context) {
	tick := time.NewTicker(f.opts.Stale / 20)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			f.mu.Lock()
			f.current(f.opts.Now())
			f.forgetPeers(f.opts.Now())
			f.mu.Unlock()
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
