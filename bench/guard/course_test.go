// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/pipeline"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/workload"
)

// course is one workload with both that run on it.
type course struct {
	worker   *pipeline.Worker
	baseline *Baseline
	records  []event.Record
}

func newCourse(t *testing.T, events [][]byte) *course {
	t.Helper()
	file, err := workload.Write(t.TempDir(), workload.Policy())
	if err != nil {
		t.Fatal(err)
	}
	plan, err := policy.Load(file, policy.Packs())
	if err != nil {
		t.Fatal(err)
	}
	keys, err := keyring.Ephemeral("guard", []string{plan.Recipients[0].Name}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	p, err := pipeline.New(plan, keys, pipeline.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := &course{worker: p.Worker()}
	if c.baseline, err = NewBaseline(); err != nil {
		t.Fatal(err)
	}
	for _, value := range events {
		c.records = append(c.records, event.Record{Topic: workload.Topic, Time: -1, Value: value})
	}
	return c
}

// varied gives events of 10,000 people.
func varied(t *testing.T, size workload.Size, events int) [][]byte {
	t.Helper()
	g, err := workload.NewSized(size, 1, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	all := make([][]byte, events)
	for n := range all {
		_, all[n] = g.Event(n)
	}
	return all
}

// outputs keeps what is forwarded.
type outputs struct {
	values [][]byte
	others int
}

func (o *outputs) Forward(_ int, _ *event.Record, out *event.Output) error {
	o.values = append(o.values, append([]byte(nil), out.Value...))
	return nil
}

func (o *outputs) Withhold(int, *event.Record, event.Reason) error {
	o.others++
	return nil
}

func (o *outputs) Quarantine(*event.Quarantined) error {
	o.others++
	return nil
}
