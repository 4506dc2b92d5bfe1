// SPDX-License-Identifier: Apache-2.0

//go:build bench && linux

package scale

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/rewrite"
	"github.com/nymstream/nymstream/internal/workload"
)

// lane is one way to spend time on events. Lanes of a table take turns, because a shared machine changes its speed all the time.
type lane struct {
	name    string
	process func(batch []event.Record) error
	batch   []event.Record
	refill  func(batch []event.Record) // other events before each turn, unmeasured; nil: the same again
	ns      []float64                  // CPU time an event, of each turn
	events  int
	objects uint64 // allocated in all turns
}

func (l *lane) best() float64   { return slices.Min(l.ns) }
func (l *lane) median() float64 { s := slices.Sorted(slices.Values(l.ns)); return s[(len(s)-1)/2] }

// bytesPerEvent is the mean size of the lane's payloads.
func (l *lane) bytesPerEvent() float64 {
	n := 0
	for i := range l.batch {
		n += len(l.batch[i].Value)
	}
	return float64(n) / float64(len(l.batch))
}

func (l *lane) fill() {
	if l.refill != nil {
		l.refill(l.batch)
	}
}

// turn measures CPU time of this thread; the lane works through its batch at least once and at least as long as told,
// once only when the events must not repeat.
func (l *lane) turn(least time.Duration) error {
	l.fill()
	allocated := objects()
	n, before, used := 0, threadCPU(), time.Duration(0)
	for ok := true; ok; ok = used < least && l.refill == nil {
		if err := l.process(l.batch); err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
		n += len(l.batch)
		used = threadCPU() - before
	}
	l.objects += objects() - allocated
	l.events += n
	l.ns = append(l.ns, float64(used.Nanoseconds())/float64(n))
	return nil
}

// objects counts what the process has allocated so far.
func objects() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:objects"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// allocations gives the objects allocated for an event; the counter's own are a few in each turn.
func (l *lane) allocations() float64 { return float64(l.objects) / float64(l.events) }

// race lets the lanes take turns on one locked thread, each round beginning with another one.
func race(t *testing.T, lanes []*lane, rounds int, least time.Duration) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for _, l := range lanes { // warm caches and buffers
		l.fill()
		if err := l.process(l.batch); err != nil {
			t.Fatal(err)
		}
	}
	for round := range rounds {
		for i := range lanes {
			if err := lanes[(i+round)%len(lanes)].turn(least); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// The clocks of CPU time are exact to the nanosecond; getrusage counts in ticks of some milliseconds on some machines.
func threadCPU() time.Duration  { return cpuClock(unix.CLOCK_THREAD_CPUTIME_ID) }
func processCPU() time.Duration { return cpuClock(unix.CLOCK_PROCESS_CPUTIME_ID) }

func cpuClock(id int32) time.Duration {
	var used unix.Timespec
	_ = unix.ClockGettime(id, &used) // it fails for unknown clocks only
	return time.Duration(used.Nano())
}

// resident gives the process's resident memory in MiB.
func resident(t *testing.T) float64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			if err != nil {
				t.Fatal(err)
			}
			return float64(kib) / 1024
		}
	}
	t.Fatal("no VmRSS")
	return 0
}

// worker gives the Process of a new worker, which fails when anything but forwarding happens.
func (c *compiled) worker() func([]event.Record) error {
	w, sink := c.pipe.Worker(), &last{}
	return func(batch []event.Record) error {
		if err := w.Process(batch, sink); err != nil {
			return err
		}
		if sink.other > 0 {
			return fmt.Errorf("%d records were not forwarded", sink.other)
		}
		return nil
	}
}

// events makes records of the first n events of a generator.
func events(t *testing.T, subjects, n int) []event.Record {
	t.Helper()
	g, err := workload.NewGenerator(seed, subjects)
	if err != nil {
		t.Fatal(err)
	}
	batch := make([]event.Record, n)
	for i := range batch {
		key, value := g.Event(i)
		batch[i] = event.Record{Topic: workload.Topic, Time: time.Now().UnixMilli(), Key: key, Value: value}
	}
	return batch
}

