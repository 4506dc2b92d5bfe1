// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/pipeline"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/rewrite"
	"github.com/nymstream/nymstream/internal/workload"
)

// BenchOptions say what is measured, and for how long.
type BenchOptions struct {
	Plan          *policy.Plan // nil: the built-in policy, with generated events
	Source        string
	Recipient     string // "": all of the source
	In            io.Reader
	AssumeConsent bool

	Size     string // of generated events: 1k, 3k, 10k; default 1k
	Duration time.Duration
	Cores    int              // goroutines, each with a worker and events of its own; default 1
	Now      func() time.Time // the processing time, and the clock on the wall
	Limits   rewrite.Options

	// Progress, when set, is told after every round how much of the duration is over.
	Progress func(elapsed time.Duration)
}

func (o *BenchOptions) validate() error {
	if o.Cores == 0 {
		o.Cores = 1
	}
	if o.Size == "" {
		o.Size = string(workload.Size1K)
	}
	if most := runtime.GOMAXPROCS(0); o.Cores < 1 || o.Cores > most {
		return fmt.Errorf("%d cores cannot be measured: this process may use 1 to %d", o.Cores, most)
	}
	if o.Duration <= 0 {
		return fmt.Errorf("a duration of %s measures nothing", o.Duration)
	}
	return nil
}

const (
	benchBytes  = 8 << 20 // of events that are held for each core: more than caches hold, little beside a machine's memory
	benchEvents = 1 << 18 // at most, however small they are
	benchBatch  = 256
	benchPeople = 10_000
	// benchRound is of rewriting, and rounded up to whole passes over the events. A system may tell CPU time
	// in steps of some milliseconds: they should not show.
	benchRound  = 100 * time.Millisecond
	benchRounds = 3 // at least
)

// BenchReport is what was measured. Its JSON names carry the units; nothing in it comes from an event's content.
type BenchReport struct {
	Workload   string `json:"workload"`
	Go         string `json:"go"`
	Platform   string `json:"platform"`
	Cores      int    `json:"cores"`
	Recipients int    `json:"recipients"`
	Rounds     int    `json:"rounds"`
	Clock      string `json:"clock"` // cpu, or wall where the system does not tell CPU time

	// One pass over the events, whatever number of rounds and cores.
	Events   int    `json:"events"`
	Partial  bool   `json:"partial"` // the input held more than is measured with
	BytesIn  int64  `json:"bytes_in"`
	BytesOut int64  `json:"bytes_out"`
	Outcomes Counts `json:"outcomes"` // for each recipient

	Best   BenchFigures `json:"best"`
	Median BenchFigures `json:"median"`

	// Allocations include those for people whose keys had left the worker's cache.
	Allocations float64 `json:"allocations_per_event"`
	HeldBytes   int64   `json:"events_held_bytes"`
	PeakBytes   int64   `json:"peak_resident_bytes"` // of the whole process, the events it holds included; 0: not known
}

// BenchFigures are of one core, but for WallEventsPerSecond.
type BenchFigures struct {
	Nanoseconds         float64 `json:"ns_per_event"`
	EventsPerSecond     float64 `json:"events_per_second_per_core"`
	SecondsPerMillion   float64 `json:"seconds_per_million"`
	MegabytesPerSecond  float64 `json:"mb_in_per_second_per_core"` // 10⁶ bytes
	YardstickNs         float64 `json:"yardstick_ns_per_event"`    // encoding/json.Valid of the same bytes, on as many cores
	Ratio               float64 `json:"ratio_to_yardstick"`
	WallEventsPerSecond float64 `json:"wall_events_per_second"` // of all cores together, by the clock on the wall
}

