// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nymstream/nymstream/internal/event"
)

// Keys of log events.
const (
	logTopic      = "topic"
	logPartition  = "partition"
	logOffset     = "offset"
	logReason     = "reason"
	logWorker     = "worker"
	logGeneration = "generation"
	logPartitions = "partitions"
	logGroup      = "group"
	logForeign    = "records"
)

var errNotAssigned = errors.New("the partition is not assigned to this instance")

// Stream moves records from the sources to the recipients. New starts nothing; Run does all the work.
type Stream struct {
	opts    Options
	cluster *cluster
	member  *member
	metrics *metrics
	status  *board
	workers []*worker
	open    []atomic.Int64              // by worker: when its transaction was opened, Unix nanoseconds; 0: none
	decided []atomic.Pointer[time.Time] // by worker: before its oldest uncommitted decision; nil: none

	mu         sync.Mutex
	outputs    []*outputTopic // by recipient
	quarantine *outputTopic
	owners     map[tp]*worker
}

// New makes a stream whose workers decide with what newProcessor gives them, one for each.
func New(o Options, newProcessor func(worker int) (Processor, error)) (*Stream, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("stream: %w", err)
	}
	o.setDefaults()
	s := &Stream{opts: o, cluster: connect(o.Connection), status: newBoard(&o), owners: make(map[tp]*worker), open: make([]atomic.Int64, o.Workers), decided: make([]atomic.Pointer[time.Time], o.Workers)}
	s.opts.Logger = o.Logger.With().Str(logGroup, o.Group).Logger()
	s.member = &member{cluster: s.cluster, opts: &s.opts}
	var err error
	if s.metrics, err = newMetrics(o.Registerer, o.Recipients, s.openAge); err != nil {
		return nil, fmt.Errorf("stream: %w", err)
	}
	s.status.changed = func(stopped int) { s.metrics.stopped.Set(float64(stopped)) }
	for n := range o.Workers {
		proc, err := newProcessor(n)
		if err != nil {
			return nil, err
		}
		s.workers = append(s.workers, &worker{
			s: s, n: n, proc: proc, mail: make(chan resumption),
			log: s.opts.Logger.With().Int(logWorker, n).Logger(),
			dec: decoder{limit: o.MaxBatchBytes},
			out: newOutbox(&s.opts, proc.Seal),
			txn: &producer{
				cluster: s.cluster, id: fmt.Sprintf("%s-%s-%d", o.Group, o.Instance, n), timeout: o.TransactionTimeout,
				codec: o.Codec, hold: o.Hold, fresh: fresh(o.Control), opened: func(at time.Time) { s.mark(n, at) },
			},
		})
	}
	return s, nil
}

// Run works until ctx ends, then finishes what is in hand, commits, leaves the group and returns nil: at most
// DrainTimeout later, unless the processor itself does not return. An error is final: the process should exit.
func (s *Stream) Run(ctx context.Context) error {
	hard, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(s.opts.DrainTimeout, cancel) })
	defer stop()
	defer s.cluster.close()
	defer s.status.end()

	if s.opts.UnstableOffsets {
		s.opts.Logger.Warn().Msg("offsets of open transactions are read: exactly-once is off")
	}
	err := s.prepare(ctx)
	for err == nil && ctx.Err() == nil {
		err = s.generation(ctx, hard)
	}
	if ctx.Err() != nil && !hopeless(err) {
		err = nil
	}
	leaving, cancelLeave := context.WithTimeout(hard, 5*time.Second)
	defer cancelLeave()
	if left := s.member.leave(leaving); left != nil {
		s.opts.Logger.Warn().Err(left).Msg("could not leave the group; its session will time out")
	}
	if err != nil {
		return fmt.Errorf("stream: %w", err)
	}
	return nil
}

// Close ends the connections of a stream that was checked and never run. Run closes its own.
func (s *Stream) Close() { s.cluster.close() }

// prepare reads the topics and takes over the transactional ids, ending what a process before this one left open.
func (s *Stream) prepare(ctx context.Context) error {
	pause := backoff{next: 100 * time.Millisecond, longest: 5 * time.Second}
	for {
		err := s.readTargets(ctx)
		for _, w := range s.workers {
			if err == nil {
				err = w.recover(ctx)
			}
		}
		if err == nil || hopeless(err) {
			return err
		}
		s.opts.Logger.Warn().Err(err).Msg("could not start yet")
		if err := pause.wait(ctx); err != nil {
			return err
		}
	}
}

