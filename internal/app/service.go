// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/nymstream/nymstream/internal/config"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/pipeline"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/rewrite"
	"github.com/nymstream/nymstream/internal/stream"
	"github.com/nymstream/nymstream/internal/telemetry"
)

// ErrDown says that something the process depends on cannot be reached.
var ErrDown = errors.New("a dependency is down")

// Service is the running process: everything of the house, wired.
type Service struct {
	config   *config.Config
	plan     *policy.Plan
	keys     *keyring.Keyring
	stream   *stream.Stream
	log      zerolog.Logger
	registry *prometheus.Registry
}

// ServiceOptions are what the process hands in beside its configuration.
type ServiceOptions struct {
	Config  *config.Config
	Version string
	Err     io.Writer // the log
	Lookup  func(string) (string, bool)
}

// New loads policy and keys and wires the service. It connects to nothing.
func New(o ServiceOptions) (*Service, error) {
	s := &Service{config: o.Config}
	var err error
	s.log, err = telemetry.NewLogger(o.Err, telemetry.LogOptions{
		Level: o.Config.Log.Level, Format: o.Config.Log.Format, Version: o.Version, Instance: o.Config.Instance,
	})
	if err != nil {
		return nil, err
	}
	if s.plan, err = policy.Load(o.Config.Policy, policy.Packs()); err != nil {
		return nil, err
	}
	if s.keys, err = KeyringOf(o.Config).Open(); err != nil {
		return nil, err
	}
	p, err := pipeline.New(s.plan, s.keys, pipeline.Options{
		AssumeConsent: o.Config.AssumeConsent,
		Limits:        rewrite.Options{MaxDepth: o.Config.Limits.Depth, MaxBytes: int(o.Config.Limits.Record)},
	})
	if err != nil {
		return nil, err
	}
	s.registry = telemetry.NewRegistry(o.Version)
	meters := newMeters(s.registry, s.plan)
	options, err := streamOptions(o.Config, s.plan, o.Lookup)
	if err != nil {
		return nil, err
	}
	options.Logger, options.Registerer = s.log, s.registry
	s.stream, err = stream.New(options, func(int) (stream.Processor, error) { return meters.processor(p.Worker()), nil })
	return s, err
}

// Check asks the cluster whether topics and rights are as the service needs them. Warnings keep nothing from running.
func (s *Service) Check(ctx context.Context) (warnings []string, err error) {
	warnings, err = s.stream.Check(ctx)
	if errors.Is(err, event.ErrTransient) {
		err = fmt.Errorf("%w: %w", ErrDown, err)
	}
	return warnings, err
}

// Run serves until ctx ends, then finishes the batches in hand, commits and leaves the group.
func (s *Service) Run(ctx context.Context) error {
	if s.config.MemoryLimit > 0 {
		debug.SetMemoryLimit(int64(s.config.MemoryLimit))
	}
	settle()
	if s.config.AssumeConsent {
		s.log.Warn().Msg("consent was assumed: events are forwarded for purposes whose basis is consent although nobody was asked")
	}
	if err := s.prepareKeys(); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", s.config.HTTP.Listen)
	if err != nil {
		return fmt.Errorf("http.listen: %w", err)
	}
	server := telemetry.NewServer(listener, telemetry.ServerOptions{
		Ready: s.stream.Ready, Metrics: s.registry, Pprof: s.config.HTTP.Pprof, Log: s.log,
	})
	s.log.Info().Str(telemetry.KeyPlan, s.plan.Hash).Str(telemetry.KeyGroup, s.config.Group).Str(telemetry.KeyAddress, listener.Addr().String()).Msg("service started")
	work, ctx := errgroup.WithContext(ctx)
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	work.Go(func() error { return server.Run(serving) })
	work.Go(func() error { return s.keepKeys(ctx) })
	work.Go(func() error {
		defer stopServing() // health answers while the stream drains
		return s.stream.Run(ctx)
	})
	err = work.Wait()
	if errors.Is(err, stream.ErrFenced) {
		err = fmt.Errorf("%w: %w", ErrDown, err)
	}
	s.log.Info().Err(err).Msg("service stopped")
	return err
}

// keyInterval is how soon keys that another process made are taken over. Keys are made a day before they are needed.
const keyInterval = time.Minute

// prepareKeys makes at start what the policy's recipients need: without it nothing may flow.
func (s *Service) prepareKeys() error {
	err := Update(s.keys, s.plan, time.Now())
	if errors.Is(err, os.ErrPermission) {
		s.log.Warn().Err(err).Msg("keyring could not be written: somebody else must run `nymstream keys epoch --update` every day")
		return nil
	}
	return err
}

// keepKeys takes over what other processes changed and makes coming keys, until ctx ends.
func (s *Service) keepKeys(ctx context.Context) error {
	tick := time.NewTicker(keyInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			if err := errors.Join(s.keys.Reload(), Update(s.keys, s.plan, now)); err != nil {
				s.log.Error().Err(err).Msg("coming keys were not made")
			}
		}
	}
}

// meters count what only the pipeline sees.
type meters struct {
	plan    *policy.Plan
	seconds prometheus.Histogram
	dropped *prometheus.CounterVec
}

func newMeters(r prometheus.Registerer, plan *policy.Plan) *meters {
	m := &meters{plan: plan,
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: telemetry.RewriteSeconds, Help: "Time to sanitize one batch of one partition.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2.5, 12)}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{Name: telemetry.LeavesDropped, Help: "Leaves dropped although a rule names them."},
			[]string{telemetry.LabelSource, telemetry.LabelRecipient, telemetry.LabelWhy}),
	}
	r.MustRegister(m.seconds, m.dropped)
	return m
}

func (m *meters) processor(w *pipeline.Worker) stream.Processor { return &meteredProcessor{w, m} }

// meteredProcessor is a pipeline worker that tells the meters.
type meteredProcessor struct {
	*pipeline.Worker
	meters *meters
}

func (p *meteredProcessor) Process(batch []event.Record, sink event.Sink) error {
	began := time.Now()
	err := p.Worker.Process(batch, sink)
	p.meters.seconds.Observe(time.Since(began).Seconds())
	p.Worker.Misfits(func(flow int, leaves uint64) {
		f := &p.meters.plan.Flows[flow]
		p.meters.dropped.WithLabelValues(p.meters.plan.Sources[f.Source].Name, p.meters.plan.Recipients[f.Recipient].Name, "misfit").Add(float64(leaves))
	})
	return err
}