// fresh replaces the events of a batch by the generator's next.
func fresh(t *testing.T, subjects int) func([]event.Record) {
	t.Helper()
	g, err := workload.NewGenerator(seed, subjects)
	if err != nil {
		t.Fatal(err)
	}
	next := 0
	return func(batch []event.Record) {
		for i := range batch {
			key, value := g.Event(next)
			next++
			batch[i] = event.Record{Topic: workload.Topic, Time: time.Now().UnixMilli(), Key: key, Value: value}
		}
	}
}

const (
	seed     = 1
	subjects = 10_000
	variety  = 1000 // different events in a batch: more than a branch predictor learns by heart
)

func bestOf(rounds int) string {
	return fmt.Sprintf("CPU time of one thread, in turns, best (median) of %d rounds; %s, %d CPUs.", rounds, runtime.Version(), runtime.NumCPU())
}

func (l *lane) cell() string { return figure(l.best()) + " (" + figure(l.median()) + ")" }

func printed(t *testing.T, table *Table) {
	t.Helper()
	if err := table.Print(os.Stdout); err != nil {
		t.Fatal(err)
	}
}

// TestScaleSubjects: without a store nothing is kept of a person, so the cost does not depend on how many there are.
func TestScaleSubjects(t *testing.T) {
	total := setting(t, "SCALE_EVENTS", 1_000_000)
	counts := settings(t, "SCALE_SUBJECTS", []int{10_000, 1_000_000, 10_000_000})
	c := compile(t, Variant{})
	var lanes []*lane
	for _, n := range counts {
		lanes = append(lanes, &lane{name: strconv.Itoa(n), process: c.worker(), batch: make([]event.Record, variety), refill: fresh(t, n)})
	}
	rounds := max(total/variety, 4)
	race(t, lanes, rounds/4, 0)
	debug.FreeOSMemory()
	before := resident(t)
	race(t, lanes, rounds-rounds/4, 0)
	debug.FreeOSMemory()
	after := resident(t)
	table := &Table{
		Title: "Subjects in the stream, stateless",
		Notes: []string{fmt.Sprintf("%d events of 1.3 KB each, no event twice, made outside the measured time. %s", lanes[0].events, bestOf(rounds)),
			fmt.Sprintf("Memory of the process after a quarter of the events %s MiB, after all %s MiB.", figure(before), figure(after))},
		Header: []string{"subjects", "CPU ns an event", "ratio", "ratio of medians", "allocations an event"},
	}
	for _, l := range lanes {
		table.Row(l.name, l.cell(), l.best()/lanes[0].best(), l.median()/lanes[0].median(), l.allocations())
	}
	table.AtMost("cost, most subjects to fewest, medians", 1.1, lanes[len(lanes)-1].median()/lanes[0].median())
	table.AtMost("growth of memory, MiB", 8, after-before)
	printed(t, table)
}

// TestScaleRules: what the policy names and the event lacks costs nothing.
func TestScaleRules(t *testing.T) {
	rounds := setting(t, "SCALE_ROUNDS", 20)
	var lanes []*lane
	batch := events(t, subjects, variety)
	for _, n := range []int{0, 10, 100, 1000} {
		c := compile(t, Variant{Rules: n})
		lanes = append(lanes, &lane{name: fmt.Sprintf("%d + %d", len(c.plan.Sources[0].Events[0].Leaves)-n, n), process: c.worker(), batch: batch})
	}
	race(t, lanes, rounds, 20*time.Millisecond)
	table := &Table{
		Title:  "Rules in the policy",
		Notes:  []string{"The pack names so many paths beside those of the event, half of them with a rule of their own; the same 27 leave. " + bestOf(rounds)},
		Header: []string{"paths", "CPU ns an event", "ratio to 10 further"},
	}
	for _, l := range lanes {
		table.Row(l.name, l.cell(), l.best()/lanes[1].best())
	}
	table.AtMost("1,000 further paths to 10", 1.3, lanes[3].best()/lanes[1].best())
	printed(t, table)
}

