// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
)

// Names of contenders that marks speak of. From Kafka to Kafka the product writes into the source's partition, as the mark has it
// (partition_by: source); beside it, into the partition of the output's key, which is its default.
const (
	product        = "nymstream"
	productByKey   = "nymstream-by-key"
	peerRedpanda   = "redpanda-connect"
	peerStreaming  = "jackson-streaming"
	peerStreams    = "kafka-streams"
	peerPython     = "python-orjson"
	peerNaive      = "naive-go"
	passThrough    = "passthrough" // the product's stream with nothing to do
	marksCorpus    = "1k"          // the size of events that most marks are for
	enoughForPlots = 20            // above this ratio bars are logarithmic
)

// PeersReport is what one `make bench-peers` measured. Its JSON names carry the units.
type PeersReport struct {
	Machine   Machine      `json:"machine"`
	Versions  []string     `json:"versions"` // of the peers' runtimes and libraries
	Transform []*Corpus    `json:"transform"`
	Inputs    []*Input     `json:"inputs,omitempty"` // a contender's events tell which of them it read; none: there was no Kafka
	Kafka     []*Contender `json:"kafka,omitempty"`
	Missing   []Missing    `json:"cannot_be_had"`
	Marks     []Mark       `json:"marks"`
}

// Missing is a contender that is not in the tables, or not in one of them, and why.
type Missing struct {
	Name string `json:"name"`
	Why  string `json:"why"`
}

// Corpus is a file of events and what the contenders took to transform it, without Kafka, each on one core.
type Corpus struct {
	Size       string         `json:"size"`
	Events     int            `json:"events"`
	Bytes      int64          `json:"bytes"`
	Contenders []*Transformer `json:"contenders"`
}

// Transformer is a contender in process: alive and warm during all rounds.
type Transformer struct {
	Name       string  `json:"name"`
	Checked    int     `json:"events_checked_for_equivalence"`
	Warmup     int     `json:"warmup_events"`
	PeakMemory int64   `json:"peak_resident_bytes"` // corpus and warm-up included
	Rounds     []Round `json:"rounds"`
}

// Round is one contender's turn in a round.
type Round struct {
	Events          int64    `json:"events"`
	CPUNanoseconds  float64  `json:"cpu_ns_per_event"`
	WallNanoseconds float64  `json:"wall_ns_per_event"`
	MegabytesIn     float64  `json:"input_megabytes_per_cpu_second"`
	BytesOut        float64  `json:"output_bytes_per_event"`
	Allocations     *float64 `json:"allocations_per_event"` // null: the runtime cannot tell
	AllocatedBytes  *float64 `json:"allocated_bytes_per_event"`
	Yardstick       float64  `json:"yardstick_cpu_ns"` // of the same round: how fast the machine was
}

// answer is what a contender says to `go`.
type answer struct {
	Events         int64  `json:"events"`
	CPU            int64  `json:"cpu_ns"`
	Wall           int64  `json:"wall_ns"`
	BytesIn        int64  `json:"bytes_in"`
	BytesOut       int64  `json:"bytes_out"`
	Allocations    *int64 `json:"allocations"`
	AllocatedBytes *int64 `json:"allocated_bytes"`
}

// add sums the answers of one turn.
func (a *answer) add(b answer) {
	a.Events, a.CPU, a.Wall = a.Events+b.Events, a.CPU+b.CPU, a.Wall+b.Wall
	a.BytesIn, a.BytesOut = a.BytesIn+b.BytesIn, a.BytesOut+b.BytesOut
	a.Allocations, a.AllocatedBytes = sum(a.Allocations, b.Allocations), sum(a.AllocatedBytes, b.AllocatedBytes)
}

// sum is nil where the runtime could not tell one of them.
func sum(a, b *int64) *int64 {
	if a == nil || b == nil {
		return nil
	}
	n := *a + *b
	return &n
}

