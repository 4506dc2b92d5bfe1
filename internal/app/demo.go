// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nymstream/nymstream/config/policies"
	"github.com/nymstream/nymstream/examples"
	"github.com/nymstream/nymstream/internal/pipeline"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/stream"
	"github.com/nymstream/nymstream/internal/telemetry"
)

const (
	demoPolicy     = "social.yaml"
	demoQuarantine = "nymstream.quarantine"
	demoPartitions = 3
)

// brokenEvents show that what cannot be read is sealed and set aside, and the partition goes on.
var brokenEvents = []string{
	`{"id": 1, "content": "cut off in the mid`,
	`{"account": {"id": "1"}, "account": {"id": "2"}}`,
	"{\"content\": \"not \xff UTF-8\"}",
}

// Demo sanitizes the bundled real events with the real pipeline and real transactions, on a broker inside the process.
// That broker keeps nothing: it is for looking, not for running.
func Demo(ctx context.Context, out io.Writer) error {
	text, err := policies.Files.ReadFile(demoPolicy)
	if err != nil {
		return err
	}
	plan, err := policy.LoadBytes(demoPolicy, text, policy.Packs(), ".")
	if err != nil {
		return err
	}
	keys, _, err := OpenKeys(plan, "", "")
	if err != nil {
		return err
	}
	p, err := pipeline.New(plan, keys, pipeline.Options{AssumeConsent: true})
	if err != nil {
		return err
	}
	d := &demo{plan: plan, pipeline: p, out: out, registry: prometheus.NewRegistry()}
	if err := d.startBroker(); err != nil {
		return err
	}
	defer d.broker.Close()
	if err := d.feed(ctx); err != nil {
		return err
	}
	began := time.Now()
	if err := d.run(ctx); err != nil {
		return err
	}
	took := time.Since(began)
	if err := d.samples(); err != nil {
		return err
	}
	return d.summary(ctx, took)
}

// demo is one showing.
type demo struct {
	plan     *policy.Plan
	pipeline *pipeline.Pipeline
	out      io.Writer
	registry *prometheus.Registry
	broker   *kfake.Cluster
	events   [][][]byte // by source
	fed      int
}

// startBroker starts the in-process broker with every topic of the policy.
func (d *demo) startBroker() error {
	topics := []string{demoQuarantine}
	for i := range d.plan.Sources {
		topics = append(topics, d.plan.Sources[i].Topics...)
	}
	for i := range d.plan.Recipients {
		topics = append(topics, d.plan.Recipients[i].Topic)
	}
	var err error
	d.broker, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(demoPartitions, topics...))
	if err != nil {
		return fmt.Errorf("start the demo's broker: %w", err)
	}
	return nil
}

// feed writes the bundled events to the sources' topics.
func (d *demo) feed(ctx context.Context) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(d.broker.ListenAddrs()...))
	if err != nil {
		return err
	}
	defer client.Close()
	for i := range d.plan.Sources {
		s := &d.plan.Sources[i]
		file, err := examples.Events.ReadFile("events/" + s.Name + ".jsonl")
		if err != nil {
			return fmt.Errorf("bundled events: %w", err)
		}
		lines := bytes.Split(bytes.TrimSpace(file), []byte("\n"))
		d.events = append(d.events, lines)
		if i == 0 {
			for _, b := range brokenEvents {
				lines = append(lines, []byte(b))
			}
		}
		var records []*kgo.Record
		for _, line := range lines {
			records = append(records, &kgo.Record{Topic: s.Topics[0], Value: line})
		}
		if err := client.ProduceSync(ctx, records...).FirstErr(); err != nil {
			return fmt.Errorf("feed the demo's broker: %w", err)
		}
		d.fed += len(records)
	}
	return nil
}

// run sanitizes until every event fed is committed.
func (d *demo) run(ctx context.Context) error {
	meters := newMeters(d.registry)
	var live atomic.Pointer[boundPlan]
	live.Store(&boundPlan{plan: d.plan, pipeline: d.pipeline})
	o := stream.Options{
		Connection: stream.Connection{Brokers: d.broker.ListenAddrs()},
		Group:      "demo", Instance: "demo", Quarantine: demoQuarantine, Logger: zerolog.Nop(), Registerer: d.registry,
	}
	for i := range d.plan.Sources {
		o.Sources = append(o.Sources, d.plan.Sources[i].Topics...)
	}
	o.Recipients = recipientTopics(d.plan)
	s, err := stream.New(o, func(int) (stream.Processor, error) { return meters.processor(&live), nil })
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ran:
			return errors.Join(err, errors.New("the stream ended early"))
		case <-tick.C:
			if in, err := d.sum(telemetry.RecordsIn, nil); err != nil || int(in) >= d.fed {
				stop()
				return errors.Join(err, <-ran)
			}
		}
	}
}

