// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"

	"github.com/nymstream/nymstream/internal/config"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/stream"
)

// Two variables that only the chaos harness sets: a folder of hold points, and offsets read without RequireStable.
const (
	chaosPause    = "NYMSTREAM_CHAOS_PAUSE"
	chaosUnstable = "NYMSTREAM_CHAOS_UNSTABLE_OFFSETS"
)

// connection gives what every client of the configured cluster needs.
func connection(c *config.Config) (stream.Connection, error) {
	conn := stream.Connection{Brokers: c.Kafka.Brokers, ClientID: c.Kafka.ClientID}
	var err error
	if conn.TLS, err = c.Kafka.TLS.ClientConfig(); err != nil {
		return conn, err
	}
	if c.Kafka.SASL.Mechanism != "" {
		conn.SASL, err = stream.SASL(c.Kafka.SASL.Mechanism, c.Kafka.SASL.Username, c.Kafka.SASL.Password.Reveal())
	}
	return conn, err
}

func streamOptions(c *config.Config, plan *policy.Plan, lookup func(string) (string, bool)) (stream.Options, error) {
	conn, err := connection(c)
	if err != nil {
		return stream.Options{}, err
	}
	o := stream.Options{
		Connection: conn,
		Group:      c.Group,
		Instance:   c.Instance,
		Quarantine: c.Quarantine.Topic,

		Workers:            c.Workers,
		CommitInterval:     c.CommitInterval,
		TransactionTimeout: c.TransactionTimeout,
		SessionTimeout:     c.SessionTimeout,
		RebalanceTimeout:   c.RebalanceTimeout,
		DrainTimeout:       c.DrainTimeout,
		FetchBytes:         int(c.Fetch.Budget),
		MaxBatchBytes:      int(c.Limits.Decompressed),
	}
	if c.Start == "latest" {
		o.Start = stream.Latest
	}
	if c.Output.Compression == "none" {
		o.Uncompressed = true
	} else if o.Codec, err = stream.ParseCodec(c.Output.Compression); err != nil {
		return o, fmt.Errorf("output.compression: %w", err)
	}
	for i := range plan.Sources {
		o.Sources = append(o.Sources, plan.Sources[i].Topics...)
	}
	o.Recipients = recipientTopics(plan)
	if dir, on := lookup(chaosPause); on && dir != "" {
		o.Hold = stream.HoldByFile(dir, c.Instance)
	}
	if v, _ := lookup(chaosUnstable); v == "1" {
		o.UnstableOffsets = true
	}
	return o, nil
}

// recipientTopics tells the stream where each recipient's records go and where they come from.
func recipientTopics(plan *policy.Plan) []stream.Recipient {
	out := make([]stream.Recipient, len(plan.Recipients))
	for i := range plan.Recipients {
		r := &plan.Recipients[i]
		out[i] = stream.Recipient{Name: r.Name, Topic: r.Topic, PartitionBySource: r.PartitionBy == "source", Retention: r.Retention}
	}
	for i := range plan.Flows {
		f := &plan.Flows[i]
		out[f.Recipient].Sources = append(out[f.Recipient].Sources, plan.Sources[f.Source].Topics...)
	}
	return out
}
