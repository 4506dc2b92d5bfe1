// SPDX-License-Identifier: Apache-2.0

//go:build bench && linux

package guard

import (
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/workload"
)

const (
	recordFile  = "ratio.json"
	guardRounds = 40
	moreRounds  = 100
	variedCount = 1024 // some 30 ms of the baseline
	stretch     = 128  // of which each is timed by itself
)

// TestGuard judges what sanitizing costs against the recorded ratios. UPDATE=1 in the environment records new ones.
func TestGuard(t *testing.T) {
	recorded, err := ReadRecords(recordFile)
	if err != nil {
		t.Fatal(err)
	}
	update := os.Getenv("UPDATE") == "1"
	same := make([][]byte, variedCount)
	for i := range same {
		same[i] = workload.Event()
	}
	for _, w := range []struct {
		name   string
		events [][]byte
	}{
		{"event", same},
		{"varied", varied(t, workload.Size1K, variedCount)},
	} {
		name := w.name + "/" + runtime.GOARCH
		t.Run(name, func(t *testing.T) {
			c := newCourse(t, w.events)
			if update {
				got := Ratio(c.measure(t, moreRounds, 1))
				t.Logf("ratio %.3f, recorded before %.3f", got, recorded[name].Ratio)
				recorded[name] = Record{got, runtime.Version(), processor(), time.Now().UTC().Format(time.DateOnly)}
				return
			}
			r, known := recorded[name]
			if !known {
				t.Skipf("no ratio is recorded for %s: nothing to judge by", name)
			}
			all := c.measure(t, guardRounds, 1)
			if err := r.Judge(Ratio(all), processor()); err != nil {
				t.Logf("once more with more rounds: %v", err)
				all = append(all, c.measure(t, moreRounds, 1)...)
			}
			got := Ratio(all)
			if err := r.Judge(got, processor()); err != nil {
				t.Errorf("%v; now %s. A rise that is meant: `make bench-guard UPDATE=1`, and say why in the commit", err, runtime.Version())
			}
			t.Logf("ratio %.3f, recorded %.3f, limit %.3f", got, r.Ratio, r.Limit(processor()))
			if r.Stale(got) {
				t.Logf("much better than recorded: `make bench-guard UPDATE=1` keeps it so")
			}
		})
	}
	if update && !t.Failed() {
		if err := recorded.Write(recordFile); err != nil {
			t.Fatal(err)
		}
	}
}

// processor is what the kernel calls it.
func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	model := regexp.MustCompile(`(?m)^model name\s*:\s*(.+)$`).FindSubmatch(text)
	if model == nil {
		return ""
	}
	return string(model[1])
}

// A guard that cannot fail guards nothing: sanitizing everything twice does not pass by the ratio of once, taken in the same minute.
func TestGuardNoticesTwiceTheWork(t *testing.T) {
	c := newCourse(t, varied(t, workload.Size1K, variedCount))
	once, twice := Ratio(c.measure(t, guardRounds, 1)), Ratio(c.measure(t, guardRounds, 2))
	if err := (Record{Ratio: once}).Judge(twice, ""); err == nil {
		t.Errorf("want twice the work to fail, got ratio %.3f after %.3f", twice, once)
	}
}

// measure takes rounds in which ours and the baseline take turns on one thread. Ours does its work as often as told.
func (c *course) measure(t *testing.T, rounds, work int) []Round {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // the baseline's garbage goes between rounds: when is not left to chance
	var sink discard
	all := make([]Round, 0, rounds)
	for range rounds {
		runtime.GC()
		ours := c.timed(t, func(records []event.Record) error {
			for range work {
				if err := c.worker.Process(records, &sink); err != nil {
					return err
				}
			}
			return nil
		})
		baseline := c.timed(t, func(records []event.Record) error {
			for i := range records {
				value, key, err := c.baseline.Transform(records[i].Value)
				if err != nil {
					return err
				}
				sink.bytes += len(value) + len(key)
			}
			return nil
		})
		all = append(all, Round{ours, baseline})
	}
	if want := rounds * work * len(c.records); sink.forwarded != want {
		t.Fatalf("want %d events forwarded, got %d", want, sink.forwarded)
	}
	return all
}

// timed gives the CPU time of this thread for every stretch of the events.
func (c *course) timed(t *testing.T, fn func([]event.Record) error) []time.Duration {
	t.Helper()
	took := make([]time.Duration, 0, len(c.records)/stretch)
	for records := range slices.Chunk(c.records, stretch) {
		before := threadCPU(t)
		if err := fn(records); err != nil {
			t.Fatal(err)
		}
		took = append(took, threadCPU(t)-before)
	}
	return took
}

// threadCPU gives the CPU time of this thread to the nanosecond. Resource usage will not do: it moves with the timer's tick,
// every few milliseconds.
func threadCPU(t *testing.T) time.Duration {
	t.Helper()
	const threadClock = 3 // CLOCK_THREAD_CPUTIME_ID
	var at syscall.Timespec
	if _, _, fault := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, threadClock, uintptr(unsafe.Pointer(&at)), 0); fault != 0 {
		t.Fatal(fault)
	}
	return time.Duration(at.Nano())
}

// discard counts and forgets.
type discard struct{ forwarded, bytes int }

func (d *discard) Forward(_ int, _ *event.Record, out *event.Output) error {
	d.forwarded++
	d.bytes += len(out.Value)
	return nil
}
func (*discard) Withhold(int, *event.Record, event.Reason) error { return nil }
func (*discard) Quarantine(*event.Quarantined) error             { return nil }
