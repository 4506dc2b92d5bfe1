// SPDX-License-Identifier: Apache-2.0

//go:build bench && linux

package scale

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nymstream/nymstream/internal/workload"
	"github.com/nymstream/nymstream/test/rig"
)

// fleetPartitions is how many partitions the instances share.
const fleetPartitions = 32

// fleet is a number of instances, and those that come when a third of the work is done.
type fleet struct {
	first, late int
	codec       string // of the output; "": the default
	text        string // the rule for texts; "": they are sealed
	shown       string // its name in the table
	runs        []fleetRun
}

func (f *fleet) name() string {
	if f.shown != "" {
		return f.shown
	}
	if f.codec != "" {
		return f.codec
	}
	if f.late > 0 {
		return fmt.Sprintf("%d, later %d", f.first, f.first+f.late)
	}
	return fmt.Sprint(f.first)
}

type fleetRun struct {
	cpu, steady   float64 // CPU-seconds a million events, of all instances
	broker        float64
	wall          time.Duration
	join          time.Duration // from the start of the last instances until all read their share
	pause         time.Duration // longest time without a commit after the first
	peak, sum     int64         // resident bytes: of the largest instance, of all
	records, odds int           // in the output; in quarantine
	values        int64         // bytes of the output's values
	stored        int64         // bytes of the output on the broker's disk
	digest        uint64        // of all event ids in the output, whatever their order
}

// TestScaleInstances: instances share the work of a group and nothing else.
func TestScaleInstances(t *testing.T) {
	events := setting(t, "SCALE_KAFKA_EVENTS", 500_000)
	rounds := setting(t, "SCALE_KAFKA_ROUNDS", 3)
	var fleets []*fleet
	for _, n := range settings(t, "SCALE_INSTANCES", []int{1, 2, 4, 8}) {
		fleets = append(fleets, &fleet{first: n})
	}
	fleets = append(fleets, &fleet{first: 4, late: 1})
	c := newCourse(t)
	c.fill(t, run("instances").input(), events)
	c.race(t, fleets, run("instances").input(), events, rounds)
	printed(t, fleetTable(c, fleets, events, rounds))
}

// fill writes events as producers do, keyed by who acts.
func (c *course) fill(t *testing.T, input string, events int) {
	t.Helper()
	if err := rig.CreateTopics(t.Context(), c.cluster.Brokers, map[string]int32{input: fleetPartitions}); err != nil {
		t.Fatal(err)
	}
	g, err := workload.NewGenerator(seed, subjects)
	if err != nil {
		t.Fatal(err)
	}
	first := kgo.AbortingFirstErrPromise(c.client)
	for n := range events {
		key, value := g.Event(n)
		c.client.Produce(t.Context(), &kgo.Record{Topic: input, Key: key, Value: value}, first.Promise())
	}
	if err := errors.Join(c.client.Flush(t.Context()), first.Err()); err != nil {
		t.Fatal(err)
	}
}

// race lets every fleet read the input in every round, each time another one first, and fails unless all outputs hold the same events.
func (c *course) race(t *testing.T, fleets []*fleet, input string, events, rounds int) {
	t.Helper()
	hash, digest := maphash.MakeSeed(), uint64(0)
	for round := range rounds {
		for i := range fleets {
			i := (i + round) % len(fleets)
			f := fleets[i]
			r, err := c.fleet(t.Context(), f, run(fmt.Sprintf("%d-%d-%s-%d-%d", f.first, f.late, cmp.Or(f.codec, "default"), i, round)), input, events, hash)
			if err != nil {
				t.Fatalf("%s: %v", f.name(), err)
			}
			if r.records != events || r.odds != 0 {
				t.Fatalf("%s: want %d records and none in quarantine, got %d and %d", f.name(), events, r.records, r.odds)
			}
			if digest == 0 {
				digest = r.digest
			}
			if r.digest != digest {
				t.Fatalf("%s: the event ids in the output differ from those of the first run", f.name())
			}
			t.Logf("round %d, %s: %.2f CPU-s a million, %v", round+1, f.name(), r.cpu, r.wall)
			f.runs = append(f.runs, r)
		}
	}
}