// TestScaleSize: an event that is ten times as large costs at most ten times as much.
func TestScaleSize(t *testing.T) {
	rounds := setting(t, "SCALE_ROUNDS", 20)
	c := compile(t, Variant{})
	small := events(t, subjects, variety)
	first := &lane{name: "the event", process: c.worker(), batch: small}
	lanes := []*lane{first}
	for _, grow := range []struct {
		name string
		to   func([]byte, int) ([]byte, error)
	}{{"dropped fields", GrowDropped}, {"kept elements", GrowKept}} {
		for _, size := range []int{3_000, 10_000, 100_000} {
			batch := slices.Clone(small[:max(20, min(variety, 3_000_000/size))])
			for i := range batch {
				var err error
				if batch[i].Value, err = grow.to(batch[i].Value, size); err != nil {
					t.Fatal(err)
				}
			}
			lanes = append(lanes, &lane{name: fmt.Sprintf("%s, %d KB", grow.name, size/1000), process: c.worker(), batch: batch})
		}
	}
	race(t, lanes, rounds, 20*time.Millisecond)
	table := &Table{
		Title:  "Size of the event",
		Notes:  []string{"Events of the generator, grown by fields that no rule names, or by elements of an array that the policy keeps after a check of each. " + bestOf(rounds)},
		Header: []string{"grown by", "bytes", "CPU ns an event", "MB/s a core", "to the event as it is"},
	}
	rate := func(l *lane) float64 { return l.bytesPerEvent() / l.best() * 1e3 }
	for _, l := range lanes {
		table.Row(l.name, fmt.Sprintf("%.0f", l.bytesPerEvent()), l.cell(), rate(l), rate(l)/rate(first))
	}
	for _, l := range lanes[1:] {
		table.AtLeast(l.name+", MB/s to those of the event as it is", 1, rate(l)/rate(first))
	}
	printed(t, table)
}

// TestScaleRecipients: a payload is read once for all.
func TestScaleRecipients(t *testing.T) {
	rounds := setting(t, "SCALE_ROUNDS", 20)
	counts := []int{1, 2, 5, 10}
	for _, crowd := range []struct {
		name  string
		count int
	}{{"300 subjects, seen again and again", 300}, {"10,000,000 subjects, hardly one seen twice", 10_000_000}} {
		again := crowd.count < variety
		add := func(name string, process func([]event.Record) error) *lane {
			l := &lane{name: name, process: process, batch: events(t, crowd.count, variety)}
			if !again {
				l.refill = fresh(t, crowd.count)
			}
			return l
		}
		lanes := []*lane{add("none: reading", reading(t))}
		for _, n := range counts {
			lanes = append(lanes, add(strconv.Itoa(n), compile(t, Variant{Recipients: n}).worker()))
		}
		race(t, lanes, rounds, 20*time.Millisecond)
		table := &Table{
			Title: "Recipients of one source, " + crowd.name,
			Notes: []string{"Each recipient has the same rules, a domain and a topic of its own. Passes: what so many processes with one recipient each would cost. Reading: checking the payload, " +
				"finding its fields, its type and its subject, measured alone. Bound: the share if each further recipient costs what is left of one without reading. " + bestOf(rounds)},
			Header: []string{"recipients", "CPU ns an event", "ns a recipient", "share of as many passes", "bound", "reading, share", "allocations an event"},
		}
		read, single := lanes[0].best(), lanes[1].best()
		table.Row(lanes[0].name, lanes[0].cell(), "-", "-", "-", "-", lanes[0].allocations())
		for i, l := range lanes[1:] {
			n := float64(counts[i])
			table.Row(l.name, l.cell(), l.best()/n, l.best()/(n*single), (read+n*(single-read))/(n*single), read/l.best(), l.allocations())
		}
		table.AtMost("ten recipients, share of ten passes", 0.8, lanes[len(lanes)-1].best()/(10*single))
		printed(t, table)
	}
}

