// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"text/tabwriter"
)

// Report is what one `make bench` measured. Its JSON names carry the units.
type Report struct {
	Machine Machine      `json:"machine"`
	Rewrite []Rewrite    `json:"rewrite"`
	Input   *Input       `json:"input,omitempty"` // nil: there was no Kafka
	Kafka   []*Contender `json:"kafka,omitempty"`
	Marks   []Mark       `json:"marks"`
}

// Machine is where it was measured, as far as the figures depend on it.
type Machine struct {
	Go          string            `json:"go"`
	Platform    string            `json:"platform"`
	CPUs        int               `json:"cpus"`
	Processor   string            `json:"processor,omitempty"`
	Environment map[string]string `json:"environment,omitempty"` // settings of the Go runtime that contenders inherited
}

// Rewrite is one run of BenchmarkProcess on one core.
type Rewrite struct {
	WallNanoseconds float64 `json:"wall_ns_per_event"`
	CPUNanoseconds  float64 `json:"cpu_ns_per_event"` // of the whole process, start included
	Allocations     int64   `json:"allocations_per_event"`
	Bytes           int64   `json:"bytes_per_event"`
	// How long encoding/json takes to check the same event, right afterwards. On a busy machine both get slower together.
	YardstickNanoseconds float64 `json:"yardstick_cpu_ns"`
}

// Input is what every contender read.
type Input struct {
	Kafka       string `json:"kafka"`
	Events      int    `json:"events"`
	Subjects    int    `json:"subjects"`
	Seed        uint64 `json:"seed"`
	Partitions  int32  `json:"partitions"`
	ValueBytes  int64  `json:"value_bytes"`
	StoredBytes int64  `json:"stored_bytes"`
}

// Contender is a program and its runs, one in each round. The first contender is what the others' ratios refer to.
type Contender struct {
	Name     string `json:"name"`
	Delivery string `json:"delivery"` // exactly once, at least once
	Events   int    `json:"events"`
	Checked  int    `json:"events_checked_for_equivalence"`
	Runs     []Run  `json:"runs"`
}

// Run is one process that read the whole input.
type Run struct {
	UserSeconds      float64 `json:"user_seconds"`
	SystemSeconds    float64 `json:"system_seconds"`
	CPUPerMillion    float64 `json:"cpu_seconds_per_million"`
	SteadyPerMillion float64 `json:"steady_cpu_seconds_per_million"` // of the last three quarters: without start and first growth
	WallSeconds      float64 `json:"wall_seconds"`                   // from the start of the process to its last commit
	EventsPerSecond  float64 `json:"events_per_second"`
	PeakMemory       int64   `json:"peak_resident_bytes"`
	ValueBytes       int64   `json:"output_value_bytes"`
	StoredBytes      int64   `json:"output_stored_bytes"` // on the broker's disk, compressed
	BrokerCPU        float64 `json:"broker_cpu_seconds_per_million"`
}

// Mark is what a figure is held against. A mark that is missed is printed, not an error: the machine may be busy.
type Mark struct {
	Name  string  `json:"name"`
	Unit  string  `json:"unit"`
	Bound string  `json:"bound"` // at most, at least
	Want  float64 `json:"want"`
	Got   float64 `json:"got"`
	Met   bool    `json:"met"`
}

// AtMost makes the mark of a figure that should stay small.
func AtMost(name, unit string, want, got float64) Mark {
	return Mark{name, unit, "at most", want, got, got <= want}
}

// AtLeast makes the mark of a figure that should be large.
func AtLeast(name, unit string, want, got float64) Mark {
	return Mark{name, unit, "at least", want, got, got >= want}
}

// Of collects one figure of all runs.
func Of[T any, N cmp.Ordered](runs []T, figure func(*T) N) Figures[N] {
	f := make(Figures[N], len(runs))
	for i := range runs {
		f[i] = figure(&runs[i])
	}
	slices.Sort(f)
	return f
}

// Figures are one figure of several runs, ascending.
type Figures[N cmp.Ordered] []N

// Min is the least.
func (f Figures[N]) Min() N { return f[0] }

// Max is the greatest.
func (f Figures[N]) Max() N { return f[len(f)-1] }

// Median is the middle one; of an even number the lower of the two in the middle.
func (f Figures[N]) Median() N { return f[(len(f)-1)/2] }

const mebibyte = 1 << 20

// short writes a figure as long as it is worth reading.
func short(x float64) string {
	if x >= 100 || x == math.Trunc(x) {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'f', 2, 64)
}