// TestScaleCodecs: what the output's codec costs, and what it saves on the network and on disk.
func TestScaleCodecs(t *testing.T) {
	events, rounds := setting(t, "SCALE_KAFKA_EVENTS", 500_000), setting(t, "SCALE_KAFKA_ROUNDS", 3)
	c, input := newCourse(t), run("codecs").input()
	c.fill(t, input, events)
	var fleets []*fleet
	for _, codec := range []string{"none", "snappy", "lz4", "zstd"} {
		fleets = append(fleets, &fleet{first: 1, codec: codec})
	}
	c.race(t, fleets, input, events, rounds)
	in, err := c.stored(t.Context(), input)
	if err != nil {
		t.Fatal(err)
	}
	table := &Table{
		Title: "Codecs of the output",
		Notes: []string{fmt.Sprintf("One instance with one worker, %d events of 1.3 KB over %d partitions; the input is snappy in batches of up to 64 KiB and takes %.0f bytes an event on disk. CPU: best of %d rounds.",
			events, fleetPartitions, float64(in)/float64(events), rounds)},
		Header: []string{"output.compression", "CPU-s a million", "ratio to snappy", "broker CPU-s a million", "value bytes an event", "bytes an event on disk and network", "of the values"},
	}
	cpu := func(r *fleetRun) float64 { return r.cpu }
	for _, f := range fleets {
		r := f.runs[0]
		table.Row(f.name(), best(f, cpu), best(f, cpu)/best(fleets[1], cpu), best(f, func(r *fleetRun) float64 { return r.broker }),
			float64(r.values)/float64(events), float64(r.stored)/float64(events), float64(r.stored)/float64(r.values))
	}
	printed(t, table)
}

func best[T cmp.Ordered](f *fleet, of func(*fleetRun) T) T {
	r := slices.MinFunc(f.runs, func(a, b fleetRun) int { return cmp.Compare(of(&a), of(&b)) })
	return of(&r)
}

func worst[T cmp.Ordered](f *fleet, of func(*fleetRun) T) T {
	r := slices.MaxFunc(f.runs, func(a, b fleetRun) int { return cmp.Compare(of(&a), of(&b)) })
	return of(&r)
}

func fleetTable(c *course, fleets []*fleet, events, rounds int) *Table {
	table := &Table{
		Title: "Instances of one group",
		Notes: []string{
			fmt.Sprintf("Kafka %s with one broker, instances and broker on the same cores; %d events of 1.3 KB over %d partitions, `workers: 1`, everything else as it is by default; %d rounds, in turns.",
				c.cluster.Version, events, fleetPartitions, rounds),
			"CPU-s: user and system time of all instances for a million events, until their last commit, best round; steady: without the first third, and from when all instances read. Times and memory: worst round.",
			"In every run the output held each event once, with the pseudonyms that the first run gave.",
		},
		Header: []string{"instances", "CPU-s", "ratio", "steady", "ratio", "broker CPU-s", "wall s", "peak MiB of one", "of all", "s until all read", "longest pause, ms"},
	}
	one := fleets[0]
	cpu, steady := func(r *fleetRun) float64 { return r.cpu }, func(r *fleetRun) float64 { return r.steady }
	for _, f := range fleets {
		table.Row(f.name(), best(f, cpu), best(f, cpu)/best(one, cpu), best(f, steady), best(f, steady)/best(one, steady),
			best(f, func(r *fleetRun) float64 { return r.broker }), best(f, func(r *fleetRun) float64 { return r.wall.Seconds() }),
			worst(f, func(r *fleetRun) int64 { return r.peak >> 20 }), worst(f, func(r *fleetRun) int64 { return r.sum >> 20 }),
			worst(f, func(r *fleetRun) float64 { return r.join.Seconds() }), worst(f, func(r *fleetRun) int64 { return r.pause.Milliseconds() }))
	}
	for _, f := range fleets[1:] {
		table.AtMost(f.name()+" instances to "+one.name()+", steady CPU-s", 1.15, best(f, steady)/best(one, steady))
	}
	return table
}

