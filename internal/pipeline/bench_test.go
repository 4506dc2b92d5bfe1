// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/store/storetest"
	"github.com/nymstream/nymstream/internal/subject"
	"github.com/nymstream/nymstream/internal/workload"
)

// load compiles a policy of testdata with fresh keys.
func load(t testing.TB, file string, o Options) *Pipeline {
	t.Helper()
	plan, err := policy.Load(file, policy.Packs())
	if err != nil {
		t.Fatal(err)
	}
	return withFreshKeys(t, plan, o)
}

func withFreshKeys(t testing.TB, plan *policy.Plan, o Options) *Pipeline {
	t.Helper()
	var names []string
	for i := range plan.Recipients {
		names = append(names, plan.Recipients[i].Name)
	}
	keys, err := keyring.Ephemeral("test", names, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	p, err := New(plan, keys, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
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

// BenchmarkProcess takes a social event of 1.3 KB with 52 leaves through the whole pipeline, for one recipient:
// 6 pseudonyms and an output key, 2 seals, 5 generalized, the rest typed keeps. It is the same event each time, in batches as the stream brings them.
func BenchmarkProcess(b *testing.B) {
	benchmark(b, slices.Repeat([]event.Record{record(workload.Event())}, 256), 256)
}

// Eight events over and over, one of them spelled with \u escapes: as favorable to the processor as the same event each time,
// but of the mean size. They hold up to four more mentions.
func BenchmarkProcess3KB(b *testing.B)  { benchmark(b, varied(b, workload.Size3K, 8), 8) }
func BenchmarkProcess10KB(b *testing.B) { benchmark(b, varied(b, workload.Size10K, 8), 8) }

// BenchmarkProcessVaried takes 4,096 events of 10,000 people, in batches as the stream brings them:
// no branch is learned by heart, and people's keys come from memory.
func BenchmarkProcessVaried(b *testing.B) { benchmark(b, varied(b, workload.Size1K, 4096), 256) }

// BenchmarkProcessStored is BenchmarkProcessVaried with people who are kept in a store, all of them at hand.
func BenchmarkProcessStored(b *testing.B) {
	file, err := workload.Write(b.TempDir(), workload.Policy())
	if err != nil {
		b.Fatal(err)
	}
	plan, err := policy.Load(file, policy.Packs())
	if err != nil {
		b.Fatal(err)
	}
	plan.Ages.UnknownIsAdult = true
	keys, err := keyring.Ephemeral("test", []string{plan.Recipients[0].Name}, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	h := &house{t: b, store: storetest.Memory()}
	h.directory = subject.NewDirectory(subject.Options{Store: h.store, Keys: keys})
	if h.Pipeline, err = New(plan, keys, Options{People: h}); err != nil {
		b.Fatal(err)
	}
	process(b, h.Worker(), varied(b, workload.Size1K, 4096), 256)
}

// benchmark takes b.N events of these through the pipeline, in batches.
func benchmark(b *testing.B, records []event.Record, batch int) {
	process(b, benchWorker(b), records, batch)
}

func process(b *testing.B, worker *Worker, records []event.Record, batch int) {
	var sink discard
	size := 0
	for part := range slices.Chunk(records, batch) { // once, so that caches and buffers have grown
		if err := worker.Process(part, &sink); err != nil {
			b.Fatal(err)
		}
	}
	if sink.forwarded != len(records) {
		b.Fatalf("want %d events forwarded, got %d", len(records), sink.forwarded)
	}
	for i := range records {
		size += len(records[i].Value)
	}
	b.SetBytes(int64(size / len(records)))
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; {
		from := done % len(records)
		part := records[from:min(from+batch, from+b.N-done, len(records))]
		if err := worker.Process(part, &sink); err != nil {
			b.Fatal(err)
		}
		done += len(part)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func benchWorker(tb testing.TB) *Worker {
	tb.Helper()
	file, err := workload.Write(tb.TempDir(), workload.Policy())
	if err != nil {
		tb.Fatal(err)
	}
	return load(tb, file, Options{}).Worker()
}

func record(value []byte) event.Record {
	return event.Record{Topic: workload.Topic, Time: time.Now().UnixMilli(), Value: value}
}

// varied gives events of a size, of 10,000 people.
func varied(tb testing.TB, size workload.Size, events int) []event.Record {
	tb.Helper()
	g, err := workload.NewSized(size, 1, 10_000)
	if err != nil {
		tb.Fatal(err)
	}
	records := make([]event.Record, events)
	for n := range records {
		_, value := g.Event(n)
		records[n] = record(value)
	}
	return records
}

// The sizes differ in what is dropped: what is let out has the same paths.
func TestSizesLetTheSameOut(t *testing.T) {
	want := &letOut{t: t, paths: map[string]bool{}}
	if err := benchWorker(t).Process([]event.Record{record(workload.Event())}, want); err != nil {
		t.Fatal(err)
	}
	if want.leaves != 27 {
		t.Errorf("want 27 leaves of the event, got %d", want.leaves)
	}
	for _, size := range []workload.Size{workload.Size1K, workload.Size3K, workload.Size10K} {
		got := &letOut{t: t, paths: map[string]bool{}}
		records := varied(t, size, 256)
		if err := benchWorker(t).Process(records, got); err != nil {
			t.Fatal(err)
		}
		if got.events != len(records) {
			t.Errorf("%s: want %d events forwarded, got %d", size, len(records), got.events)
		}
		if !maps.Equal(got.paths, want.paths) {
			t.Errorf("%s: want paths %v, got %v", size, slices.Sorted(maps.Keys(want.paths)), slices.Sorted(maps.Keys(got.paths)))
		}
		if mean := float64(got.leaves) / float64(got.events); mean < 27 || mean > 31 {
			t.Errorf("%s: want 27 to 31 leaves, got %.1f in the mean", size, mean)
		}
	}
}

// letOut notes the paths of what is forwarded, elements of arrays alike.
type letOut struct {
	t              *testing.T
	events, leaves int
	paths          map[string]bool
}

func (l *letOut) Forward(_ int, _ *event.Record, out *event.Output) error {
	var v any
	if err := json.Unmarshal(out.Value, &v); err != nil {
		l.t.Error(err)
	}
	l.events++
	l.note("$", v)
	return nil
}

func (l *letOut) note(path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			l.note(path+"."+name, member)
		}
	case []any:
		for _, element := range v {
			l.note(path+"[*]", element)
		}
	default:
		l.leaves++
		l.paths[path] = true
	}
}

func (l *letOut) Withhold(_ int, _ *event.Record, reason event.Reason) error {
	l.t.Errorf("withheld: %s", reason)
	return nil
}

func (l *letOut) Quarantine(q *event.Quarantined) error {
	l.t.Errorf("quarantined: %s", q.Reason)
	return nil
}

// Nothing is allocated for an event, whichever size it has, once the buffers have grown.
func TestProcessAllocatesNothing(t *testing.T) {
	for _, size := range []workload.Size{workload.Size1K, workload.Size3K, workload.Size10K} {
		worker, records := benchWorker(t), varied(t, size, 256)
		var sink discard
		allocs := math.Inf(1)
		for range 3 { // the least counts: what other tests left running allocates too
			allocs = min(allocs, testing.AllocsPerRun(10, func() {
				if err := worker.Process(records, &sink); err != nil {
					t.Fatal(err)
				}
			}))
		}
		if allocs != 0 {
			t.Errorf("%s: want 0 allocations for %d events, got %.0f", size, len(records), allocs)
		}
	}
}
