// SPDX-License-Identifier: Apache-2.0

//go:build bench && linux

package scale

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nymstream/nymstream/internal/workload"
	"github.com/nymstream/nymstream/test/rig"
)

const (
	latencyPartitions = 12
	linger            = 5 * time.Millisecond // what the producer waits for a batch to fill; part of every latency
	longest           = 120 * time.Second    // a latency above it means that the work was not done
)

// way is one program at one load and one length of transactions.
type way struct {
	program string
	commit  time.Duration
	percent int // of capacity
	rounds  []passage
}

// passage is one measurement of a way.
type passage struct {
	latency *hdrhistogram.Histogram // microseconds
	rate    float64                 // events a second that were asked for
	cpu     float64                 // CPU-seconds a million events, of the program
	behind  time.Duration           // from the last event's time to when all had been read
}

func (p *passage) at(percentile float64) float64 {
	return float64(p.latency.ValueAtPercentile(percentile)) / 1000
}

// best is the lowest of all rounds: others only ever add to a latency.
func (w *way) best(percentile float64) float64 {
	low := w.rounds[0].at(percentile)
	for i := range w.rounds {
		low = min(low, w.rounds[i].at(percentile))
	}
	return low
}

// TestLatency measures from the time an event is due at its producer to the moment when a read_committed reader has it.
func TestLatency(t *testing.T) {
	seconds := time.Duration(setting(t, "LATENCY_SECONDS", 15)) * time.Second
	rounds := setting(t, "LATENCY_ROUNDS", 3)
	var commits []time.Duration
	for _, ms := range settings(t, "LATENCY_COMMITS", []int{20, 100}) {
		commits = append(commits, time.Duration(ms)*time.Millisecond)
	}
	var ways []*way
	for _, commit := range commits {
		for _, percent := range settings(t, "LATENCY_LOADS", []int{10, 50, 80}) {
			for _, name := range []string{"passthrough", "nymstream"} {
				ways = append(ways, &way{program: name, commit: commit, percent: percent})
			}
		}
	}
	l := newLatencies(t)
	capacity := map[time.Duration]float64{}
	for i, commit := range commits {
		var err error
		if capacity[commit], err = l.capacity(t.Context(), run(fmt.Sprintf("capacity-%d", i)), "nymstream", commit, seconds); err != nil {
			t.Fatalf("capacity: %v", err)
		}
		t.Logf("capacity at commits of %v: %.0f events/s", commit, capacity[commit])
	}
	for round := range rounds {
		for i := range ways {
			w := ways[(i+round)%len(ways)]
			p, err := l.passage(t.Context(), run(fmt.Sprintf("%d-%d", round, i)), w, capacity[w.commit]*float64(w.percent)/100, seconds)
			if err != nil {
				t.Fatalf("%s, %v, %d %%: %v", w.program, w.commit, w.percent, err)
			}
			t.Logf("round %d, %s, %v, %d %%: p50 %.1f ms, p99 %.1f ms, p99.9 %.1f ms", round+1, w.program, w.commit, w.percent, p.at(50), p.at(99), p.at(99.9))
			w.rounds = append(w.rounds, p)
		}
	}
	printed(t, latencyTable(l.course, ways, capacity, commits, seconds, rounds))
}

func latencyTable(c *course, ways []*way, capacity map[time.Duration]float64, commits []time.Duration, seconds time.Duration, rounds int) *Table {
	table := &Table{
		Title: "Latency from the producer to a read_committed reader",
		Notes: []string{
			fmt.Sprintf("Milliseconds from the time at which an event is due (open loop) to the moment when a reader of another client has it. Kafka %s with one broker; broker, program, producer (linger %v) and reader share %d CPUs; "+
				"%d partitions, events of 1.3 KB, %v each without its first fifth, %d rounds in turns.", c.cluster.Version, linger, runtime.NumCPU(), latencyPartitions, seconds, rounds),
			"Best round (median round). Both programs get the same events/s, a share of what nymstream carries here when the producer waits for it:",
		},
		Header: []string{"commits", "load", "events/s", "program", "p50", "p99", "p99.9", "p99 to passthrough", "CPU-s a million"},
	}
	for _, commit := range commits {
		table.Notes = append(table.Notes, fmt.Sprintf("%.0f events/s at commits of %v.", capacity[commit], commit))
	}
	var beside *way
	for _, w := range ways {
		if w.program == "passthrough" {
			beside = w
		}
		ratio := w.best(99) / beside.best(99)
		load := fmt.Sprintf("%d %%", w.percent)
		for _, p := range w.rounds {
			if p.behind > time.Second && !strings.HasSuffix(load, "behind") {
				load += ", fell behind"
			}
		}
		cell := func(percentile float64) string {
			var all []float64
			for i := range w.rounds {
				all = append(all, w.rounds[i].at(percentile))
			}
			slices.Sort(all)
			return figure(all[0]) + " (" + figure(all[(len(all)-1)/2]) + ")"
		}
		cpu := w.rounds[0].cpu
		for i := range w.rounds {
			cpu = min(cpu, w.rounds[i].cpu)
		}
		table.Row(w.commit, load, fmt.Sprintf("%.0f", w.rounds[0].rate), w.program, cell(50), cell(99), cell(99.9), ratio, cpu)
		if w.program == "nymstream" && w.commit == 20*time.Millisecond && w.percent == 50 {
			table.AtMost("p99 at half load and commits of 20 ms, to the pass-through's, best rounds", 1.3, ratio)
		}
	}
	return table
}