// generation joins the group and works until the group changes. Its error is final.
func (s *Stream) generation(ctx, hard context.Context) error {
	g, err := s.member.join(ctx)
	if err != nil {
		if ctx.Err() != nil || hopeless(err) {
			return err
		}
		s.opts.Logger.Warn().Err(err).Msg("could not join the group")
		_ = (&backoff{next: time.Second}).wait(ctx)
		return nil
	}
	s.metrics.generations.Inc()
	s.metrics.assigned.Set(float64(len(g.assigned)))
	s.status.begin(g)
	s.opts.Logger.Info().Int32(logGeneration, g.id).Int(logPartitions, len(g.assigned)).Msg("joined a group generation")
	defer s.disown()

	working, over := context.WithCancelCause(ctx)
	defer over(nil)
	beating, stopBeating := context.WithCancel(hard)
	var side sync.WaitGroup
	side.Go(func() { s.member.beat(beating, g, s.status.alive, func(why error) { over(why) }) })
	side.Go(func() {
		if err := s.watch(working, g); err != nil {
			over(err)
		}
	})
	err = s.work(working, over, hard, g)
	over(nil)
	stopBeating()
	side.Wait()
	why := context.Cause(working)
	if err == nil && (errors.Is(why, event.ErrFatal) || isCode(why, codeFencedInstance)) {
		err = why
	}
	if isCode(err, codeFencedInstance) {
		err = fmt.Errorf("%w: %w", ErrFenced, err)
	}
	if err == nil && ctx.Err() == nil {
		s.opts.Logger.Info().Int32(logGeneration, g.id).AnErr(logReason, why).Msg("ended a group generation")
	}
	return err
}

// work deals the assigned partitions out to the workers and waits for all of them.
func (s *Stream) work(working context.Context, over context.CancelCauseFunc, hard context.Context, g *generation) error {
	errs := make(chan error, len(s.workers))
	running := 0
	for n, w := range s.workers {
		var share []tp
		for i, p := range g.assigned {
			if i%len(s.workers) == n {
				share = append(share, p)
			}
		}
		if len(share) == 0 {
			continue
		}
		running++
		go func() { errs <- w.run(working, hard, g, share) }()
	}
	if running == 0 {
		<-working.Done()
		return nil
	}
	var first error
	for range running {
		err := s.await(hard, errs)
		if err != nil {
			over(err)
		}
		if hopeless(err) || errors.Is(err, errDrained) {
			first = errors.Join(first, err)
		}
		if errors.Is(err, errDrained) {
			return first
		}
	}
	return first
}

var errDrained = fmt.Errorf("a processor did not return within the drain timeout: %w", event.ErrFatal)

// await waits for the next worker. Once hard has ended a worker returns at once, unless its processor hangs.
func (s *Stream) await(hard context.Context, errs <-chan error) error {
	select {
	case err := <-errs:
		return err
	case <-hard.Done():
	}
	grace := time.NewTimer(2 * time.Second)
	defer grace.Stop()
	select {
	case err := <-errs:
		return err
	case <-grace.C:
		return errDrained
	}
}

// watch refreshes what is known of the outputs and ends the generation when a source has got new partitions.
func (s *Stream) watch(ctx context.Context, g *generation) error {
	tick := time.NewTicker(s.opts.WatchInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := s.readTargets(ctx); err != nil && ctx.Err() == nil {
			if hopeless(err) {
				return err
			}
			s.opts.Logger.Warn().Err(err).Msg("could not read the output topics")
		}
		states, err := s.cluster.refresh(ctx, s.opts.topics()...)
		if err != nil {
			continue
		}
		for topic, before := range g.counted {
			if n := len(states[topic].partitions); n > before {
				return fmt.Errorf("%w: topic %s has %d partitions instead of %d", errGeneration, topic, n, before)
			}
		}
	}
}

