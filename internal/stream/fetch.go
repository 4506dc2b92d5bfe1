// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"context"
	"sync"
	"time"
)

const (
	fetchWait = 250 * time.Millisecond // how long a broker may wait for records
	// partitionBytes is what one fetch asks for of one partition. Two fetches of every partition are in memory at a
	// time; more saved no CPU time. Where batches turn out to be larger, wideBytes are asked for: Kafka's default limit.
	partitionBytes  = 512 << 10
	wideBytes       = 1 << 20
	leastFetchBytes = 64 << 10
	readCommitted   = 1
	readUncommitted = 0
)

// cursor is a worker's place in one partition.
type cursor struct {
	tp
	id topicID

	// Guarded by fetcher.mu, shared with the fetching goroutines.
	leader leader
	fetch  int64     // what to ask for next
	wide   bool      // its batches are larger than partitionBytes
	turn   int       // changes when fetch is set back: what was asked for before is then of no use
	pause  time.Time // no fetching before
	halted bool      // no fetching until resumed

	// The worker's own.
	next      int64 // what to process next
	committed int64 // what the group knows; -1: nothing
	epoch     int32 // leader epoch of the last batch read; -1: none
	stable    int64 // last stable offset
	high      int64 // high watermark
	tries     int   // of fetching what cannot be read
	refusals  int   // of the broker, in a row
	reason    string
}

// fetcher asks every leader broker for its partitions, in one request each, and stays one response ahead of the worker.
type fetcher struct {
	cluster  *cluster
	cursors  []*cursor
	maxBytes int // of one response
	out      chan fetched

	mu      sync.Mutex
	wake    chan struct{} // closed and replaced when a cursor changes
	running map[broker]bool
	turn    int
	done    sync.WaitGroup
}

// fetched is one broker's answer to what was asked.
type fetched struct {
	response *fetchResponse
	asked    map[tp]asked
	err      error
}

type asked struct {
	offset int64
	turn   int
}

func (f *fetched) release() {
	if f.response == nil {
		return
	}
	for i := range f.response.Topics {
		for j := range f.response.Topics[i].Partitions {
			f.response.Topics[i].Partitions[j].records().release()
		}
	}
}

func newFetcher(c *cluster, cursors []*cursor, maxBytes int) *fetcher {
	return &fetcher{
		cluster: c, cursors: cursors, maxBytes: max(maxBytes, leastFetchBytes),
		out: make(chan fetched), wake: make(chan struct{}), running: make(map[broker]bool),
	}
}

// follow reads the leaders from the cluster's memory and starts what is missing to fetch from them.
func (f *fetcher) follow(ctx context.Context) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.cursors {
		if l, ok := f.cluster.leader(c.tp); ok {
			c.leader = l
		}
		if to := c.leader.broker; to >= 0 && !f.running[to] {
			f.running[to] = true
			f.done.Go(func() { f.run(ctx, to) })
		}
	}
	f.changed()
}

// rewind has c fetched from where the worker is, after a pause. What is on the way is dropped when it comes.
func (f *fetcher) rewind(c *cursor, pause time.Duration) {
	f.change(func() {
		c.turn++
		c.fetch, c.pause = c.next, time.Now().Add(pause)
	})
}

// expected tells whether got holds what comes next in c. If not, c is set back, unless that has been done.
// Leaders that change can make answers come in another order than they were asked for.
func (f *fetcher) expected(c *cursor, got *fetched) bool {
	a := got.asked[c.tp]
	if a.turn != c.turn {
		return false
	}
	if a.offset != c.next {
		f.rewind(c, 0)
		return false
	}
	return true
}

// change edits a cursor and lets the fetching goroutines see it.
func (f *fetcher) change(edit func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	edit()
	f.changed()
}

func (f *fetcher) changed() {
	close(f.wake)
	f.wake = make(chan struct{})
}