// fleet lets the instances read the whole input once.
func (c *course) fleet(ctx context.Context, f *fleet, r run, input string, events int, hash maphash.Seed) (fleetRun, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	if err := c.prepare(ctx, r, input, fleetPartitions, Variant{Text: f.text}); err != nil {
		return fleetRun{}, err
	}
	var all []*program
	defer func() {
		for _, p := range all {
			_ = p.cmd.Process.Kill() // it has ended already, unless something failed
			<-p.ended
		}
	}()
	more := "workers: 1\n"
	if f.codec != "" {
		more += fmt.Sprintf("output: {compression: %s}\n", f.codec)
	}
	start := func(n int) error {
		for range n {
			p, err := c.sanitize(r, fmt.Sprintf("%s-%02d", r, len(all)), more)
			if err != nil {
				return err
			}
			all = append(all, p)
		}
		return nil
	}
	broker := cpuOf(c.broker)
	if err := start(f.first); err != nil {
		return fleetRun{}, err
	}
	w := &watch{course: c, run: r, all: &all, events: events, began: time.Now(), joining: time.Now()}
	if err := w.until(ctx, events/3); err != nil {
		return fleetRun{}, err
	}
	if f.late > 0 {
		w.joining, w.join = time.Now(), 0
		if err := start(f.late); err != nil {
			return fleetRun{}, err
		}
	}
	if err := w.settled(ctx); err != nil {
		return fleetRun{}, err
	}
	spent, at := w.spent(), w.done
	if err := w.until(ctx, events); err != nil {
		return fleetRun{}, err
	}
	million := float64(events) / 1e6
	result := fleetRun{
		cpu: w.spent().Seconds() / million, steady: (w.spent() - spent).Seconds() / float64(max(events-at, 1)) * 1e6,
		broker: (cpuOf(c.broker) - broker).Seconds() / million,
		wall:   time.Since(w.began), join: w.join, pause: w.pause,
	}
	for _, p := range all {
		peak, err := p.peakMemory()
		if err := errors.Join(err, p.stop()); err != nil {
			return fleetRun{}, err
		}
		result.peak, result.sum = max(result.peak, peak), result.sum+peak
	}
	return result, c.read(ctx, r, hash, &result)
}

// watch follows the work of a fleet.
type watch struct {
	course  *course
	run     run
	all     *[]*program
	events  int
	began   time.Time
	joining time.Time // when the last instances were started
	join    time.Duration
	done    int       // events
	moved   time.Time // when done last grew
	pause   time.Duration
}

// until waits until so many events are done.
func (w *watch) until(ctx context.Context, events int) error {
	return w.while(ctx, func() bool { return w.done < events })
}

// settled waits until all instances read their share, or too little is left to measure them.
func (w *watch) settled(ctx context.Context) error {
	return w.while(ctx, func() bool { return w.join == 0 && w.done < w.events*9/10 })
}

func (w *watch) while(ctx context.Context, more func() bool) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for more() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d events are done: %w", w.done, w.events, ctx.Err())
		case <-tick.C:
		}
		for _, p := range *w.all {
			if err := p.alive(); err != nil {
				return err
			}
		}
		done, err := w.course.committed(ctx, w.run.group())
		if err != nil {
			return err
		}
		now := time.Now()
		if done > w.done {
			if w.done > 0 {
				w.pause = max(w.pause, now.Sub(w.moved))
			}
			w.done, w.moved = done, now
		}
		if w.join == 0 && w.course.joined(ctx, w.run.group(), len(*w.all), fleetPartitions) {
			w.join = now.Sub(w.joining)
		}
	}
	return nil
}

// spent is the CPU time of all instances so far.
func (w *watch) spent() (sum time.Duration) {
	for _, p := range *w.all {
		sum += p.cpu()
	}
	return sum
}

// read looks at the output as a recipient would, and throws it away.
func (c *course) read(ctx context.Context, r run, hash maphash.Seed, result *fleetRun) error {
	err := rig.ReadCommitted(ctx, c.cluster.Brokers, r.output(), 20*time.Second, func(record *kgo.Record) {
		result.records++
		result.values += int64(len(record.Value))
		id, _, _ := bytes.Cut(record.Value, []byte(",")) // the event's id is its first member
		result.digest += maphash.Bytes(hash, id)
	})
	if err != nil {
		return err
	}
	ends, err := c.admin.ListEndOffsets(ctx, r.quarantine())
	if err != nil {
		return err
	}
	if o, ok := ends.Lookup(r.quarantine(), 0); ok {
		result.odds = int(o.Offset)
	}
	if result.stored, err = c.stored(ctx, r.output()); err != nil {
		return err
	}
	_, err = c.admin.DeleteTopics(ctx, r.output(), r.quarantine())
	return err
}

// stored gives what a topic takes on the broker's disk.
func (c *course) stored(ctx context.Context, topic string) (int64, error) {
	brokers, err := c.admin.DescribeAllLogDirs(ctx, nil)
	if err != nil {
		return 0, err
	}
	size := int64(0)
	brokers.Each(func(dir kadm.DescribedLogDir) {
		err = errors.Join(err, dir.Err)
		dir.Topics.Each(func(p kadm.DescribedLogDirPartition) {
			if p.Topic == topic {
				size += p.Size
			}
		})
	})
	return size, err
}
