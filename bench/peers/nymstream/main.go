// SPDX-License-Identifier: Apache-2.0

//go:build unix

// Command nymstream is the product as a contender of `make bench-peers`: its pipeline in process, stateless, for one recipient, with the
// defaults of `nymstream run`. From Kafka to Kafka the harness runs the product itself.
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/nymstream/nymstream/bench/contender"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/pipeline"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/workload"
)

func main() {
	os.Exit(contender.Contender{Transform: transform}.Main(os.Args[1:]))
}

func transform() (contender.Sanitize, error) {
	p, err := compile()
	if err != nil {
		return nil, err
	}
	worker, kept := p.Worker(), &last{}
	batch := []event.Record{{Topic: workload.Topic, Time: time.Now().UnixMilli()}}
	return func(e []byte) ([]byte, error) {
		kept.value = kept.value[:0]
		batch[0].Value = e
		err := worker.Process(batch, kept)
		return kept.value, err
	}, nil
}

// compile binds the benchmark's policy to fresh keys.
func compile() (*pipeline.Pipeline, error) {
	dir, err := os.MkdirTemp("", "nymstream-bench")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file, err := workload.Write(dir, workload.Policy())
	if err != nil {
		return nil, err
	}
	plan, err := policy.Load(file, policy.Packs())
	if err != nil {
		return nil, err
	}
	var names []string
	for i := range plan.Recipients {
		names = append(names, plan.Recipients[i].Name)
	}
	keys, err := keyring.Ephemeral("bench", names, time.Now())
	if err != nil {
		return nil, err
	}
	return pipeline.New(plan, keys, pipeline.Options{AssumeConsent: true})
}

// last is a sink that copies each value out, as a producer's batch does. Nothing of the corpus may be withheld or quarantined.
type last struct{ value []byte }

func (l *last) Forward(_ int, _ *event.Record, out *event.Output) error {
	l.value = append(l.value, out.Value...)
	return nil
}

func (*last) Withhold(_ int, _ *event.Record, why event.Reason) error {
	return fmt.Errorf("withheld: %s", why)
}

func (*last) Quarantine(q *event.Quarantined) error {
	return fmt.Errorf("quarantined: %s", q.Reason)
}
