// SPDX-License-Identifier: Apache-2.0

// Command passthrough forwards every record unchanged through the product's own stream, exactly once: what is left of the cost
// of `nymstream run` when nothing is sanitized. It is for `make bench` only.
package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/signal"
	"runtime/pprof"
	"strings"
	"syscall"

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
	workers := flag.Int("workers", 0, "transactions at a time; 0: as many as cores")
	commit := flag.Duration("commit", 0, "commit interval; 0: the product's default")
	profile := flag.String("profile", "", "file for a CPU profile of the whole run")
	flag.Parse()
	log := zerolog.New(os.Stderr)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if *profile != "" {
		f, err := os.Create(*profile)
		if err == nil {
			err = pprof.StartCPUProfile(f)
		}
		if err != nil {
			log.Error().Err(err).Msg("could not profile")
			os.Exit(1)
		}
		defer pprof.StopCPUProfile()
	}
	// What is not set here is the product's default too.
	s, err := stream.New(stream.Options{
		Connection: stream.Connection{Brokers: strings.Split(*brokers, ","), ClientID: "passthrough"},
		Group:      *group, Instance: "bench", Sources: []string{*in}, Quarantine: *quarantine,
		Recipients:     []stream.Recipient{{Name: "all", Topic: *out}},
		Workers:        *workers,
		CommitInterval: *commit,
		MaxBatchBytes:  64 << 20,
		Logger:         log,
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