// sum adds up a counter over its labels; each, when set, sees every labeled value.
func (d *demo) sum(name string, each func(labels map[string]string, value float64)) (float64, error) {
	families, err := d.registry.Gather()
	if err != nil {
		return 0, err
	}
	at := slices.IndexFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == name })
	if at < 0 {
		return 0, nil
	}
	total := 0.0
	for _, m := range families[at].GetMetric() {
		total += m.GetCounter().GetValue()
		if each == nil {
			continue
		}
		labels := map[string]string{}
		for _, l := range m.GetLabel() {
			labels[l.GetName()] = l.GetValue()
		}
		each(labels, m.GetCounter().GetValue())
	}
	return total, nil
}

// samples prints one event of every source, before and after, for the recipients that get it.
func (d *demo) samples() error {
	for source := range d.plan.Sources {
		x, err := d.sample(source)
		if err != nil {
			return err
		}
		if x == nil {
			fmt.Fprintf(d.out, "\n%s: no event of the sample is forwarded\n", d.plan.Sources[source].Name)
			continue
		}
		if err := printBeforeAfter(d.out, x); err != nil {
			return err
		}
	}
	return nil
}

// screenful is how many leaves a shown event has at most.
const screenful = 45

// sample picks the event of which most leaves reach most recipients, among those short enough for a screen.
func (d *demo) sample(source int) (best *pipeline.Explanation, err error) {
	most := 0
	for _, payload := range d.events[source] {
		events, err := d.pipeline.Explain(source, nil, payload)
		if err != nil {
			return nil, err
		}
		for _, x := range events {
			if left := leavesLeft(x); left > most && len(x.Leaves) <= screenful {
				best, most = x, left
			}
		}
	}
	return best, nil
}

func leavesLeft(x *pipeline.Explanation) int {
	left := 0
	for i := range x.Leaves {
		for _, f := range x.Leaves[i].Fates {
			if f.After != "" {
				left++
			}
		}
	}
	return left
}

// summary prints what the broker now holds, and what became of every event for every recipient.
func (d *demo) summary(ctx context.Context, took time.Duration) error {
	fmt.Fprintf(d.out, "\n%d events of %d sources in %.2f s (%.0f events/s), each committed together with its offset\n",
		d.fed, len(d.plan.Sources), took.Seconds(), float64(d.fed)/took.Seconds())
	for i := range d.plan.Recipients {
		r := &d.plan.Recipients[i]
		read, err := d.countCommitted(ctx, r.Topic)
		if err != nil {
			return err
		}
		fmt.Fprintf(d.out, "\n%s (%s, purpose %s)\n", r.Name, r.Role, d.plan.Purposes[r.Purpose].Name)
		fmt.Fprintf(d.out, "  forwarded    %5d  read back from %s, committed only\n", read, r.Topic)
		for _, outcome := range []struct{ word, metric string }{{"withheld", telemetry.RecordsWithheld}, {"quarantined", telemetry.RecordsQuarantined}} {
			_, err := d.sum(outcome.metric, func(labels map[string]string, value float64) {
				if labels[telemetry.LabelRecipient] == r.Name && value > 0 {
					fmt.Fprintf(d.out, "  %-12s %5.0f  %s\n", outcome.word, value, labels[telemetry.LabelReason])
				}
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// countCommitted reads a topic to its end as a read_committed consumer sees it.
func (d *demo) countCommitted(ctx context.Context, topic string) (int, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(d.broker.ListenAddrs()...), kgo.ConsumeTopics(topic),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(50*time.Millisecond))
	if err != nil {
		return 0, err
	}
	defer client.Close()
	n := 0
	for {
		wait, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		fetches := client.PollFetches(wait)
		cancel()
		if ctx.Err() != nil {
			return n, ctx.Err()
		}
		if fetches.NumRecords() == 0 {
			return n, nil
		}
		n += fetches.NumRecords()
	}
}