// latencies is a course with what is sent over it.
type latencies struct {
	*course
	passthrough string // binary
	events      []Stamped
	keys        [][]byte
}

func newLatencies(t *testing.T) *latencies {
	l := &latencies{course: newCourse(t)}
	root, err := rig.Root()
	if err != nil {
		t.Fatal(err)
	}
	l.passthrough = filepath.Join(t.TempDir(), "passthrough")
	build := exec.Command("go", "build", "-trimpath", "-o", l.passthrough, "./bench/scale/passthrough")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	g, err := workload.NewGenerator(seed, subjects)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 2 * subjects {
		key, value := g.Event(n)
		s, err := NewStamped(value)
		if err != nil {
			t.Fatal(err)
		}
		l.events, l.keys = append(l.events, s), append(l.keys, key)
	}
	return l
}

// transit is a program between a producer and a reader.
type transit struct {
	*latencies
	run      run
	program  *program
	producer *kgo.Client
	reader   *kgo.Client
	began    time.Time
	sent     int
	probes   atomic.Int64 // events without a stamp that were read
	read     atomic.Int64 // events with one
	from     time.Duration
	latency  *hdrhistogram.Histogram
	failed   chan error
}

func (l *latencies) start(ctx context.Context, r run, program string, commit time.Duration) (*transit, error) {
	if err := l.prepare(ctx, r, r.input(), latencyPartitions, Variant{}); err != nil {
		return nil, err
	}
	if err := rig.CreateTopics(ctx, l.cluster.Brokers, map[string]int32{r.input(): latencyPartitions}); err != nil {
		return nil, err
	}
	s := &transit{latencies: l, run: r, latency: hdrhistogram.New(1, longest.Microseconds(), 3), failed: make(chan error, 2)}
	var err error
	if program == "nymstream" {
		s.program, err = l.sanitize(r, string(r), fmt.Sprintf("commit_interval: %v\n", commit))
	} else {
		s.program, err = startProgram(filepath.Join(l.setup.Dir, string(r)+".log"), l.passthrough, "-brokers", strings.Join(l.cluster.Brokers, ","), "-group", r.group(),
			"-in", r.input(), "-out", r.output(), "-quarantine", r.quarantine(), "-commit", commit.String())
	}
	if err != nil {
		return nil, err
	}
	s.producer, err = kgo.NewClient(kgo.SeedBrokers(l.cluster.Brokers...), kgo.ProducerBatchCompression(kgo.SnappyCompression()), kgo.ProducerLinger(linger),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)), kgo.MaxBufferedRecords(1<<20))
	if err == nil {
		s.reader, err = kgo.NewClient(kgo.SeedBrokers(l.cluster.Brokers...), kgo.ConsumeTopics(r.output()), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	}
	if err != nil {
		return nil, errors.Join(err, s.program.stop())
	}
	return s, nil
}

// stop ends everything and throws the topics away.
func (s *transit) stop(ctx context.Context) error {
	s.producer.Close()
	s.reader.Close()
	_, err := s.admin.DeleteTopics(ctx, s.run.input(), s.run.output(), s.run.quarantine())
	return errors.Join(s.program.stop(), err)
}

// follow reads the output until ctx ends.
func (s *transit) follow(ctx context.Context) {
	for {
		fetches := s.reader.PollFetches(ctx)
		if ctx.Err() != nil {
			return
		}
		now := time.Since(s.began)
		var n int64
		fetches.EachRecord(func(r *kgo.Record) {
			due, err := Stamp(r.Value)
			switch {
			case err != nil:
				s.fail(err)
			case due == 0:
				s.probes.Add(1)
				return
			case due >= s.from:
				if err := s.latency.RecordValue((now - due).Microseconds()); err != nil {
					s.fail(err)
				}
			}
			n++
		})
		s.read.Add(n)
	}
}