// readTargets learns partitions and limits of the topics that are written to.
func (s *Stream) readTargets(ctx context.Context) error {
	names := s.opts.outputTopics()
	states, err := s.cluster.refresh(ctx, append(names, s.opts.topics()...)...)
	if err != nil {
		return err
	}
	limits, err := s.cluster.topicConfigs(ctx, names)
	if err != nil {
		s.opts.Logger.Debug().Err(err).Msg("could not read topic configurations; assumed Kafka's defaults")
	}
	targets := make([]*outputTopic, len(names))
	for i, name := range names {
		if err := states[name].missing(); err != nil {
			return err
		}
		targets[i] = newOutputTopic(name, len(states[name].partitions), limits[name].maxMessage())
	}
	if err := s.fits(states); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, before := range s.allTargets() {
		if !limits[before.name].read { // what refusals have taught stays
			targets[i].maxMessage, targets[i].full = min(targets[i].maxMessage, before.maxMessage), min(targets[i].full, before.full)
		}
	}
	s.outputs, s.quarantine = targets[:len(targets)-1], targets[len(targets)-1]
	return nil
}

// fits refuses an output partitioned by source that has fewer partitions than a source.
func (s *Stream) fits(states map[string]topicState) error {
	for _, r := range s.opts.Recipients {
		if !r.PartitionBySource {
			continue
		}
		for _, topic := range s.opts.topics() {
			if len(r.Sources) > 0 && !slices.Contains(r.Sources, topic) {
				continue
			}
			if have, need := len(states[r.Topic].partitions), len(states[topic].partitions); have < need {
				return fmt.Errorf("topic %s of recipient %s is partitioned by source and has %d partitions, source %s has %d; add partitions to it: %w",
					r.Topic, r.Name, have, topic, need, event.ErrFatal)
			}
		}
	}
	return nil
}

func (s *Stream) targets() ([]*outputTopic, *outputTopic) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.outputs, s.quarantine
}

// allTargets gives the recipients' topics and the quarantine, in the order of outputTopics; none before the first
// readTargets. It needs the lock.
func (s *Stream) allTargets() []*outputTopic {
	if s.quarantine == nil {
		return nil
	}
	return append(s.outputs[:len(s.outputs):len(s.outputs)], s.quarantine)
}

// shrink makes batches for a topic smaller after it has refused one: its limit was lowered, or could not be read.
func (s *Stream) shrink(ctx context.Context, refused *oversized) {
	if err := s.readTargets(ctx); err != nil {
		s.opts.Logger.Warn().Err(err).Msg("could not read the output topics")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.allTargets()
	for i, t := range all {
		if t.name != refused.topic || t.maxMessage < refused.size {
			continue
		}
		smaller := *t
		if refused.count > 1 {
			smaller.full = min(t.full, refused.size) / 2
		} else {
			smaller.maxMessage = refused.size - 1
		}
		all[i] = &smaller
	}
	s.outputs, s.quarantine = all[:len(all)-1], all[len(all)-1]
}

func (s *Stream) own(w *worker, cursors []*cursor) {
	s.mu.Lock()
	for _, c := range cursors {
		s.owners[c.tp] = w
	}
	s.mu.Unlock()
	for _, c := range cursors {
		s.status.moved(c)
	}
}

func (s *Stream) disown() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := range s.owners {
		s.metrics.unassign(p)
	}
	clear(s.owners)
	s.metrics.assigned.Set(0)
	s.status.pause()
}

// Resume lets a stopped partition go on at an offset. It waits until a worker has taken it up.
func (s *Stream) Resume(ctx context.Context, topic string, partition int32, at int64) error {
	r := resumption{tp: tp{topic, partition}, at: at, done: make(chan error, 1)}
	s.mu.Lock()
	w := s.owners[r.tp]
	s.mu.Unlock()
	if w == nil {
		return fmt.Errorf("resume %s: %w", r.tp, errNotAssigned)
	}
	select {
	case w.mail <- r:
		return <-r.done
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Stream) mark(n int, at time.Time) {
	if at.IsZero() {
		s.open[n].Store(0)
		return
	}
	s.open[n].Store(at.UnixNano())
}

// OldestDecision tells when the oldest decision was made that is neither committed nor known to be given up; zero: there
// is none. What is decided after the call can be no older.
func (s *Stream) OldestDecision() time.Time {
	var oldest time.Time
	for i := range s.decided {
		if at := s.decided[i].Load(); at != nil && (oldest.IsZero() || at.Before(oldest)) {
			oldest = *at
		}
	}
	return oldest
}

// openAge gives the age of the oldest open transaction, seconds.
func (s *Stream) openAge() float64 {
	oldest := 0.0
	for i := range s.open {
		if at := s.open[i].Load(); at != 0 {
			oldest = max(oldest, time.Since(time.Unix(0, at)).Seconds())
		}
	}
	return oldest
}