// reading gives what only reads payloads and finds their type and subject.
func reading(t *testing.T) func([]event.Record) error {
	t.Helper()
	c := compile(t, Variant{})
	program, err := rewrite.Compile(c.plan, c.keys, rewrite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	reader := program.Worker()
	return func(batch []event.Record) error {
		for i := range batch {
			if err := reader.Read(0, batch[i].Value); err != nil {
				return err
			}
			if _, _, err := reader.Event(); err != nil {
				return err
			}
		}
		return nil
	}
}

// TestScaleCores: workers share nothing that they write to.
func TestScaleCores(t *testing.T) {
	rounds := setting(t, "SCALE_ROUNDS", 20) * 5
	if runtime.GOMAXPROCS(0) < 2 {
		t.Skip("one core")
	}
	c := compile(t, Variant{})
	batch := events(t, subjects, variety)
	workers := []func([]event.Record) error{c.worker(), c.worker()}
	for _, w := range workers { // grow their buffers
		if err := w(batch); err != nil {
			t.Fatal(err)
		}
	}
	type round struct{ rate, ns float64 }
	measure := func(n int) round {
		const passes = 8 // some 50 ms: short enough for a moment in which nobody else uses the cores
		failed := make(chan error, n)
		cpu, from := processCPU(), time.Now()
		for i := range n {
			go func() {
				var err error
				for range passes {
					if err == nil {
						err = workers[i](batch)
					}
				}
				failed <- err
			}()
		}
		for range n {
			if err := <-failed; err != nil {
				t.Fatal(err)
			}
		}
		done := float64(n * passes * len(batch))
		return round{rate: done / time.Since(from).Seconds(), ns: float64((processCPU() - cpu).Nanoseconds()) / done}
	}
	var rates, costs [2][]float64
	for range rounds {
		for n := range 2 {
			r := measure(n + 1)
			rates[n], costs[n] = append(rates[n], r.rate), append(costs[n], r.ns)
		}
	}
	table := &Table{
		Title: "One core, two cores",
		Notes: []string{fmt.Sprintf("Workers on goroutines of their own, events on the clock: the machine is shared, so the best of %d short rounds counts. CPU time an event shows whether workers hinder each other; "+
			"two virtual cores may be two threads of one core.", rounds)},
		Header: []string{"workers", "events/s, best", "events/s, median", "CPU ns an event, best", "CPU ns an event, median"},
	}
	middle := func(s []float64) float64 { s = slices.Sorted(slices.Values(s)); return s[(len(s)-1)/2] }
	for n := range 2 {
		table.Row(n+1, slices.Max(rates[n]), middle(rates[n]), slices.Min(costs[n]), middle(costs[n]))
	}
	table.AtLeast("two workers to one, events/s, best rounds", 1.8, slices.Max(rates[1])/slices.Max(rates[0]))
	table.AtMost("two workers to one, CPU time an event, best rounds", 1.1, slices.Min(costs[1])/slices.Min(costs[0]))
	printed(t, table)
}

// setting reads a positive number from the environment.
func setting(t *testing.T, name string, fallback int) int {
	t.Helper()
	return settings(t, name, []int{fallback})[0]
}

// settings reads positive numbers, separated by commas.
func settings(t *testing.T, name string, fallback []int) []int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return fallback
	}
	var all []int
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || n < 1 {
			t.Fatalf("%s: want numbers above 0, separated by commas", name)
		}
		all = append(all, n)
	}
	return all
}
