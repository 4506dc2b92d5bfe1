// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/policy"
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

// BenchmarkProcess takes a social event of 1.3 KB with 51 leaves through the whole pipeline, for one recipient:
// 6 pseudonyms and an output key, 2 seals, 6 generalized, the rest typed keeps.
func BenchmarkProcess(b *testing.B) {
	payload := workload.Event()
	file, err := workload.Write(b.TempDir(), workload.Policy())
	if err != nil {
		b.Fatal(err)
	}
	worker := load(b, file, Options{}).Worker()
	batch := []event.Record{{Topic: workload.Topic, Time: time.Now().UnixMilli(), Value: payload}}
	var sink discard
	if err := worker.Process(batch, &sink); err != nil || sink.forwarded != 1 {
		b.Fatalf("forwarded %d, error %v", sink.forwarded, err)
	}
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		if err := worker.Process(batch, &sink); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