// Print writes the report as tables for people.
func (r *Report) Print(w io.Writer) error {
	r.Machine.headline(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	r.printRewrite(t)
	if r.Input != nil {
		r.printKafka(t)
	}
	printMarks(t, r.Marks)
	return t.Flush()
}

func (m *Machine) headline(w io.Writer) {
	fmt.Fprintf(w, "\n%s, %s, %d CPUs %s", m.Go, m.Platform, m.CPUs, m.Processor)
	for _, name := range slices.Sorted(maps.Keys(m.Environment)) {
		fmt.Fprintf(w, ", %s=%s", name, m.Environment[name])
	}
	fmt.Fprint(w, "\n\n")
}

func printMarks(w io.Writer, marks []Mark) {
	fmt.Fprint(w, "mark\t\tgot\t\t\t\n")
	for _, m := range marks {
		verdict := "met"
		if !m.Met {
			verdict = "missed"
		}
		fmt.Fprintf(w, "%s\t%s %s\t%s\t%s\t%s\t\n", m.Name, m.Bound, short(m.Want), short(m.Got), m.Unit, verdict)
	}
}

func (r *Report) printRewrite(w io.Writer) {
	cpu, wall := Of(r.Rewrite, (*Rewrite).cpu), Of(r.Rewrite, (*Rewrite).wall)
	fmt.Fprint(w, "rewrite, one core\tmin\tmedian\t\n")
	fmt.Fprintf(w, "CPU ns an event\t%.0f\t%.0f\t\n", cpu.Min(), cpu.Median())
	fmt.Fprintf(w, "wall ns an event\t%.0f\t%.0f\t\n", wall.Min(), wall.Median())
	yard, ratio := Of(r.Rewrite, (*Rewrite).yardstick), Of(r.Rewrite, (*Rewrite).ratio)
	fmt.Fprintf(w, "yardstick (json.Valid), CPU ns\t%.0f\t%.0f\t\n", yard.Min(), yard.Median())
	fmt.Fprintf(w, "CPU, in yardsticks\t%.2f\t%.2f\t\n", ratio.Min(), ratio.Median())
	fmt.Fprintf(w, "allocations an event\t%d\t%d\t\n\f", r.allocations().Min(), r.allocations().Median())
}

func (r *Report) printKafka(w io.Writer) {
	fmt.Fprintf(w, "Kafka %s → Kafka, %d events of %d bytes, %d partitions, rounds: %d; best / median\n\f", r.Input.Kafka, r.Input.Events,
		r.Input.ValueBytes/int64(r.Input.Events), r.Input.Partitions, len(r.Kafka[0].Runs))
	fmt.Fprint(w, "\tCPU-s a million\tratio\tsteady\twall s\tthousand events/s\tpeak MiB\tvalues MB\tstored MB\tbroker CPU-s a million\t\n")
	for _, c := range r.Kafka {
		c.row(w, r.Kafka[0])
	}
	fmt.Fprint(w, "\n\f")
}

func (c *Contender) row(w io.Writer, first *Contender) {
	cpu, base, steady := Of(c.Runs, (*Run).cpu), Of(first.Runs, (*Run).cpu), Of(c.Runs, (*Run).steady)
	wall, rate := Of(c.Runs, (*Run).wall), Of(c.Runs, (*Run).rate)
	memory, broker := Of(c.Runs, (*Run).memory), Of(c.Runs, (*Run).broker)
	last := c.Runs[len(c.Runs)-1]
	fmt.Fprintf(w, "%s\t%.2f / %.2f\t%.2f / %.2f\t%.2f / %.2f\t", c.Name,
		cpu.Min(), cpu.Median(), cpu.Min()/base.Min(), cpu.Median()/base.Median(), steady.Min(), steady.Median())
	fmt.Fprintf(w, "%.1f / %.1f\t%.0f / %.0f\t%d / %d\t", wall.Min(), wall.Median(), rate.Max()/1e3, rate.Median()/1e3,
		memory.Min()/mebibyte, memory.Median()/mebibyte)
	fmt.Fprintf(w, "%.0f\t%.0f\t%.2f / %.2f\t\n", float64(last.ValueBytes)/1e6, float64(last.StoredBytes)/1e6, broker.Min(), broker.Median())
}

// Save writes the report as JSON.
func (r *Report) Save(file string) error { return saveJSON(file, r) }

// Judge holds the figures against the marks. CPU time is judged by the best run, memory by the worst.
func (r *Report) Judge(product string) {
	r.Marks = []Mark{
		AtLeast("rewrite", "events/s on one core", 500_000, 1e9/Of(r.Rewrite, (*Rewrite).cpu).Min()),
		AtMost("rewrite", "allocations", 0, float64(r.allocations().Max())),
	}
	for _, c := range r.Kafka {
		if c.Name == product {
			r.Marks = append(r.Marks,
				AtMost("Kafka to Kafka", "CPU-s a million", 4.5, Of(c.Runs, (*Run).cpu).Min()),
				AtMost("peak memory", "MB", 128, float64(Of(c.Runs, (*Run).memory).Max())/1e6))
		}
	}
}

func (r *Report) allocations() Figures[int64] {
	return Of(r.Rewrite, func(r *Rewrite) int64 { return r.Allocations })
}

func (r *Rewrite) cpu() float64       { return r.CPUNanoseconds }
func (r *Rewrite) wall() float64      { return r.WallNanoseconds }
func (r *Rewrite) yardstick() float64 { return r.YardstickNanoseconds }
func (r *Rewrite) ratio() float64     { return r.CPUNanoseconds / r.YardstickNanoseconds }

func (r *Run) cpu() float64    { return r.CPUPerMillion }
func (r *Run) steady() float64 { return r.SteadyPerMillion }
func (r *Run) wall() float64   { return r.WallSeconds }
func (r *Run) rate() float64   { return r.EventsPerSecond }
func (r *Run) memory() int64   { return r.PeakMemory }
func (r *Run) broker() float64 { return r.BrokerCPU }