// Bench takes events through the pipeline as the service does, without Kafka around it, and the yardstick in turn with it:
// a machine that is slow just now is slow for both. Quarantined records are counted, not sealed.
func Bench(ctx context.Context, o BenchOptions) (*BenchReport, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	r := &BenchReport{Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Cores: o.Cores, Clock: "cpu"}
	lanes, err := prepareBench(&o, r)
	if err != nil {
		return nil, err
	}
	if _, ok := cpuTime(); !ok {
		r.Clock = "wall"
	}
	b := &bench{options: &o, lanes: lanes}
	passes, err := b.warmUp(r)
	if err != nil {
		return nil, err
	}
	for began := o.Now(); ctx.Err() == nil && (len(b.rounds) < benchRounds || o.Now().Sub(began) < o.Duration); {
		if err := b.round(passes, r.Events); err != nil {
			return nil, err
		}
		if o.Progress != nil {
			o.Progress(o.Now().Sub(began))
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b.sum(r)
	return r, nil
}

// prepareBench reads or generates the events, and gives every core its own copy of them and a worker.
func prepareBench(o *BenchOptions, r *BenchReport) ([]*lane, error) {
	var records []event.Record
	var err error
	builtin := o.Plan == nil
	if builtin {
		r.Workload = "built-in " + o.Size
		if o.Plan, records, err = builtinBench(o.Size); err != nil {
			return nil, err
		}
		o.Source = o.Plan.Sources[0].Name
	}
	source, err := findSource(o.Plan, o.Source)
	if err != nil {
		return nil, err
	}
	recipients, err := benchRecipients(o, source)
	if err != nil {
		return nil, err
	}
	if !builtin {
		r.Workload = "source " + o.Source
		if records, r.Partial, err = readBench(o, source); err != nil {
			return nil, err
		}
	}
	keys, _, err := OpenKeys(o.Plan, "", "")
	if err != nil {
		return nil, err
	}
	p, err := pipeline.New(o.Plan, keys, pipeline.Options{AssumeConsent: o.AssumeConsent, Now: o.Now, Limits: o.Limits})
	if err != nil {
		return nil, err
	}
	r.Events, r.Recipients = len(records), len(recipients)
	for i := range records {
		r.BytesIn += int64(len(records[i].Value))
	}
	lanes := []*lane{{worker: p.For(recipients), records: records}}
	for len(lanes) < o.Cores {
		lanes = append(lanes, &lane{worker: p.For(recipients), records: copyRecords(records)})
	}
	r.HeldBytes = r.BytesIn * int64(len(lanes))
	return lanes, nil
}

func builtinBench(size string) (*policy.Plan, []event.Record, error) {
	text, packs := workload.Builtin()
	plan, err := policy.LoadBytes("policy.yaml", []byte(text), packs, ".")
	if err != nil {
		return nil, nil, err
	}
	g, err := workload.NewSized(workload.Size(size), 1, benchPeople)
	if err != nil {
		return nil, nil, err
	}
	var records []event.Record
	for bytes := 0; bytes < benchBytes; {
		key, value := g.Event(len(records))
		records = append(records, event.Record{Topic: workload.Topic, Offset: int64(len(records)), Time: -1, Key: key, Value: value})
		bytes += len(value)
	}
	return plan, records, nil
}

// benchRecipients gives the recipient that was named, or all that the source has.
func benchRecipients(o *BenchOptions, source int) ([]int, error) {
	if o.Recipient != "" {
		recipient, err := findRecipient(o.Plan, o.Recipient)
		if err != nil {
			return nil, err
		}
		if !joined(o.Plan, source, recipient) {
			return nil, fmt.Errorf("recipient %s gets nothing from source %s: its from: does not name it", o.Recipient, o.Source)
		}
		return []int{recipient}, nil
	}
	var all []int
	for i := range o.Plan.Recipients {
		if joined(o.Plan, source, i) {
			all = append(all, i)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no recipient gets anything from source %s", o.Source)
	}
	return all, nil
}

// readBench reads JSON Lines up to what is held. Empty lines are skipped.
func readBench(o *BenchOptions, source int) (records []event.Record, partial bool, err error) {
	if o.Limits.MaxBytes == 0 {
		o.Limits.MaxBytes = 10 << 20
	}
	lines := newLineReader(o.In, o.Limits.MaxBytes)
	for size := 0; size < benchBytes && len(records) < benchEvents; {
		text, err := lines.next()
		if errors.Is(err, io.EOF) {
			if len(records) == 0 {
				return nil, false, errors.New("the input holds no event")
			}
			return records, false, nil
		}
		if err != nil {
			return nil, false, fmt.Errorf("read input: %w", err)
		}
		if len(text) == 0 {
			continue
		}
		size += len(text)
		records = append(records, event.Record{Topic: o.Plan.Sources[source].Topics[0], Offset: int64(len(records)), Time: -1, Value: bytes.Clone(text)})
	}
	_, err = lines.next()
	return records, err == nil, nil
}

func copyRecords(records []event.Record) []event.Record {
	own := slices.Clone(records)
	for i := range own {
		own[i].Key, own[i].Value = bytes.Clone(own[i].Key), bytes.Clone(own[i].Value)
	}
	return own
}

// lane is what one core works on.
type lane struct {
	worker  *pipeline.Worker
	records []event.Record
	sink    tallySink
	err     error
}

func (l *lane) rewrite(passes int) {
	for range passes {
		for batch := range slices.Chunk(l.records, benchBatch) {
			if err := l.worker.Process(batch, &l.sink); err != nil {
				l.err = err
				return
			}
		}
	}
}

// check is the yardstick. What is no JSON counts as well: it is what it costs to find out.
func (l *lane) check(passes int) {
	for range passes {
		for i := range l.records {
			if json.Valid(l.records[i].Value) {
				l.sink.valid++
			}
		}
	}
}

// tallySink counts outcomes by reason, without a map on the way.
type tallySink struct {
	forwarded, bytes, valid int64
	others                  [256]int64 // by event.Reason, which is a byte
}

func (s *tallySink) Forward(_ int, _ *event.Record, out *event.Output) error {
	s.forwarded++
	s.bytes += int64(len(out.Value))
	return nil
}

func (s *tallySink) Withhold(_ int, _ *event.Record, reason event.Reason) error {
	s.others[reason]++
	return nil
}

func (s *tallySink) Quarantine(q *event.Quarantined) error {
	s.others[q.Reason] += int64(len(q.Recipients))
	return nil
}

func (s *tallySink) counts(in int) Counts {
	c := Counts{In: int64(in), Forwarded: s.forwarded, Withheld: map[string]int64{}, Quarantined: map[string]int64{}}
	for _, reason := range event.Reasons() {
		switch n := s.others[reason]; {
		case n == 0:
		case reason.Quarantines():
			c.Quarantined[reason.String()] = n
		default:
			c.Withheld[reason.String()] = n
		}
	}
	return c
}

// bench is one measurement.
type bench struct {
	options     *BenchOptions
	lanes       []*lane
	rounds      []benchTaken
	allocations uint64
	rewritten   int // events, on all cores
}

// benchTaken is one round, for one event on one core.
type benchTaken struct{ rewrite, check, wall float64 }

// warmUp takes one pass: it grows buffers and caches, counts outcomes, and tells how many passes a round needs.
func (b *bench) warmUp(r *BenchReport) (passes int, err error) {
	cpu, _ := b.spent(func(l *lane) { l.rewrite(1) })
	if err := b.failed(); err != nil {
		return 0, err
	}
	first := &b.lanes[0].sink
	r.Outcomes, r.BytesOut = first.counts(r.Events), first.bytes
	return 1 + int(benchRound/max(cpu/time.Duration(len(b.lanes)), time.Microsecond)), nil
}

func (b *bench) round(passes, events int) error {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	rewrite, wall := b.spent(func(l *lane) { l.rewrite(passes) })
	runtime.ReadMemStats(&after)
	check, _ := b.spent(func(l *lane) { l.check(passes) })
	all := passes * events * len(b.lanes)
	b.allocations += after.Mallocs - before.Mallocs
	b.rewritten += all
	b.rounds = append(b.rounds, benchTaken{perEvent(rewrite, all), perEvent(check, all), perEvent(wall, all)})
	return b.failed()
}

func perEvent(d time.Duration, events int) float64 {
	return max(float64(d.Nanoseconds()), 1) / float64(events)
}

func (b *bench) failed() error {
	var all []error
	for _, l := range b.lanes {
		all = append(all, l.err)
	}
	return errors.Join(all...)
}

// spent runs fn for every core at once. It gives the CPU time of the process, all cores together, and the time on the wall.
// Where there is no CPU time, that on the wall stands for every core's.
func (b *bench) spent(fn func(*lane)) (cpu, wall time.Duration) {
	var group sync.WaitGroup
	before, ok := cpuTime()
	began := b.options.Now()
	for _, l := range b.lanes {
		group.Go(func() { fn(l) })
	}
	group.Wait()
	wall = b.options.Now().Sub(began)
	after, _ := cpuTime()
	if !ok {
		return wall * time.Duration(len(b.lanes)), wall
	}
	return after - before, wall
}

// sum turns the rounds into figures.
func (b *bench) sum(r *BenchReport) {
	r.Rounds = len(b.rounds)
	size := float64(r.BytesIn) / float64(r.Events)
	sorted := func(figure func(benchTaken) float64) []float64 {
		all := make([]float64, 0, len(b.rounds))
		for _, taken := range b.rounds {
			all = append(all, figure(taken))
		}
		slices.Sort(all)
		return all
	}
	rewrite := sorted(func(t benchTaken) float64 { return t.rewrite })
	check := sorted(func(t benchTaken) float64 { return t.check })
	wall := sorted(func(t benchTaken) float64 { return t.wall })
	ratio := sorted(func(t benchTaken) float64 { return t.rewrite / t.check })
	middle := (r.Rounds - 1) / 2
	r.Best = benchFigures(rewrite[0], check[0], wall[0], rewrite[0]/check[0], size)
	r.Median = benchFigures(rewrite[middle], check[middle], wall[middle], ratio[middle], size)
	r.Allocations = float64(b.allocations) / float64(b.rewritten)
	r.PeakBytes = peakMemory()
}

func benchFigures(rewrite, check, wall, ratio, size float64) BenchFigures {
	return BenchFigures{
		Nanoseconds: rewrite, EventsPerSecond: 1e9 / rewrite, SecondsPerMillion: rewrite / 1e3, MegabytesPerSecond: size / rewrite * 1e3,
		YardstickNs: check, Ratio: ratio, WallEventsPerSecond: 1e9 / wall,
	}
}