func (a *answer) round(yardstick float64) Round {
	each := func(n *int64) *float64 {
		if n == nil {
			return nil
		}
		f := float64(*n) / float64(a.Events)
		return &f
	}
	events := float64(a.Events)
	return Round{
		Events: a.Events, CPUNanoseconds: float64(a.CPU) / events, WallNanoseconds: float64(a.Wall) / events,
		MegabytesIn: float64(a.BytesIn) / float64(a.CPU) * 1e3, BytesOut: float64(a.BytesOut) / events,
		Allocations: each(a.Allocations), AllocatedBytes: each(a.AllocatedBytes), Yardstick: yardstick,
	}
}

func (r *Round) cpu() float64       { return r.CPUNanoseconds }
func (r *Round) rate() float64      { return 1e9 / r.CPUNanoseconds }
func (r *Round) megabytes() float64 { return r.MegabytesIn }
func (r *Round) yardstick() float64 { return r.Yardstick }

func (r *Round) allocations() *float64    { return r.Allocations }
func (r *Round) allocatedBytes() *float64 { return r.AllocatedBytes }

// known gives the median of a figure; ok is false where the runtime cannot tell it.
func (t *Transformer) known(figure func(*Round) *float64) (median float64, ok bool) {
	if slices.ContainsFunc(t.Rounds, func(r Round) bool { return figure(&r) == nil }) {
		return 0, false
	}
	return Of(t.Rounds, func(r *Round) float64 { return *figure(r) }).Median(), true
}

// named finds a contender that has figures; nil: there is none.
func (c *Corpus) named(name string) *Transformer {
	for _, t := range c.Contenders {
		if t.Name == name && len(t.Rounds) > 0 {
			return t
		}
	}
	return nil
}

func (r *PeersReport) corpus(size string) *Corpus {
	for _, c := range r.Transform {
		if c.Size == size {
			return c
		}
	}
	return nil
}

func (r *PeersReport) streamed(name string) *Contender {
	for _, c := range r.Kafka {
		if c.Name == name && len(c.Runs) > 0 {
			return c
		}
	}
	return nil
}

// ratio tells how many times less CPU time ours takes, best against best; 0: there is nothing to compare.
func ratio(theirs, ours *Transformer) float64 {
	if theirs == nil || ours == nil {
		return 0
	}
	return Of(theirs.Rounds, (*Round).cpu).Min() / Of(ours.Rounds, (*Round).cpu).Min()
}

// ratioOf is the same from Kafka to Kafka for the figure named: of the whole process, or the steady one.
func ratioOf(theirs, ours *Contender, figure func(*Run) float64) float64 {
	if theirs == nil || ours == nil {
		return 0
	}
	return Of(theirs.Runs, figure).Min() / Of(ours.Runs, figure).Min()
}

// Judge holds the figures against the marks of which there are figures. CPU time is judged by the best of all rounds, memory by the worst,
// ratios from Kafka to Kafka by the steady figures: those are kinder to virtual machines, which compile while they start.
func (r *PeersReport) Judge() {
	r.Marks = nil
	add := func(has bool, mark func() Mark) {
		if has {
			r.Marks = append(r.Marks, mark())
		}
	}
	for _, want := range []struct {
		size      string
		megabytes float64
	}{{marksCorpus, 650}, {"3k", 900}, {"10k", 1300}} {
		c := r.corpus(want.size)
		if c == nil || c.named(product) == nil {
			continue
		}
		ours := c.named(product)
		if want.size == marksCorpus {
			add(true, func() Mark {
				return AtLeast("rewrite, varied 1k events", "events/s a core", 500_000, Of(ours.Rounds, (*Round).rate).Max())
			})
			allocations, ok := ours.known((*Round).allocations)
			add(ok, func() Mark {
				return AtMost("rewrite, varied 1k events", "allocations an event", 0, math.Round(allocations*100)/100) // the protocol's own few do not count
			})
		}
		add(true, func() Mark {
			return AtLeast("rewrite, varied "+want.size+" events", "MB/s a core", want.megabytes, Of(ours.Rounds, (*Round).megabytes).Max())
		})
	}
	if c := r.corpus(marksCorpus); c != nil {
		for _, want := range []struct {
			peer  string
			times float64
		}{{peerRedpanda, 30}, {peerStreaming, 2.5}} {
			got := ratio(c.named(want.peer), c.named(product))
			add(got > 0, func() Mark { return AtLeast("rewrite against "+want.peer, "times less CPU", want.times, got) })
		}
	}
	r.judgeKafka(add)
}