func (s *transit) fail(err error) {
	select {
	case s.failed <- err:
	default: // the first is told already
	}
}

// send produces an event that is due at a time; it never waits.
func (s *transit) send(ctx context.Context, due time.Duration) {
	n := s.sent % len(s.events)
	s.sent++
	s.producer.Produce(ctx, &kgo.Record{Topic: s.run.input(), Key: s.keys[n], Value: s.events[n].With(due)}, func(_ *kgo.Record, err error) {
		if err != nil {
			s.fail(err)
		}
	})
}

// await waits for a condition.
func (s *transit) await(ctx context.Context, what string, done func() bool) error {
	for !done() {
		select {
		case err := <-s.failed:
			return err
		case <-ctx.Done():
			return fmt.Errorf("%s: %w; %d events sent, %d read", what, ctx.Err(), s.sent, s.read.Load())
		case <-time.After(2 * time.Millisecond):
		}
		if err := s.program.alive(); err != nil {
			return err
		}
	}
	return nil
}

// ready waits until probes come out at the other end.
func (s *transit) ready(ctx context.Context) error {
	if err := s.await(ctx, "join", func() bool { return s.joined(ctx, s.run.group(), 1, latencyPartitions) }); err != nil {
		return err
	}
	const probes = 2000
	for range probes {
		s.send(ctx, 0)
	}
	err := s.await(ctx, "probes", func() bool { return s.probes.Load() == probes })
	s.sent = 0
	return err
}

// passage paces events through a program and takes their times.
func (l *latencies) passage(ctx context.Context, r run, w *way, rate float64, seconds time.Duration) (_ passage, err error) {
	ctx, cancel := context.WithTimeout(ctx, seconds+2*longest)
	defer cancel()
	s, err := l.start(ctx, r, w.program, w.commit)
	if err != nil {
		return passage{}, err
	}
	reading, end := context.WithCancel(ctx)
	done := make(chan struct{})
	defer func() {
		end()
		<-done
		err = errors.Join(err, s.stop(ctx))
	}()
	s.began, s.from = time.Now(), seconds/5
	go func() {
		defer close(done)
		s.follow(reading)
	}()
	if err := s.ready(ctx); err != nil {
		return passage{}, err
	}
	// The reader's clock starts with the readiness of the program: what is due is counted from then on.
	offset := time.Since(s.began) + time.Millisecond
	s.from += offset
	cpu, pace, total := s.program.cpu(), Pace{rate}, int(rate*seconds.Seconds())
	for s.sent < total {
		for due := min(pace.Due(time.Since(s.began)-offset), total); s.sent < due; {
			s.send(ctx, offset+pace.At(s.sent))
		}
		time.Sleep(500 * time.Microsecond)
	}
	if err := s.await(ctx, "read all", func() bool { return s.read.Load() == int64(total) }); err != nil {
		return passage{}, err
	}
	return passage{
		latency: s.latency, rate: rate, cpu: (s.program.cpu() - cpu).Seconds() / float64(total) * 1e6,
		behind: time.Since(s.began) - offset - seconds,
	}, nil
}

// ahead is how many events the producer may be ahead of the reader while the capacity is measured.
const ahead = 40_000

// capacity gives the events a second that the whole line carries when the producer waits for the reader.
func (l *latencies) capacity(ctx context.Context, r run, program string, commit, seconds time.Duration) (_ float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, seconds+longest)
	defer cancel()
	s, err := l.start(ctx, r, program, commit)
	if err != nil {
		return 0, err
	}
	reading, end := context.WithCancel(ctx)
	done := make(chan struct{})
	defer func() {
		end()
		<-done
		err = errors.Join(err, s.stop(ctx))
	}()
	s.began = time.Now()
	go func() {
		defer close(done)
		s.follow(reading)
	}()
	if err := s.ready(ctx); err != nil {
		return 0, err
	}
	began, counted, at := time.Now(), int64(0), time.Time{}
	for time.Since(began) < seconds {
		if at.IsZero() && time.Since(began) > seconds/3 {
			counted, at = s.read.Load(), time.Now()
		}
		for int64(s.sent)-s.read.Load() < ahead && time.Since(began) < seconds {
			s.send(ctx, time.Since(s.began))
		}
		time.Sleep(200 * time.Microsecond)
	}
	rate := float64(s.read.Load()-counted) / time.Since(at).Seconds()
	return rate, s.await(ctx, "read all", func() bool { return s.read.Load() == int64(s.sent) })
}