func (f *fetcher) run(ctx context.Context, to broker) {
	pause := backoff{next: 50 * time.Millisecond, longest: 2 * time.Second}
	for ctx.Err() == nil {
		req, what, wake := f.request(to)
		if req == nil {
			t := time.NewTimer(fetchWait)
			select {
			case <-ctx.Done():
			case <-wake:
			case <-t.C:
			}
			t.Stop()
			continue
		}
		got := fetched{asked: what}
		m, err := f.cluster.sendWithin(ctx, f.cluster.timeout+fetchWait, req)
		if err == nil {
			got.response = m.(*fetchResponse)
			got.response.name(req)
			err = refuse("fetch", "records", got.response.ErrorCode)
			f.advance(&got)
		}
		got.err = err
		select {
		case f.out <- got:
		case <-ctx.Done():
			got.release()
			return
		}
		if err == nil {
			pause.next = 50 * time.Millisecond
		} else if pause.wait(ctx) != nil {
			return
		}
	}
}

// name fills in the names of topics that the response knows by id only.
func (r *fetchResponse) name(req *fetchRequest) {
	for i := range r.Topics {
		t := &r.Topics[i]
		for j := range req.Topics {
			if t.Topic == "" && t.ID == req.Topics[j].ID {
				t.Topic = req.Topics[j].Topic
			}
		}
	}
}

// request names the partitions this broker leads, each time beginning with another one: a response is filled in
// the order of the request.
func (f *fetcher) request(to broker) (*fetchRequest, map[tp]asked, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	req := &fetchRequest{
		ReplicaID: -1, MaxWaitMillis: millis(fetchWait), MinBytes: 1, IsolationLevel: readCommitted, SessionEpoch: -1, broker: to,
	}
	now := time.Now()
	what := make(map[tp]asked)
	f.turn++
	for i := range f.cursors {
		c := f.cursors[(i+f.turn)%len(f.cursors)]
		if c.halted || c.leader.broker != to || now.Before(c.pause) {
			continue
		}
		if n := len(req.Topics); n == 0 || req.Topics[n-1].Topic != c.topic {
			req.Topics = append(req.Topics, fetchTopic{Topic: c.topic, ID: c.id})
		}
		t := &req.Topics[len(req.Topics)-1]
		size := partitionBytes
		if c.wide {
			size = wideBytes
		}
		t.Partitions = append(t.Partitions, fetchPartition{
			Partition: c.partition, LeaderEpoch: c.leader.epoch, Offset: c.fetch, FetchedEpoch: -1, LogStart: -1, MaxBytes: int32(min(size, f.maxBytes)),
		})
		what[c.tp] = asked{c.fetch, c.turn}
	}
	if len(what) == 0 {
		return nil, nil, f.wake
	}
	req.MaxBytes = int32(max(f.maxBytes/max(len(f.running), 1), leastFetchBytes))
	return req, what, nil
}

// advance moves the cursors past what was fetched, so that the next request can go out before this is processed.
func (f *fetcher) advance(got *fetched) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := make(map[tp]*cursor, len(f.cursors))
	for _, c := range f.cursors {
		at[c.tp] = c
	}
	for i := range got.response.Topics {
		t := &got.response.Topics[i]
		for j := range t.Partitions {
			p := &t.Partitions[j]
			c := at[tp{t.Topic, p.Partition}]
			if c == nil || p.ErrorCode != 0 {
				continue
			}
			if got.asked[c.tp] == (asked{c.fetch, c.turn}) {
				c.advance(p.records().bytes, p.LastStable)
			}
		}
	}
}

// advance moves the cursor past the whole batches in set. Of what is longer than was asked for, a broker gives nothing
// unless it is the first thing in its answer: nothing, where stable says there is more, means to ask for more.
func (c *cursor) advance(set []byte, stable int64) {
	before := c.fetch
	c.fetch = offsetAfter(set, before)
	if c.fetch > before {
		c.wide = len(set) > partitionBytes
	} else if stable > before {
		c.wide = true
	}
}
