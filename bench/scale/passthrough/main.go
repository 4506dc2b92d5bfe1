// SPDX-License-Identifier: Apache-2.0

// Command passthrough forwards every record unchanged through the product's own stream, exactly once, with transactions of a given
// length: what the latency of `nymstream run` is compared with. It is for `make bench-latency` only.
package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/stream"
)

func main() {
	brokers := flag.String("brokers", "", "host:port, separated by commas")
	group := flag.String("group", "", "consumer group")
	in := flag.String("in", "", "source topic")
	out := flag.String("out", "", "output topic")
	quarantine := flag.String("quarantine", "", "quarantine topic; stays empty")
	commit := flag.Duration("commit", 100*time.Millisecond, "length of a transaction")
	flag.Parse()
	log := zerolog.New(os.Stderr)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	// What is not set here is the product's default too.
	s, err := stream.New(stream.Options{
		Connection: stream.Connection{Brokers: strings.Split(*brokers, ","), ClientID: "passthrough"},
		Group:      *group, Instance: "bench", Sources: []string{*in}, Quarantine: *quarantine,
		Recipients:     []stream.Recipient{{Name: "all", Topic: *out}},
		CommitInterval: *commit, MaxBatchBytes: 64 << 20,
		Logger: log,
	}, func(int) (stream.Processor, error) { return &forward{}, nil })
	if err == nil {
		err = s.Run(ctx)
	}
	if err != nil {
		log.Error().Err(err).Msg("stopped")
		os.Exit(1)
	}
}

// forward is a Processor that decides nothing.
type forward struct{ output event.Output }

func (f *forward) Process(batch []event.Record, sink event.Sink) error {
	for i := range batch {
		f.output = event.Output{Key: batch[i].Key, Value: batch[i].Value, Headers: batch[i].Headers, Time: batch[i].Time}
		if err := sink.Forward(0, &batch[i], &f.output); err != nil {
			return err
		}
	}
	return nil
}

func (*forward) Seal([]byte, *event.Quarantined) ([]byte, error) {
	return nil, errors.New("a pass-through quarantines nothing")
}