func (r *PeersReport) judgeKafka(add func(has bool, mark func() Mark)) {
	ours := r.streamed(product)
	if ours == nil {
		return
	}
	add(true, func() Mark {
		return AtMost("Kafka to Kafka, exactly once", "CPU-s a million", 4.5, Of(ours.Runs, (*Run).cpu).Min())
	})
	for _, want := range []struct {
		peer  string
		times float64
	}{{peerRedpanda, 20}, {peerStreams, 6}, {peerPython, 5.5}} {
		got := ratioOf(r.streamed(want.peer), ours, (*Run).steady)
		add(got > 0, func() Mark {
			return AtLeast("Kafka to Kafka against "+want.peer+", steady", "times less CPU", want.times, got)
		})
	}
	add(true, func() Mark {
		return AtMost("resident memory, 12 partitions", "MB", 128, float64(Of(ours.Runs, (*Run).memory).Max())/1e6)
	})
}

// Print writes the report as tables for people.
func (r *PeersReport) Print(w io.Writer) error {
	r.Machine.headline(w)
	fmt.Fprintf(w, "%s\n\n", strings.Join(r.Versions, "; "))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range r.Transform {
		c.table(t)
	}
	if len(r.Kafka) > 0 {
		r.printKafka(t)
	}
	for _, m := range r.Missing {
		fmt.Fprintf(t, "%s cannot be had: %s\n\f", m.Name, firstLine(m.Why))
	}
	fmt.Fprint(t, "\f")
	printMarks(t, r.Marks)
	return t.Flush()
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

func (c *Corpus) table(w io.Writer) {
	fmt.Fprintf(w, "transform, one core: %d events of %d bytes (%s); best / median\n\f", c.Events, c.Bytes/int64(c.Events), c.Size)
	fmt.Fprint(w, "\tCPU ns an event\ttimes nymstream's\tevents/s a core\tMB/s\tallocations\tallocated bytes\tpeak MiB\tyardstick ns\t\n")
	for _, t := range c.Contenders {
		if len(t.Rounds) > 0 {
			t.row(w, c.named(product))
		}
	}
	fmt.Fprint(w, "\n\f")
}

func (t *Transformer) row(w io.Writer, ours *Transformer) {
	cpu, rate, mb := Of(t.Rounds, (*Round).cpu), Of(t.Rounds, (*Round).rate), Of(t.Rounds, (*Round).megabytes)
	yard := Of(t.Rounds, (*Round).yardstick)
	fmt.Fprintf(w, "%s\t%.0f / %.0f\t%s\t%.0f / %.0f\t%.0f / %.0f\t%s\t%s\t%d\t%.0f / %.0f\t\n", t.Name, cpu.Min(), cpu.Median(), times(ratio(t, ours)),
		rate.Max(), rate.Median(), mb.Max(), mb.Median(), t.told((*Round).allocations), t.told((*Round).allocatedBytes),
		t.PeakMemory/mebibyte, yard.Min(), yard.Median())
}

// told writes a figure that not every runtime can tell.
func (t *Transformer) told(figure func(*Round) *float64) string {
	median, ok := t.known(figure)
	if !ok {
		return "?"
	}
	return fmt.Sprintf("%.0f", median)
}

func (r *PeersReport) printKafka(w io.Writer) {
	in := r.Inputs[0]
	fmt.Fprintf(w, "Kafka %s → Kafka, events of %d bytes, %d partitions, rounds: %d; best / median\n\f", in.Kafka,
		in.ValueBytes/int64(in.Events), in.Partitions, len(r.Kafka[0].Runs))
	fmt.Fprint(w, "\tdelivery\tevents\tCPU-s a million\tsteady\ttimes nymstream's: whole, steady\tby key\twall s\tthousand events/s\tpeak MiB\tbroker CPU-s a million\t\n")
	for _, c := range r.Kafka {
		if len(c.Runs) == 0 {
			continue
		}
		cpu, steady, wall := Of(c.Runs, (*Run).cpu), Of(c.Runs, (*Run).steady), Of(c.Runs, (*Run).wall)
		rate, memory, broker := Of(c.Runs, (*Run).rate), Of(c.Runs, (*Run).memory), Of(c.Runs, (*Run).broker)
		ours, byKey := r.streamed(product), r.streamed(productByKey)
		fmt.Fprintf(w, "%s\t%s\t%d\t%.2f / %.2f\t%.2f / %.2f\t%s, %s\t%s, %s\t", c.Name, c.Delivery, c.Events, cpu.Min(), cpu.Median(), steady.Min(), steady.Median(),
			times(ratioOf(c, ours, (*Run).cpu)), times(ratioOf(c, ours, (*Run).steady)), times(ratioOf(c, byKey, (*Run).cpu)), times(ratioOf(c, byKey, (*Run).steady)))
		fmt.Fprintf(w, "%.1f / %.1f\t%.0f / %.0f\t%d / %d\t%.2f / %.2f\t\n", wall.Min(), wall.Median(), rate.Max()/1e3, rate.Median()/1e3,
			memory.Min()/mebibyte, memory.Max()/mebibyte, broker.Min(), broker.Median())
	}
	fmt.Fprint(w, "\n\f")
}

// times writes a ratio; "-" where there is none.
func times(ratio float64) string {
	switch {
	case ratio == 0:
		return "-"
	case ratio >= 10:
		return fmt.Sprintf("%.1f", ratio)
	}
	return fmt.Sprintf("%.2f", ratio)
}

// Save writes the report as JSON.
func (r *PeersReport) Save(file string) error { return saveJSON(file, r) }

func saveJSON(file string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

// Plot draws CPU time for each event: in process, and from Kafka to Kafka. CPU-seconds for a million events are microseconds for one.
func (r *PeersReport) Plot() *Plot {
	p := &Plot{
		Title: "CPU time to sanitize one event of 1.3 KB",
		Unit:  "µs of CPU an event",
		Description: "Bars: the best round of each contender, same events, same machine, outputs checked to be equivalent. " +
			"In process: one core, HMAC-SHA256 and AES-256-GCM for the peers, nymstream's own pseudonyms and AES-256-GCM. " +
			"From Kafka to Kafka: without the first quarter of the events; nymstream and its pass-through exactly once, the peers at least once.",
	}
	if c := r.corpus(marksCorpus); c != nil {
		g := PlotGroup{Name: "In process, one core"}
		for _, t := range c.Contenders {
			if len(t.Rounds) > 0 {
				g.Bars = append(g.Bars, Bar{t.Name, Of(t.Rounds, (*Round).cpu).Min() / 1e3, ratio(t, c.named(product)), ours(t.Name)})
			}
		}
		p.add(g)
	}
	g := PlotGroup{Name: "Kafka to Kafka"}
	for _, c := range r.Kafka {
		if len(c.Runs) > 0 {
			bar := Bar{c.Name, Of(c.Runs, (*Run).steady).Min(), ratioOf(c, r.streamed(product), (*Run).steady), ours(c.Name)}
			if c.Name == passThrough { // does not do the same work
				bar.Times = 0
			}
			g.Bars = append(g.Bars, bar)
		}
	}
	p.add(g)
	return p
}

func ours(name string) bool { return name == product || name == productByKey }

// add appends a group with its shortest bar first; an empty one is left out.
func (p *Plot) add(g PlotGroup) {
	if len(g.Bars) > 0 {
		slices.SortStableFunc(g.Bars, func(a, b Bar) int { return cmp.Compare(a.Value, b.Value) })
		p.Groups = append(p.Groups, g)
	}
}
